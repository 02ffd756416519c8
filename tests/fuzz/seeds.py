"""A device to damage, and what its peers say while they are whole. MicroPython."""

from test_link import CBOR, GET, OBSERVE, PUT, Bench, kettle


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
