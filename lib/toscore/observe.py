"""Who observes what on this server, RFC 7641. Pure."""

from micropython import const

_MAX_OBSERVERS = const(16)
_CONFIRM_EVERY_MS = const(60000)  # so that an observer that went away is noticed (section 4.5: at least once a day)


class Observer:
    """One peer's interest in one path. pending: a confirmable notification is on its way. exponent: the size of the
    blocks that it wants, see block.py. seal: what its notifications are protected with; not known here."""

    def __init__(self, now, peer, token, path, exponent, seal):
        self.peer = peer
        self.token = token
        self.path = path
        self.exponent = exponent
        self.seal = seal
        self.mid = None
        self.confirmed = now
        self.pending = False
        self.dirty = False


class Observers:
    """A bounded list; a second interest with the same peer and token replaces the first (section 4.1)."""

    def __init__(self):
        self._all = []
        self._sequence = 0

    def add(self, now, peer, token, path, exponent=6, seal=None):
        """False when there is no room."""
        self.remove(peer, token)
        if len(self._all) == _MAX_OBSERVERS:
            return False
        self._all.append(Observer(now, peer, bytes(token), path, exponent, seal))
        return True

    def remove(self, peer, token):
        self._all = [o for o in self._all if o.peer != peer or o.token != token]

    def keep(self, wanted):
        """Forget whoever is not wanted(observer)."""
        self._all = [o for o in self._all if wanted(o)]

    def reset(self, peer, mid):
        """The peer rejected this message: whoever it notified is gone. True if there was one."""
        before = len(self._all)
        self._all = [o for o in self._all if o.peer != peer or o.mid != mid]
        return len(self._all) < before

    def mark(self, path):
        """What is at this path changed. Returns True if anyone cares."""
        cared = False
        for o in self._all:
            if o.path == path:
                o.dirty = cared = True
        return cared

    def due(self):
        """Observers that must hear of a change now; one whose confirmable is under way waits (section 4.5.1)."""
        return [o for o in self._all if o.dirty and not o.pending]

    def sequence(self):
        """The Observe option of the next response or notification (section 4.4)."""
        self._sequence = self._sequence + 1 & 0xFFFFFF
        return self._sequence

    def begin(self, now, observer):
        """A notification for this observer is being made. Returns whether it must be confirmable."""
        observer.dirty = False
        if now - observer.confirmed < _CONFIRM_EVERY_MS:
            return False
        observer.confirmed = now
        observer.pending = True
        return True

    def settled(self, observer, acknowledged):
        """A confirmable notification was acknowledged, or the observer is gone. Returns whether it stays."""
        observer.pending = False
        if not acknowledged:
            self.remove(observer.peer, observer.token)
        return acknowledged
