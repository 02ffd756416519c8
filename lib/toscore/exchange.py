"""The CoAP message layer and requests, RFC 7252 sections 4 and 5. Pure: datagrams and time in, datagrams out.

What a request means is not known here. `handler(peer, code, token, options, payload) -> (code, options, payload)`
answers one, and is the seam: OSCORE and block-wise transfer are handlers around the server's own.
"""

from micropython import const
from toscore import coap
from toscore.errors import WireError

_ACK_TIMEOUT_MS = const(2000)
_ACK_SPREAD_MS = const(1000)  # ACK_RANDOM_FACTOR 1.5
_MAX_RETRANSMIT = const(4)
_EXCHANGE_LIFETIME_MS = const(247000)
_MAX_SEEN = const(32)
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
        self._seen = []  # [peer, message id, expires, reply] of requests that must not be done twice
        self._waiting = []  # [peer, message id, due, timeout, tries left, datagram, done] of confirmables
        self._requests = {}  # {(peer, token): (expires, done, message id)}

    def receive(self, now, peer, data):
        """One datagram came in. Raises WireError when it is malformed; a malformed confirmable was reset then."""
        try:
            kind, code, mid, token, options, payload = coap.decode(data)
        except WireError:
            if len(data) >= 4 and data[0] >> 4 == 4:
                self._send(peer, coap.RST, coap.EMPTY, data[2] << 8 | data[3])
            raise
        if kind == coap.ACK or kind == coap.RST:
            self._settle(peer, mid, kind == coap.RST)
        if 64 <= code < 192:
            self._response(peer, kind, code, mid, token, options, payload)
        elif kind == coap.CON and (code == coap.EMPTY or code >= 32):
            self._send(peer, coap.RST, coap.EMPTY, mid)  # a ping, or a reserved class
        elif kind < coap.ACK and 0 < code < 32:
            self._request(now, peer, kind, code, mid, token, options, payload)

    def _request(self, now, peer, kind, code, mid, token, options, payload):
        # GET may be answered again (RFC 7252 section 4.5); its answers would be too large to keep.
        once = code != coap.GET
        if once:
            for seen in self._seen:
                if seen[1] == mid and seen[0] == peer and seen[2] > now:
                    if kind == coap.CON:
                        self.out.append((peer, seen[3]))
                    return
        code, options, payload = self._handler(peer, code, token, options, payload)
        if kind == coap.CON:
            reply = coap.encode(coap.ACK, code, mid, token, options, payload)
        else:
            reply = coap.encode(coap.NON, code, self._next_mid(), token, options, payload)
        if once:
            if len(self._seen) == _MAX_SEEN:
                self._seen.pop(0)
            self._seen.append((peer, mid, now + _EXCHANGE_LIFETIME_MS, reply))
        self.out.append((peer, reply))

    def _response(self, peer, kind, code, mid, token, options, payload):
        request = self._requests.pop((peer, bytes(token)), None)
        if kind == coap.CON:
            self._send(peer, coap.ACK if request else coap.RST, coap.EMPTY, mid)
        if request:
            self._stop(peer, request[2])
            request[1](code, options, payload)

    def request(self, now, peer, code, options, payload, done, confirmable=True):
        """Ask a peer. done(code, options, payload) is called once; with code None when no answer came in time."""
        token = self._rng(4)
        mid = self._next_mid()
        key = (peer, token)

        def settled(acknowledged):
            if not acknowledged and self._requests.pop(key, None):
                done(None, (), b"")

        self._requests[key] = (now + _EXCHANGE_LIFETIME_MS, done, mid)
        data = coap.encode(coap.CON if confirmable else coap.NON, code, mid, token, options, payload)
        self._transmit(now, peer, mid, data, confirmable, settled)

    def notify(self, now, peer, token, options, payload, confirmable, settled):
        """Send a notification (RFC 7641) -> its message id. A confirmable one ends in settled(acknowledged: bool)."""
        mid = self._next_mid()
        data = coap.encode(coap.CON if confirmable else coap.NON, coap.CONTENT, mid, token, options, payload)
        self._transmit(now, peer, mid, data, confirmable, settled)
        return mid

    def tick(self, now):
        """Retransmit and give up what is due. Returns ms until the next call is needed, or None."""
        first = None
        for waiting in self._waiting[:]:
            if waiting[2] <= now:
                if waiting[4] == 0:
                    self._waiting.remove(waiting)
                    waiting[6](False)
                    continue
                waiting[3] *= 2
                waiting[2] = now + waiting[3]
                waiting[4] -= 1
                self.out.append((waiting[0], waiting[5]))
            if first is None or waiting[2] < first:
                first = waiting[2]
        for key in list(self._requests):
            expires, done, _ = self._requests.get(key, (now + 1, None, 0))
            if expires <= now:
                del self._requests[key]
                done(None, (), b"")
            elif first is None or expires < first:
                first = expires
        return None if first is None else first - now

    def _transmit(self, now, peer, mid, data, confirmable, settled):
        if confirmable:
            if len(self._waiting) == _MAX_WAITING:
                settled(False)
                return
            timeout = _ACK_TIMEOUT_MS + int.from_bytes(self._rng(2), "big") * _ACK_SPREAD_MS // 65536
            self._waiting.append([peer, mid, now + timeout, timeout, _MAX_RETRANSMIT, data, settled])
        self.out.append((peer, data))

    def _settle(self, peer, mid, rejected):
        """An ACK or RST came for a message of ours."""
        waiting = self._stop(peer, mid)
        if waiting:
            waiting[6](not rejected)
        if rejected:
            self._reset(peer, mid)

    def _stop(self, peer, mid):
        for waiting in self._waiting:
            if waiting[1] == mid and waiting[0] == peer:
                self._waiting.remove(waiting)
                return waiting
        return None

    def _send(self, peer, kind, code, mid):
        self.out.append((peer, coap.encode(kind, code, mid)))

    def _next_mid(self):
        self._mid = self._mid + 1 & 0xFFFF
        return self._mid
