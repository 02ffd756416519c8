"""A large body from a peer, by Block2 of RFC 7959 with several blocks on their way. Pure; not part of the core.

Requests are non-confirmable and repeated here, by times that follow the round trip: a confirmable would wait 2 s for
each loss. What is handed on is in order; what came early is kept, one window of blocks at most.
"""

from micropython import const
from toscore import coap

_FIRST_MS = const(2000)  # ACK_TIMEOUT, as long as the round trip is not known
_SHORTEST_MS = const(200)
_LONGEST_MS = const(8000)
_SAME_PACE = const(2)  # so many repeats do not wait longer than the first: single losses are not congestion
_SILENT_MS = const(93000)  # MAX_TRANSMIT_WAIT
_PASSED = const(2)  # a block that so many later ones have overtaken is lost

# What `result` says besides the code of an answer.
SILENT = 0  # the peer does not answer any more
OTHER = 1  # its body has become another one
MALFORMED = 2  # its blocks do not make a body

_NUMBER, _TOKEN, _SENT, _TRIES, _OVERTAKEN = range(5)


class Fetch:
    """One body. `step` does all of the work; call it at once, after each datagram, and when the time it said is over.

    exchange: has `request` and `cancel` as an Exchange. options: of the request, without Block2. sink(offset, piece):
    the next bytes; it is called inside `step`. window: blocks on their way. exponent: a block has 16 << exponent bytes,
    or fewer if the peer says so. offset: what of the body is there already, and etag, whose it is; both are kept up to
    date for who wants to resume. restarts: how often to begin again, with offset 0, when the body becomes another one.

    result: None while it goes on; coap.CONTENT at the end; the code of a refusal; SILENT, OTHER or MALFORMED.
    """

    def __init__(self, exchange, peer, options, sink, window=4, exponent=6, offset=0, etag=None, restarts=0):
        self._exchange = exchange
        self._peer = peer
        self._before = [option for option in options if option[0] < coap.BLOCK2]
        self._after = [option for option in options if option[0] > coap.BLOCK2]
        self._sink = sink
        self._window = window
        self._exponent = exponent
        self._restarts = restarts
        self._arrived = []
        self._heard = None
        self._trip = None  # smoothed round trip and its deviation, ms
        self._spread = 0
        self.result = None
        self._begin(offset, etag)

    def _begin(self, offset, etag):
        self.offset = offset
        self.etag = etag
        self._flight = []  # [number, token, sent at, tries, overtaken by] in the order in which they were sent
        self._early = {}  # {number: block}
        self._known = False  # size of blocks, and etag
        self._end = None
        self._limit = None  # blocks from here on are not asked for before their turn: there may be none

    def step(self, now):
        """Take what came, ask for what is missing. Returns ms until the next step is needed; None when it is over."""
        if self._heard is None:
            self._heard = now
        arrived, self._arrived = self._arrived, []
        for entry, code, options, payload in arrived:
            if self.result is None and entry in self._flight and code is not None:
                self._take(now, entry, code, options, payload)
        if self.result is None and now - self._heard >= _SILENT_MS:
            self.result = SILENT
        if self.result is not None:
            self.stop(now)
            return None
        for entry in self._flight[:]:
            if now - entry[_SENT] >= self._patience_ms(entry) or entry[_OVERTAKEN] >= _PASSED:
                self._drop(now, entry)
                self._ask(now, entry[_NUMBER], entry[_TRIES] + 1)
        self._fill(now)
        return max(1, min([entry[_SENT] + self._patience_ms(entry) - now for entry in self._flight]))

    def stop(self, now):
        """Forget all that is on its way."""
        for entry in self._flight[:]:
            self._drop(now, entry)
        self._early = {}

    def _fill(self, now):
        first = self.offset >> self._exponent + 4
        on_their_way = [entry[_NUMBER] for entry in self._flight]
        for number in range(first, first + (self._window if self._known else 1)):
            if number > first and self._limit is not None and number >= self._limit:
                return
            if number not in self._early and number not in on_their_way:
                self._ask(now, number, 0)

    def _ask(self, now, number, tries):
        entry = [number, None, now, tries, 0]

        def done(code, options, payload):
            self._arrived.append((entry, code, options, payload))

        block = coap.uint_bytes(number << 4 | self._exponent)
        options = self._before + [(coap.BLOCK2, block)] + self._after
        entry[_TOKEN] = self._exchange.request(now, self._peer, coap.GET, options, b"", done, False)
        self._flight.append(entry)

    def _drop(self, now, entry):
        self._flight.remove(entry)
        self._exchange.cancel(now, self._peer, entry[_TOKEN])

    def _patience_ms(self, entry):
        """For how long to wait for this answer."""
        ms = _FIRST_MS if self._trip is None else max(_SHORTEST_MS, self._trip + 4 * self._spread)
        return min(ms << max(0, min(entry[_TRIES], 8) - _SAME_PACE), _LONGEST_MS)

    def _take(self, now, entry, code, options, payload):
        """An answer, RFC 7959 section 2.4."""
        self._heard = now
        self._measure(now - entry[_SENT])
        for other in self._flight:
            if other is entry:
                break
            other[_OVERTAKEN] += 1
        self._flight.remove(entry)
        number = entry[_NUMBER]
        if code != coap.CONTENT:
            if number == self.offset >> self._exponent + 4:
                self.result = code
            elif self._limit is None or number < self._limit:
                self._limit = number  # the body may end before
            return
        etag = coap.option(options, coap.ETAG)
        if etag != self.etag and (self._known or self.etag is not None):
            if self._restarts == 0:
                self.result = OTHER
                return
            self._restarts -= 1
            self.stop(now)
            self._begin(0, None)
            return
        at, more = self._place(number, options, payload)
        if at is None:
            self.result = MALFORMED
            return
        self.etag = etag
        self._known = True
        self._early[at >> self._exponent + 4] = payload
        if not more:
            self._end = at + len(payload)
            self._limit = (at >> self._exponent + 4) + 1
        self._hand_on(now)

    def _measure(self, ms):
        """RFC 6298 section 2."""
        if self._trip is None:
            self._trip = ms
            self._spread = ms // 2
        else:
            self._spread = (3 * self._spread + abs(self._trip - ms)) // 4
            self._trip = (7 * self._trip + ms) // 8

    def _place(self, number, options, payload):
        """(where this block is in the body, whether more follow); (None, 0) when it cannot be."""
        value = coap.option(options, coap.BLOCK2)
        if value is None:  # all of a small body
            return (None, 0) if number or self._end is not None else (0, 0)
        n = coap.uint(value)
        exponent = n & 7
        more = n & 8
        at = (n >> 4) << exponent + 4
        size_b = 16 << exponent
        if len(value) > 3 or at != number << self._exponent + 4 or exponent > self._exponent:
            return None, 0
        if (exponent < self._exponent and self._known) or len(payload) > size_b or (more and len(payload) < size_b):
            return None, 0
        if self._end is not None and (at + size_b < self._end) != bool(more):
            return None, 0
        self._exponent = exponent
        return at, more

    def _hand_on(self, now):
        while True:
            number = self.offset >> self._exponent + 4
            block = self._early.pop(number, None)
            if block is None:
                break
            skip = self.offset - (number << self._exponent + 4)
            if skip > len(block):
                self.result = MALFORMED
                return
            self._sink(self.offset, block[skip:])
            self.offset += len(block) - skip
            if self._end is not None and self.offset >= self._end:
                self.result = coap.CONTENT
                return
        if self._limit is not None and number >= self._limit:
            self._limit = None
        for entry in self._flight[:]:
            if self._limit is not None and entry[_NUMBER] > number and entry[_NUMBER] >= self._limit:
                self._drop(now, entry)
