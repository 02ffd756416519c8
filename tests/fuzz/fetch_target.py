"""Random and mutated answers to a fetch, on MicroPython: `micropython tests/fuzz/fetch_target.py CASES SEED`.

Ends with exit status 1 when it raises, keeps more than its window, or hands on what is not in order.
"""

import random
import sys

from mutate import mutated
from toscore import coap
from toscore.errors import WireError
from toscore.exchange import Exchange
from toscore.fetch import Fetch

_BODY_B = 3000


def answer(datagram):
    """What an honest server says."""
    _, _, mid, token, options, _ = coap.decode(datagram)
    n = coap.uint(coap.option(options, coap.BLOCK2))
    size_b = 16 << (n & 7)
    at = (n >> 4) * size_b
    if at >= _BODY_B:
        return coap.encode(coap.NON, 128, mid, token)
    more = at + size_b < _BODY_B
    block = coap.uint_bytes(n & ~8 | more << 3)
    piece = bytes(min(size_b, _BODY_B - at))
    return coap.encode(coap.NON, coap.CONTENT, mid, token, [(coap.ETAG, b"1"), (coap.BLOCK2, block)], piece)


def refuse(*request):
    return coap.NOT_FOUND, (), b""


def rng(n):
    return bytes([random.getrandbits(8) for _ in range(n)])


def begun(exchange):
    """-> (a fetch, its window)."""
    window = random.randint(1, 5)
    offset = random.choice((0, 0, 100, 2048))
    due = [offset]

    def sink(at, piece):
        assert at == due[0] or at == 0
        due[0] = at + len(piece)

    restarts = random.randint(0, 2)
    return Fetch(exchange, "peer", [], sink, window, random.randint(0, 6), offset, None, restarts), window


def main(cases, seed):
    random.seed(seed)
    exchange = Exchange(refuse, rng, lambda peer, mid: None)
    results = {}
    fetch, window = begun(exchange)
    now = 0
    waiting = []
    for _ in range(cases):
        wait = fetch.step(now)
        assert len(fetch._early) <= window and len(fetch._flight) <= window and len(exchange._requests) <= window
        if wait is None:
            assert not exchange._requests and not fetch._early
            results[fetch.result] = results.get(fetch.result, 0) + 1
            fetch, window = begun(exchange)
            continue
        waiting = (waiting + [datagram for _, datagram in exchange.out if datagram[1] == coap.GET])[-8:]
        exchange.out.clear()
        if waiting and random.randrange(8):
            datagram = answer(waiting.pop(random.randrange(len(waiting))))
            if not random.randrange(6):
                datagram = mutated(random, datagram)
            try:
                exchange.receive(now, "peer", datagram)
            except WireError:
                pass
        else:
            now += random.randint(0, wait)
    assert results[coap.CONTENT] > cases // 1000, results
    print(results, file=sys.stderr)


main(int(sys.argv[1]), int(sys.argv[2]))
