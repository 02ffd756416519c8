"""Random and mutated datagrams into a link, on MicroPython: `micropython tests/fuzz/link_target.py CASES SEED`.

Ends with exit status 1 and the datagram when the link raises, when memory grows, or when it no longer answers.
"""

import random
import sys

from driver import Heap, died, fail
from mutate import mutated
from seeds import product, seeds
from test_link import GET, POST, Bench
from toscore import coap

ANSWERS = (
    (coap.CHANGED, ()),
    (coap.CHANGED, ((coap.MAX_AGE, b"\x3c"),)),
    (coap.UNAUTHORIZED, ((coap.ECHO, b"12345678"),)),
    (coap.UNAUTHORIZED, ()),
    (coap.CONTENT, ((coap.ETAG, b"1"), (coap.BLOCK2, b"\x0e"))),
    (coap.EMPTY, ()),
)


def asked(bench, peer):
    """The device asks this peer -> an answer that it may get."""
    bench.udp.sent.clear()
    bench.link.ask(peer, POST, "r/x", b"\xa0", lambda code, options, payload: coap.option(options, coap.MAX_AGE))
    bench.link.flush()
    code, options = random.choice(ANSWERS)
    if not bench.udp.sent:  # it waits for its turn
        return b""
    _, _, mid, token, _, _ = coap.decode(bench.udp.sent[0][0])
    kind = random.choice((coap.ACK, coap.CON, coap.NON, coap.RST))
    return coap.encode(kind, code, mid, token if code else b"", options)


def main(cases, seed):
    random.seed(seed)
    whole = seeds()
    bench = Bench(product())
    bench.app.wifi.machine(bench.app)  # what is loaded when it is asked for is no growth
    pads = bench.app.pads
    heap = Heap(10000, 1000, 8192)  # datagrams until every bounded list is full
    told = 0
    for n in range(cases):
        peer = "peer%d" % random.randrange(8)
        if n % 8 == 1:
            datagram = asked(bench, peer)
            if random.getrandbits(1):
                datagram = mutated(random, datagram)
        elif n % 4:
            datagram = mutated(random, random.choice(whole))
        else:
            datagram = bytes([random.getrandbits(8) for _ in range(random.randint(0, 60))])
        bench.board.clock.now += random.randint(0, 2000)
        try:
            bench.raw(datagram, peer)
            bench.link._step()
            told += pads._step(bench.app) is not None
        except Exception as e:
            died(e, n, seed, datagram)
        now = bench.board.clock.now
        if len(pads._all) > 4 or [pad for pad in pads._all if any(pad._values[1:]) and now - pad._heard >= 500]:
            fail("case %d, seed %d: a pad is stuck" % (n, seed))
        if heap.is_due(n):
            bench.udp.sent.clear()
            bench.board.output.told.clear()
            heap.look()
    heap.check(seed)
    if not told:
        fail("seed %d: no pad was ever held" % seed)
    bench.app.rules.replace([])
    bench.app.set("power", False)
    if bench.ask(GET, "s/power") != ("2.05", b"\xf4"):
        fail("seed %d: no answer after %d cases" % (seed, cases))


main(int(sys.argv[1]), int(sys.argv[2]))
