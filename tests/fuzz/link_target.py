"""Random and mutated datagrams into a link, on MicroPython: `micropython tests/fuzz/link_target.py CASES SEED`.

Ends with exit status 1 and the datagram when the link raises, when memory grows, or when it no longer answers.
"""

import gc
import random
import sys
from binascii import hexlify

from mutate import mutated
from test_link import CBOR, GET, OBSERVE, POST, PUT, Bench, kettle
from toscore import coap

_GROWTH_B = 12288  # what the device asks, and observers, come and go
_SETTLE = 10000  # datagrams until every bounded list is full
_LOOK = 1000


def product():
    app = kettle()

    @app.pad
    def pad(dev, pad):
        if pad.pressed("up") or pad.held("a") or pad.axis("left_x") < 0:
            app.set("power", pad.axis("right_trigger") > 9, "pad")

    return app


def seeds():
    """Whole messages that a peer would send."""
    bench = Bench(product())
    sent = []

    class Recorder:
        def _receive(self, datagram, peer):
            sent.append(datagram)
            bench_receive(datagram, peer)

    bench_receive = bench.link._receive
    bench.link = Recorder()
    bench.ask(GET, "s")
    bench.ask(GET, "s/temp", before=OBSERVE)
    bench.ask(GET, ".well-known/core")
    for number in (0, 1, 3):
        bench.ask(GET, "d", after=b"\xc1" + bytes((number << 4 | 1,)))  # Block2, 32 bytes each
    bench.ask(GET, "s", before=OBSERVE, after=b"\xc1\x00")
    bench.ask(GET, "l", after=b"\xc2\x01\x02")
    bench.ask(PUT, "s/power", CBOR, payload=b"\xf5")
    bench.ask(PUT, "s", CBOR, payload=b"\xa2\x01\xf5\x00\x18\x20")
    bench.ask(GET, "b", before=OBSERVE)
    for rows in (b"\x82\xa3\x00\x01\x03\xf5\x04\x01\xa4\x00\x00\x01\x18\x3c\x04\x01\x05\xf4", b"\x80", b"\xf6"):
        bench.ask(PUT, "b", CBOR, payload=rows)
    bench.ask(PUT, "b", CBOR, payload=b"\x81\xa3\x00\x02\x03\x62on\x04\x01")
    rules = b"\x83" + 3 * b"\xa3\x00\x02\x03\x62on\x04\x01"
    for number in range(3):  # Block1, 16 bytes each, and Size1
        n = number << 4 | (number < 2) << 3
        block = CBOR + (b"\xd1\x02" + bytes((n,)) if n else b"\xd0\x02")
        bench.ask(PUT, "b", block, payload=rules[16 * number : 16 * number + 16])
        bench.ask(PUT, "b", block + b"\xd1\x14\x40", payload=rules[16 * number : 16 * number + 16])
    bench.ask(PUT, "s/power", CBOR + b"\xd1\xe9\x08", payload=b"\xf5")  # No-Response
    for n in range(4):  # of a game pad, in a number each time
        record = bytes((n, 0, n & 1, n << 3, 0x81, 127)) + bytes(4)
        sent.append(b"\x50\x03\x00" + bytes((n,)) + b"\xb1i\xff\x4a" + record)
    for kind in (b"\x60\x00", b"\x70\x00", b"\x60\x45", b"\x50\x45"):
        sent.append(kind + b"\x00\x01")
    return sent


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
    bench.link._flush()
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
    pads = bench.app.pads
    used = told = 0
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
            sys.print_exception(e, sys.stderr)
            fail("case %d, seed %d: %s" % (n, seed, hexlify(datagram).decode()))
        now = bench.board.clock.now
        if len(pads._all) > 4 or [pad for pad in pads._all if any(pad._values[1:]) and now - pad._heard >= 500]:
            fail("case %d, seed %d: a pad is stuck" % (n, seed))
        if n >= _SETTLE and n % _LOOK == 0:
            bench.udp.sent.clear()
            gc.collect()
            if not used:
                used = gc.mem_alloc()
            elif gc.mem_alloc() > used + _GROWTH_B:
                fail("case %d, seed %d: the heap grew from %d to %d" % (n, seed, used, gc.mem_alloc()))
    if not told:
        fail("seed %d: no pad was ever held" % seed)
    bench.app.rules.replace([])
    bench.app.set("power", False)
    if bench.ask(GET, "s/power") != ("2.05", b"\xf4"):
        fail("seed %d: no answer after %d cases" % (seed, cases))


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)


main(int(sys.argv[1]), int(sys.argv[2]))
