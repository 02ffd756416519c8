"""The CoAP message layer and requests, RFC 7252 sections 4 and 5. Pure: datagrams and time in, datagrams out.

What a request means is not known here. `handler(peer, code, token, options, payload) -> (code, options, payload)`
answers one, and is the seam: OSCORE and block-wise transfer are handlers around the server's own. Code EMPTY answers
nothing but the acknowledgement of a confirmable: the handler has no more to say (RFC 7967), or says it later (section
5.2.2) by `respond`.
"""

from micropython import const
from toscore import coap
from toscore.errors import WireError

_ACK_TIMEOUT_MS = const(2000)
_ACK_SPREAD_MS = const(1000)  # ACK_RANDOM_FACTOR 1.5
_MAX_RETRANSMIT = const(4)
_EXCHANGE_LIFETIME_MS = const(247000)
_MAX_SEEN = const(32)
_SEEN_B = const(4096)  # of replies: under OSCORE every request is a POST, and its reply may be a block
_MAX_WAITING = const(32)


class Exchange:
    """One endpoint.

    handler: see above. rng(n) -> n bytes. reset(peer, message id): a peer rejected a message of ours.
    Datagrams to send gather in `out` as (peer, bytes); the caller sends and clears them after each call.
    All times are ms of one monotonic clock.
    """

    def __init__(self, handler, rng, reset):
        self.out = []
        self._handler = handler
        self._rng = rng
        self._reset = reset
        self._mid = int.from_bytes(rng(2), "big")
        self._seen = []  # [peer, message id, expires, reply] of what must not be done twice
        self._waiting = []  # [peer, message id, due, timeout, tries left, datagram, done] of confirmables; of each peer
        # the first is on its way, and the others are due at None (NSTART is 1, section 4.7)
        self._requests = {}  # {(peer, token): (expires, done, message id)}

    def receive(self, now, peer, data):
        """One datagram came in. Raises WireError when it is malformed; a malformed confirmable was reset then."""
        try:
            kind, code, mid, token, options, payload = coap.decode(data)
        except WireError:
            if len(data) >= 4 and data[0] >> 4 == 4:
                self._send(peer, coap.RST, data[2] << 8 | data[3])
            raise
        if kind == coap.ACK or kind == coap.RST:
            self._settle(now, peer, mid, kind == coap.RST)
        if 64 <= code < 192:
            self._response(now, peer, kind, code, mid, token, options, payload)
        elif kind == coap.CON and (code == coap.EMPTY or code >= 32):
            self._send(peer, coap.RST, mid)  # a ping, or a reserved class
        elif kind < coap.ACK and 0 < code < 32 and not self._again(now, peer, kind, mid):
            self._request(now, peer, kind, code, mid, token, options, payload)

    def _again(self, now, peer, kind, mid):
        """Whether this message came before; a confirmable is answered as it was then."""
        for seen in self._seen:
            if seen[1] == mid and seen[0] == peer and seen[2] > now:
                if kind == coap.CON and seen[3]:
                    self.out.append((peer, seen[3]))
                return True
        return False

    def _remember(self, now, peer, mid, reply):
        seen = self._seen
        while seen:
            sizes = [len(s[3]) for s in seen]
            if len(seen) < _MAX_SEEN and sum(sizes) + len(reply) <= _SEEN_B:
                break
            # A confirmable comes again when its answer is lost; what was not confirmable, and has none here, only by
            # mistake, and of those a game pad sends 60 a second.
            seen.pop(sizes.index(0) if 0 in sizes else 0)
        seen.append((peer, mid, now + _EXCHANGE_LIFETIME_MS, reply))

    def _request(self, now, peer, kind, code, mid, token, options, payload):
        method = code
        code, options, payload = self._handler(peer, code, token, options, payload)
        if code == coap.EMPTY:
            reply = coap.encode(coap.ACK, coap.EMPTY, mid)
        elif kind == coap.CON:
            reply = coap.encode(coap.ACK, code, mid, token, options, payload)
        else:
            reply = coap.encode(coap.NON, code, self._next_mid(), token, options, payload)
        # GET may be answered again (RFC 7252 section 4.5); its answers would be too large to keep.
        if method != coap.GET or code == coap.EMPTY:
            self._remember(now, peer, mid, reply if kind == coap.CON else b"")
        if code != coap.EMPTY or kind == coap.CON:
            self.out.append((peer, reply))

    def _response(self, now, peer, kind, code, mid, token, options, payload):
        if kind == coap.CON and self._again(now, peer, kind, mid):
            return  # our acknowledgement was lost
        request = self._requests.pop((peer, bytes(token)), None)
        if kind == coap.CON:
            self._send(peer, coap.ACK if request else coap.RST, mid)
            if request:
                self._remember(now, peer, mid, self.out[-1][1])
        if request:
            self._stop(now, peer, request[2])
            request[1](code, options, payload)

    def request(self, now, peer, code, options, payload, done, confirmable=True):
        """Ask a peer -> token. done(code, options, payload) is called once; with code None when no answer came."""
        token = self._rng(4)
        mid = self._next_mid()
        key = (peer, token)

        def settled(acknowledged):
            if not acknowledged and self._requests.pop(key, None):
                done(None, (), b"")

        self._requests[key] = (now + _EXCHANGE_LIFETIME_MS, done, mid)
        data = coap.encode(coap.CON if confirmable else coap.NON, code, mid, token, options, payload)
        self._transmit(now, peer, mid, data, confirmable, settled)
        return token

    def cancel(self, now, peer, token):
        """Forget a request: done is not called."""
        request = self._requests.pop((peer, token), None)
        if request:
            self._stop(now, peer, request[2])

    def respond(self, now, peer, code, token, options, payload, confirmable, settled):
        """A response in a message of its own -> its message id: a notification (RFC 7641), or what a handler puts off.
        A confirmable one, as the latter must be, ends in settled(acknowledged: bool)."""
        mid = self._next_mid()
        data = coap.encode(coap.CON if confirmable else coap.NON, code, mid, token, options, payload)
        self._transmit(now, peer, mid, data, confirmable, settled)
        return mid

    def tick(self, now):
        """Retransmit and give up what is due. Returns ms until the next call is needed, or None."""
        first = None
        for waiting in self._waiting[:]:
            due = waiting[2]
            if due is None or waiting not in self._waiting:
                continue
            if due <= now:
                if waiting[4] == 0:
                    self._give_up(waiting[0])
                    continue
                waiting[3] *= 2
                due = waiting[2] = now + waiting[3]
                waiting[4] -= 1
                self.out.append((waiting[0], waiting[5]))
            if first is None or due < first:
                first = due
        for key in list(self._requests):
            expires, done, _ = self._requests.get(key, (now + 1, None, 0))
            if expires <= now:
                del self._requests[key]
                done(None, (), b"")
            elif first is None or expires < first:
                first = expires
        return None if first is None else first - now

    def _transmit(self, now, peer, mid, data, confirmable, settled):
        if not confirmable:
            self.out.append((peer, data))
            return
        if len(self._waiting) == _MAX_WAITING:
            settled(False)
            return
        timeout = _ACK_TIMEOUT_MS + int.from_bytes(self._rng(2), "big") * _ACK_SPREAD_MS // 65536
        self._waiting.append([peer, mid, None, timeout, _MAX_RETRANSMIT, data, settled])
        self._start(now, peer)

    def _start(self, now, peer):
        """Send the first confirmable for this peer, unless it is on its way."""
        for waiting in self._waiting:
            if waiting[0] == peer:
                if waiting[2] is None:
                    waiting[2] = now + waiting[3]
                    self.out.append((peer, waiting[5]))
                return

    def _give_up(self, peer):
        """The peer is gone: what waits for its turn would only wait for the same."""
        gone = []
        for waiting in self._waiting[:]:
            if waiting[0] == peer:
                self._waiting.remove(waiting)
                gone.append(waiting)
        for waiting in gone:
            waiting[6](False)

    def _settle(self, now, peer, mid, rejected):
        """An ACK or RST came for a message of ours."""
        waiting = self._stop(now, peer, mid)
        if waiting:
            waiting[6](not rejected)
        if rejected:
            self._reset(peer, mid)

    def _stop(self, now, peer, mid):
        for waiting in self._waiting:
            if waiting[1] == mid and waiting[0] == peer:
                self._waiting.remove(waiting)
                self._start(now, peer)
                return waiting
        return None

    def _send(self, peer, kind, mid):
        self.out.append((peer, coap.encode(kind, coap.EMPTY, mid)))

    def _next_mid(self):
        self._mid = self._mid + 1 & 0xFFFF
        return self._mid
