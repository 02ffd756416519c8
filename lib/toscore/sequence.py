"""Sequence numbers of OSCORE: which may be sent, which came before (RFC 8613 sections 7.2, 7.4, B.1). Pure."""

from micropython import const
from toscore.errors import StoreError

_OSCORE_SPENT = const(422)

LAST = (1 << 40) - 1
_AHEAD = const(128)
_WINDOW = const(32)


class Reserve:
    """Numbers that no restart repeats (section B.1.1).

    start: what persist was last called with; 0 for a new key. persist(n): durable when it returns; raises StoreError.
    at: the next one. end: the first that is not reserved.
    """

    def __init__(self, start, persist):
        self.at = self.end = start
        self._persist = persist

    def next(self):
        """The number to send with. Raises StoreError when none is left for this key, or it cannot be reserved."""
        n = self.at
        if n == self.end:
            if n > LAST:
                raise StoreError(_OSCORE_SPENT)
            end = min(n + _AHEAD, LAST + 1)
            self._persist(end)
            self.end = end
        self.at = n + 1
        return n


class Window:
    """The last 32 numbers of requests that came (section 7.4)."""

    def __init__(self):
        self.known = False  # after a cold boot nobody knows what came
        self.echo = None  # what a peer must repeat then, and
        self.challenged = -1  # the highest number that was asked to
        self.top = -1
        self.seen = 0  # bit n: top - n came

    def allows(self, n):
        """Whether it did not come yet. True also while nothing is known."""
        behind = self.top - n
        return behind < 0 or (behind < _WINDOW and not self.seen >> behind & 1)

    def add(self, n):
        """It came; it is allowed."""
        ahead = n - self.top
        if ahead > 0:
            self.seen = (self.seen << (ahead if ahead < _WINDOW else _WINDOW) | 1) & (1 << _WINDOW) - 1
            self.top = n
        else:
            self.seen |= 1 << -ahead

    def begin(self, n=-1):
        """That number is shown to be fresh, and all up to it are past (section B.1.2). For a new key: without n."""
        self.known = True
        self.top = n
        self.seen = (1 << _WINDOW) - 1


class Notifications:
    """What came of one observation: its client's Notification Number (section 7.4.1)."""

    def __init__(self):
        self._number = None

    def newer(self, n):
        """Whether a notification is newer than all before. n: its number; None, without one, is older than any."""
        n = -1 if n is None else n
        if self._number is not None and n <= self._number:
            return False
        self._number = n
        return True
