"""Fetching a large body: both ends are ours here, and the network between them loses and reorders. Both interpreters.

tests/host has it with aiocoap's server and real datagrams.
"""

from helpers import raises
from toscore import coap, fetch
from toscore.exchange import Exchange
from toscore.fetch import Fetch

PEER = "server"
BODY = bytes([(n * 7 + (n >> 8)) & 255 for n in range(20000)])
ANOTHER = bytes(reversed(BODY))
LONG = 100000  # ms: no test takes so long


class Random:
    """The same numbers on both interpreters."""

    def __init__(self, seed):
        self._n = seed

    def __call__(self, n):
        out = b""
        for _ in range(n):
            self._n = (self._n * 1103515245 + 12345) & 0x7FFFFFFF
            out += bytes((self._n >> 16 & 255,))
        return out


class Net:
    """A server of `body` at one end, a fetch at the other, `delay_ms` apart; lost(n, datagram) of the n-th datagram."""

    def __init__(self, body=BODY, delay_ms=10, lost=lambda n, datagram: False, seed=1, etag=b"1"):
        self.body = body
        self.etag = etag
        self.largest = 6
        self.now = 0
        self.asked = []  # block numbers
        self.got_b = 0  # of the body, in order
        self.bodies = {etag: body}  # the bodies that there were
        self._lost = lost
        self._delay_ms = delay_ms
        self._sent = 0
        self._wire = []  # (due, to the server, datagram)
        self.client = Exchange(None, Random(seed), lambda peer, mid: None)
        self.server = Exchange(self.answer, Random(seed + 1), lambda peer, mid: None)

    def answer(self, peer, code, token, options, payload):
        n = coap.uint(coap.option(options, coap.BLOCK2))
        exponent = min(n & 7, self.largest)
        at = (n >> 4) << (n & 7) + 4
        number = at >> exponent + 4
        self.asked.append(number)
        piece = self.body[at : at + (16 << exponent)]
        if at and not piece:
            return 128, (), b""
        more = at + len(piece) < len(self.body)
        block = (coap.BLOCK2, coap.uint_bytes(number << 4 | more << 3 | exponent))
        return coap.CONTENT, ((coap.ETAG, self.etag), block) if self.etag else (block,), piece

    def sink(self, offset, piece):
        assert offset == 0 or offset == self.got_b
        assert piece == self.bodies.get(self.fetch.etag, BODY)[offset : offset + len(piece)]
        self.got_b = offset + len(piece)

    def whole(self):
        return self.got_b == len(self.body)

    def delay(self, n):
        return self._delay_ms

    def _carry(self, exchange, to_server):
        for _, datagram in exchange.out:
            self._sent += 1
            if not self._lost(self._sent, datagram):
                self._wire.append((self.now + self.delay(self._sent), to_server, datagram))
        exchange.out.clear()

    def run(self, until=LONG, **about):
        """-> the fetch, when it is over or at `until`."""
        self.fetch = Fetch(self.client, PEER, [(coap.URI_PATH, b"f")], self.sink, **about)
        wait = self.fetch.step(self.now)
        while wait is not None and self.now < until:
            self._carry(self.client, True)
            due = self.now + wait
            if self._wire:
                due = min(due, min([entry[0] for entry in self._wire]))
            self.now = due
            for entry in [entry for entry in self._wire if entry[0] <= due]:
                self._wire.remove(entry)
                if entry[1]:
                    self.server.receive(due, "client", entry[2])
                    self._carry(self.server, False)
                else:
                    self.client.receive(due, PEER, entry[2])
            wait = self.fetch.step(self.now)
            assert len(self.fetch._early) <= self.fetch._window >= len(self.fetch._flight)
            assert len(self.client._requests) <= self.fetch._window
        return self.fetch


def test_a_body_comes_whole_in_every_size_of_block_and_window():
    for exponent, window, length in ((6, 4, 20000), (0, 3, 500), (2, 1, 640), (6, 8, 1024), (6, 4, 1025), (5, 2, 1)):
        net = Net(BODY[:length])
        assert net.run(exponent=exponent, window=window).result == coap.CONTENT
        assert net.whole() and net.client._requests == {}
        blocks = (length + (16 << exponent) - 1) // (16 << exponent)
        assert sorted(set(net.asked))[:blocks] == list(range(blocks)) and len(net.asked) < blocks + window


def test_a_window_of_four_takes_a_quarter_of_the_time():
    one, four = Net(), Net()
    one.run(window=1)
    four.run(window=4)
    assert one.now == 20 * 20 and four.now == 20 * (1 + 5)  # 20 blocks; the first alone says how large they are


def test_every_single_loss_is_mended_once():
    for nth in range(1, 42):
        net = Net(lost=lambda n, datagram, nth=nth: n == nth)
        assert net.run().result == coap.CONTENT and net.whole()
        assert len(net.asked) <= 20 + 4 + 1


def test_a_block_that_two_later_ones_have_overtaken_is_asked_for_at_once():
    net = Net(lost=lambda n, datagram: n == 5)
    net.run()
    assert net.now < 6 * 20 + 100


def test_heavy_loss_is_lived_through():
    for percent in (10, 30):
        for seed in range(5):
            rng = Random(seed)
            net = Net(lost=lambda n, datagram, rng=rng, percent=percent: rng(1)[0] * 100 < percent * 256)
            assert net.run().result == coap.CONTENT and net.whole()


def test_datagrams_in_any_order():
    for seed in range(5):
        rng = Random(seed)
        net = Net()
        net.delay = lambda n, rng=rng: 5 + rng(1)[0] % 60
        assert net.run(window=8).result == coap.CONTENT and net.whole()


def test_a_round_trip_longer_than_the_first_patience_is_learnt():
    net = Net(BODY[:4096], delay_ms=1800)
    assert net.run().result == coap.CONTENT and net.whole()
    assert len(net.asked) < 20


def test_silence_is_the_end_after_93_seconds():
    net = Net(lost=lambda n, datagram: n > 9)
    assert net.run(until=1000000).result == fetch.SILENT
    assert 93000 <= net.now <= 93000 + 8000 and net.client._requests == {}
    offset = net.fetch.offset
    assert 0 < offset < len(BODY) and net.got_b == offset


def test_it_resumes_anywhere_with_what_the_first_attempt_left():
    for offset in (1, 16, 1000, 1024, 5000, 19999):
        net = Net()
        net.got_b = offset
        assert net.run(offset=offset, etag=b"1").result == coap.CONTENT
        assert net.whole() and min(net.asked) == offset // 1024
        assert net.fetch.etag == b"1" and net.fetch.offset == len(BODY)


def test_a_body_that_has_become_another_one_ends_it_or_begins_it_anew():
    for restarts, result in ((0, fetch.OTHER), (1, coap.CONTENT)):
        net = Net()

        def lost(n, datagram, net=net):
            if n == 20:
                net.body = net.bodies[b"2"] = ANOTHER
                net.etag = b"2"
            return False

        net._lost = lost
        assert net.run(restarts=restarts).result == result
        if restarts:
            assert net.body is ANOTHER and net.whole()
    net = Net()
    assert net.run(offset=2048, etag=b"old").result == fetch.OTHER and net.got_b == 0


def test_a_body_that_is_always_another_one_ends_it():
    net = Net()

    def lost(n, datagram):
        net.etag = b"%d" % n
        return False

    net._lost = lost
    assert net.run(restarts=3).result == fetch.OTHER and net.client._requests == {}


def test_a_server_without_etags_will_do():
    assert Net(etag=None).run().result == coap.CONTENT


def test_a_server_with_smaller_blocks_has_its_way():
    for offset in (0, 3072):
        net = Net()
        net.largest = 2
        net.got_b = offset
        assert net.run(offset=offset).result == coap.CONTENT and net.whole()


def test_a_refusal_is_the_result():
    net = Net()
    net.answer = lambda *request: (132, (), b"331 f")
    net.server._handler = net.answer
    assert net.run().result == 132 and net.got_b == 0
    assert Net().run(offset=len(BODY) + 2048).result == 128


def answered(*options, payload=b"", about=()):
    """One answer to the first request -> (what step said, the fetch, what was handed on)."""
    got = []
    out = Exchange(None, Random(1), None)
    one = Fetch(out, PEER, [], lambda offset, piece: got.append((offset, piece)), **dict(about))
    one.step(0)
    _, _, mid, token, _, _ = coap.decode(out.out[0][1])
    out.receive(1, PEER, coap.encode(coap.NON, coap.CONTENT, 1, token, options, payload))
    return one.step(1), one, got


def test_a_small_body_without_blocks_and_an_empty_one():
    assert answered(payload=b"x" * 1100)[2] == [(0, b"x" * 1100)]
    wait, one, got = answered()
    assert wait is None and one.result == coap.CONTENT and got == [(0, b"")]


def test_blocks_that_make_no_body_end_it():
    for options, payload, about in (
        ([(coap.BLOCK2, b"\x0e")], bytes(1023), {}),  # more to come, but not full
        ([(coap.BLOCK2, b"\x06")], bytes(1025), {}),
        ([(coap.BLOCK2, b"\x16")], b"", {}),  # not the block that was asked for
        ([(coap.BLOCK2, b"\x0f")], bytes(1024), {}),  # reserved size
        ([(coap.BLOCK2, b"\x0b")], bytes(128), {"exponent": 2}),  # larger than asked for
        ([(coap.BLOCK2, b"\x00\x00\x00\x0e")], bytes(1024), {}),
        ([], bytes(100), {"offset": 4096}),  # a whole body, where the rest of one was asked for
        ([], bytes(100), {"offset": 101}),
    ):
        wait, one, got = answered(*options, payload=payload, about=about)
        assert (wait, one.result, got) == (None, fetch.MALFORMED, []), (options, about)


def test_who_stops_it_hears_nothing_more():
    net = Net()
    net.run(until=50)
    net.fetch.stop(50)
    assert net.client._requests == {} and net.fetch._flight == []


def test_an_error_of_the_sink_comes_out_of_step():
    net = Net()

    def sink(offset, piece):
        raise OSError(28)

    net.sink = sink
    assert raises(OSError, net.run).args == (28,)
