"""The link on a bench board: datagrams made by hand, byte by byte. aiocoap speaks to it in tests/host. Unix port."""

import asyncio
from binascii import hexlify, unhexlify

from helpers import raises
from rig import Readings, bound, fresh, runs
from tos import App, about
from tos.link import Link
from tos.state import Config, Rules
from tos.wifi import Wifi
from toscore import cbor, coap

GET, POST, PUT, DELETE = 1, 2, 3, 4
CBOR = b"\x11\x3c"  # Content-Format 60, as the option after Uri-Path
OBSERVE = b"\x60"  # Observe 0, the option before Uri-Path
FORGET = b"\x61\x01"  # Observe 1


def kettle(needs=("output", "sensor")):
    app = App("kettle", needs=needs)

    @app.read("temp", period_ms=2000, unit="°C", minimum=-10, maximum=150)
    def temp(dev):
        return dev.sensor()

    @app.write("power", initial=False)
    def power(dev, on):
        dev.output(on)

    @app.when("temp", above=98)
    def boiled(dev, value):
        app.set("power", False)

    app.event("clicked", options=("on", "off"))
    return app


def payload_of(message):
    return coap.decode(message)[5]


class Bench:
    """A link with a hand-made peer. plain: it answers in the clear."""

    def __init__(self, app=None, plain=True, features=None):
        self.app, self.board = bound(app or kettle(), features)
        self.board.plain = plain
        self.app.rules = Rules(self.app, fresh("rules"))
        self.app.config = Config(self.app.log, fresh("config"))
        self.app.wifi = Wifi()
        self.readings = Readings(self.app)
        self.readings.once()
        self.link = self.app.link = Link(self.app)
        self.udp = self.link._udp = self.board.radio.endpoint
        self.mid = 0

    def raw(self, datagram, peer="peer"):
        self.udp.sent.clear()
        self.link._receive(datagram, peer)
        return [data for data, _ in self.udp.sent]

    def ask(self, code, path, after=b"", before=b"", payload=b"", peer="peer", token=b"T"):
        """A confirmable request; returns (code as 2.05, payload). before, after: options around Uri-Path."""
        self.mid += 1
        delta = 11 - (6 if before else 0)
        uri = b""
        for segment in path.split("/"):
            uri += bytes((delta << 4 | len(segment),)) + segment.encode()
            delta = 0
        head = bytes((0x40 | len(token), code, self.mid >> 8, self.mid & 255))
        sent = self.raw(head + token + before + uri + after + (b"\xff" + payload if payload else b""), peer)
        assert len(sent) == 1 and sent[0][0] == 0x60 | len(token) and sent[0][2:4] == head[2:4]
        return "%d.%02d" % (sent[0][1] >> 5, sent[0][1] & 31), payload_of(sent[0])

    def notified(self):
        self.udp.sent.clear()
        self.link._step()
        return [data for data, _ in self.udp.sent]


def test_state_of_one_resource_and_of_all():
    bench = Bench()
    assert bench.ask(GET, "s/temp") == ("2.05", b"\x14")  # 20
    assert bench.ask(GET, "s") == ("2.05", b"\xa2\x00\x14\x01\xf4")  # {0: 20, 1: false}


def test_a_write_and_its_bounds():
    bench = Bench()
    assert bench.ask(PUT, "s/power", CBOR, payload=b"\xf5") == ("2.04", b"")
    assert bench.app.get("power") is True and bench.board.output.told[-1] is True
    assert bench.ask(PUT, "s/power", CBOR, payload=b"\x01") == ("4.00", b"334 power")
    assert bench.ask(PUT, "s/power", CBOR, payload=b"\xf5\xf5") == ("4.00", b"306 1")
    assert bench.ask(PUT, "s/power", CBOR, payload=b"\x9f") == ("4.00", b"301 1")
    assert bench.ask(PUT, "s/power", CBOR) == ("4.00", b"301 0")
    assert bench.app.get("power") is True


def test_a_map_is_written_all_or_none():
    bench = Bench()
    assert bench.ask(PUT, "s", CBOR, payload=b"\xa1\x01\xf5") == ("2.04", b"")
    assert bench.app.get("power") is True
    assert bench.ask(PUT, "s", CBOR, payload=b"\xa2\x01\xf4\x00\x05") == ("4.03", b"332 temp")
    assert bench.ask(PUT, "s", CBOR, payload=b"\xa2\x01\xf4\x02\x05") == ("4.03", b"332 clicked")
    assert bench.ask(PUT, "s", CBOR, payload=b"\xa2\x01\xf4\x18\x63\x05") == ("4.00", b"331 99")
    assert bench.ask(PUT, "s", CBOR, payload=b"\xa1\xf5\xf4") == ("4.00", b"331 True")
    assert bench.ask(PUT, "s", CBOR, payload=b"\xf4") == ("4.00", b"334 s")
    assert bench.app.get("power") is True


def test_nothing_of_a_map_is_written_in_whatever_order_it_comes():
    app = App("outputs", needs=("output",))
    for path in ("out_0", "in_1", "out_2", "in_3"):
        if path[0] == "o":
            app.write(path, initial=False)(lambda dev, on: dev.output(on))
        else:
            app.value(path, initial=False)
    bench = Bench(app)
    for out in (0, 2):
        for read_only in (1, 3):
            for pair in ((out, read_only), (read_only, out)):
                payload = b"\xa2" + bytes((pair[0], 0xF5, pair[1], 0xF5))
                assert bench.ask(PUT, "s", CBOR, payload=payload)[0] == "4.03"
    assert True not in bench.board.output.told


def test_what_cannot_be_asked():
    bench = Bench()
    for code, path, after, answer in (
        (GET, "s/nope", b"", ("4.04", b"331 s/nope")),
        (GET, "s/clicked", b"", ("4.04", b"331 s/clicked")),
        (GET, "nope", b"", ("4.04", b"331 nope")),
        (PUT, "s/temp", CBOR, ("4.05", b"332 temp")),
        (PUT, "d", CBOR, ("4.05", b"332 d")),
        (POST, "s/power", CBOR, ("4.05", b"332 s/power")),
        (DELETE, "s/power", b"", ("4.05", b"332 s/power")),
        (PUT, "s/power", b"\x11\x32", ("4.15", b"328 s/power")),  # application/json
        (GET, "s/temp", b"\x61\x32", ("4.06", b"328 s/temp")),  # Accept: application/json
        (GET, "s/temp", b"\xd1\x03\x00", ("4.02", b"327 27")),  # Block1: critical, and GET has no body
        (PUT, "s/power", b"\xc1\x00", ("4.02", b"327 23")),  # Block2: the answer has none
        (PUT, "s/power", b"\xd4\x03\x00\x00\x00\x00", ("4.02", b"327 27")),  # four bytes
    ):
        assert bench.ask(code, path, after) == answer


def test_an_elective_option_that_nobody_knows_is_ignored():
    assert Bench().ask(GET, "s/temp", b"\xd1\x82\x00")[0] == "2.05"


def test_a_path_that_is_not_text_is_refused():
    sent = Bench().raw(unhexlify("40010001b1ff"))
    assert sent[0][1] == 130


def test_a_silent_sensor_is_null_and_its_output_refuses():
    bench = Bench()
    bench.board.sensor.value = OSError(5)
    for _ in range(3):
        bench.readings.once()
    assert bench.ask(GET, "s/temp") == ("2.05", b"\xf6")
    assert bench.ask(PUT, "s/power", CBOR, payload=b"\xf5") == ("5.03", b"336 temp")


def test_identity_holds_the_table():
    code, body = Bench().ask(GET, "d")
    assert code == "2.05"
    assert hexlify(body) == (
        b"a6" b"00736b6574746c652d303030313032303330343035" b"01666b6574746c65" b"0265302e312e30" b"036542454e4348"
        b"0482666f7574707574" b"6673656e736f72"
        b"05990003"
        b"a6" b"0000" b"016474656d70" b"026673656e736f72" b"0363c2b043" b"0429" b"051896"
        b"a5" b"0001" b"0165706f776572" b"0266737769746368" b"08f5" b"0bf4"
        b"a5" b"0002" b"0167636c69636b6564" b"02656576656e74" b"0782626f6e636f6666" b"09f5"
    )  # fmt: skip


def test_well_known_core_lists_what_there_is():
    code, body = Bench().ask(GET, ".well-known/core")
    assert code == "2.05"
    assert body == (
        b"</d>;ct=60,</s>;ct=60;obs,</e>;ct=60;obs,</b>;ct=60;obs,</l>;ct=60,</n>;ct=60,</p>;ct=60,</r>;ct=60,"
        b"</s/temp>;ct=60;obs;"
        b'rt="sensor",</s/power>;ct=60;obs;rt="switch"'
    )


def test_an_observer_hears_of_a_chain_of_changes_in_one_datagram():
    bench = Bench()
    assert bench.ask(GET, "s", before=OBSERVE)[0] == "2.05"
    bench.app.set("power", True)
    bench.board.sensor.value = 21
    bench.readings.once()
    (data,) = bench.notified()
    assert data[0] == 0x51 and data[1] == 69 and data[4:5] == b"T"
    assert data.endswith(b"\xff\xa2\x00\x15\x01\xf5")
    assert bench.notified() == []


def test_an_observer_of_one_resource_hears_of_that_one_only():
    bench = Bench()
    bench.ask(GET, "s/temp", before=OBSERVE)
    bench.app.set("power", True)
    assert bench.notified() == []
    bench.board.sensor.value = 30
    bench.readings.once()
    assert bench.notified()[0].endswith(b"\xff\x18\x1e")


def test_an_observer_leaves_by_asking_or_by_reset():
    for leave in ("ask", "reset"):
        bench = Bench()
        bench.ask(GET, "s", before=OBSERVE)
        bench.app.set("power", True)
        (data,) = bench.notified()
        if leave == "ask":
            bench.ask(GET, "s", before=FORGET)
        else:
            bench.raw(b"\x70\x00" + data[2:4])
            assert bench.app.log.counts[326] == 1
        bench.app.set("power", False)
        assert bench.notified() == []


def test_once_a_minute_a_notification_is_confirmable_and_who_is_gone_is_dropped():
    bench = Bench()
    bench.ask(GET, "s", before=OBSERVE)
    bench.board.clock.now = 61000
    bench.app.set("power", True)
    assert bench.notified()[0][0] == 0x41
    for _ in range(5):
        bench.board.clock.now += 50000
        bench.notified()
    assert bench.app.log.counts[326] == 1
    bench.app.set("power", False)
    assert bench.notified() == []


def test_observers_are_bounded_and_the_next_is_answered_without():
    bench = Bench()
    for n in range(17):
        assert bench.ask(GET, "s", before=OBSERVE, token=bytes((n,)))[0] == "2.05"
    assert bench.app.log.counts[325] == 1
    bench.app.set("power", True)
    assert len(bench.notified()) == 16


def test_events_are_kept_latest_eight_with_their_numbers():
    bench = Bench()
    bench.app.boot = 7
    assert bench.ask(GET, "e", before=OBSERVE) == ("2.05", b"\xa3\x00\x07\x01\x00\x02\x80")
    bench.board.clock.now = 9
    for n in range(10):
        bench.app.emit("clicked", "on" if n % 2 else "off")
    (data,) = bench.notified()
    body = payload_of(data)
    assert body.startswith(b"\xa3\x00\x07\x01\x09\x02\x88\x84\x03\x09\x02\x63of")
    assert body.endswith(b"\x84\x0a\x09\x02\x62on")


def test_the_log_is_read_over_the_link():
    bench = Bench()
    bench.ask(GET, "nope")
    bench.app.log.crashed(ValueError("boom"))
    code, body = bench.ask(GET, "l")
    assert code == "2.05" and body[:3] == b"\xa4\x00\x00" and b"\x84\x00\x18\xc9\x00\x00" in body and b"boom" in body


# What the device asks


def asked(bench, *answers):
    """The device asks; each answer is (code, options). -> ([(options, payload) that it sent], [code that came])."""
    came = []
    bench.udp.sent.clear()
    bench.link.ask("hub", POST, "r/x", b"\xa0", lambda code, options, payload: came.append(code))
    bench.link.flush()
    sent = []
    for code, options in answers:
        _, _, mid, token, had, payload = coap.decode(bench.udp.sent[-1][0])
        sent.append((had, payload))
        bench.raw(coap.encode(coap.ACK, code, mid, token, options), "hub")
    return sent + [coap.decode(data)[4:] for data, _ in bench.udp.sent], came


def test_rfc9175_a_request_is_repeated_once_with_the_echo_that_its_refusal_carried():
    plain = [(coap.URI_PATH, b"r"), (coap.URI_PATH, b"x"), (coap.CONTENT_FORMAT, b"\x3c")]
    echo = (coap.ECHO, b"\x01\x02")
    first, again = (plain, b"\xa0"), (plain + [echo], b"\xa0")
    assert asked(Bench(), (129, [echo]), (68, [])) == ([first, again], [68])
    assert asked(Bench(), (129, [echo]), (129, [echo])) == ([first, again], [129])
    assert asked(Bench(), (129, [])) == ([first], [129])
    assert asked(Bench(), (68, [echo])) == ([first], [68])


# No-Response


def silent(bench, kind, unwanted, payload):
    """PUT power with a No-Response option -> the datagrams sent."""
    bench.mid += 1
    options = [(coap.URI_PATH, b"s"), (coap.URI_PATH, b"power"), (coap.NO_RESPONSE, unwanted)]
    return bench.raw(coap.encode(kind, PUT, bench.mid, b"T", options, payload))


def test_rfc7967_an_answer_of_an_unwanted_class_is_not_sent():
    bench = Bench()
    for unwanted, value, answered in (
        (b"\x02", b"\xf5", False),
        (b"\x02", b"\x01", True),
        (b"\x08", b"\x01", False),
        (b"\x08", b"\xf4", True),
        (b"\x10", b"\xf5", True),
        (b"\x1a", b"\xf4", False),
        (b"", b"\xf5", True),  # wants all
        (b"\x00\x02", b"\xf4", True),  # malformed, and so ignored
    ):
        assert len(silent(bench, coap.NON, unwanted, value)) == answered
        (data,) = silent(bench, coap.CON, unwanted, value)
        assert (len(data) == 4) != answered and data[2:4] == bench.mid.to_bytes(2, "big")
        if value != b"\x01":
            assert bench.app.get("power") is (value == b"\xf5")


def test_a_get_is_always_answered():
    bench = Bench()
    assert bench.ask(GET, "s/temp", b"\xd1\xea\x1a") == ("2.05", b"\x14")


# Blocks


def texts(count):
    """A bench with so many texts of 64 characters: their state is 67 to 68 bytes each."""
    app = App("texts")
    for n in range(count):
        app.value("text_%d" % n, initial="x" * 64)
    return Bench(app)


def pieces(datagram):
    """(ETag, (block number, more, size exponent) or None, payload) of an answer or a notification."""
    _, _, _, _, options, payload = coap.decode(datagram)
    value = coap.option(options, coap.BLOCK2)
    n = None if value is None else coap.uint(value)
    return coap.option(options, coap.ETAG), None if n is None else (n >> 4, n >> 3 & 1, n & 7), payload


def block(bench, path, number, exponent=6, observe=False, peer="peer"):
    """Ask for one block -> what pieces() says, or the code of a refusal."""
    bench.mid += 1
    options = [(coap.OBSERVE, b"")] if observe else []
    options += [(coap.URI_PATH, segment.encode()) for segment in path.split("/")]
    options.append((coap.BLOCK2, coap.uint_bytes(number << 4 | exponent)))
    (data,) = bench.raw(coap.encode(coap.CON, GET, bench.mid, b"T", options), peer)
    return pieces(data) if data[1] == coap.CONTENT else (data[1], coap.decode(data)[5])


def test_a_long_body_comes_in_blocks_of_one_body():
    bench = texts(40)
    body = bench.link._bodies.state()
    assert 2048 < len(body) < 3072
    (data,) = bench.raw(b"\x41\x01\x00\x01T\xb1s")
    etag, first, payload = pieces(data)
    assert len(etag) == 4 and first == (0, 1, 6) and payload == body[:1024]
    bench.app.set("text_0", "later")  # changes nothing of a transfer that has begun
    assert block(bench, "s", 1) == (etag, (1, 1, 6), body[1024:2048])
    assert block(bench, "s", 2) == (etag, (2, 0, 6), body[2048:])
    assert block(bench, "s", 2) == (etag, (2, 0, 6), body[2048:])  # asked again: the answer was lost
    other, _, payload = block(bench, "s", 0)
    assert other != etag and payload == bench.link._bodies.state()[:1024]
    assert block(bench, "s", 1, peer="another")[0] == other


def test_a_peer_chooses_smaller_blocks_and_every_body_has_them():
    bench = Bench()
    body = about.body(bench.app, "d")
    found = b""
    for number in range(20):
        _, (n, more, exponent), payload = block(bench, "d", number, 0)
        assert (n, exponent, len(payload) == 16 or not more) == (number, 0, True)
        found += payload
        if not more:
            break
    assert found == body
    assert block(bench, "s/temp", 0, 2)[1:] == ((0, 0, 2), b"\x14")


def test_a_body_that_fits_one_block_comes_as_it_always_did():
    bench = texts(15)
    (data,) = bench.raw(b"\x41\x01\x00\x01T\xb1s")
    assert len(bench.link._bodies.state()) <= 1024 and pieces(data)[:2] == (None, None)


def test_blocks_that_are_not_there_are_refused():
    bench = texts(16)
    body = bench.link._bodies.state()
    assert len(body) == 1073
    assert block(bench, "s", 1)[2] == body[1024:]
    assert block(bench, "s", 2) == (128, b"329 2") == block(bench, "s", 2)
    assert block(bench, "s", 0, 7)[0] == 128 == block(bench, "s", 4095, 7)[0]
    assert block(bench, "s", (1 << 20) - 1)[0] == 128
    assert block(bench, "s", 1 << 20) == (130, b"327 23")  # four bytes
    assert block(bench, "s", 67, 0)[2] == body[1072:] and block(bench, "s", 68, 0)[0] == 128


def test_a_body_beyond_all_bounds_is_an_error_not_a_piece():
    bench = texts(130)
    assert bench.ask(GET, "s") == ("5.00", b"411 s")
    assert block(bench, "s", 3) == (160, b"411 s")
    assert bench.ask(GET, "s/text_0")[0] == "2.05"


def test_a_notification_begins_with_the_first_block_and_the_rest_is_of_the_same_body():
    bench = texts(20)
    block(bench, "s", 0, 6, observe=True)
    block(bench, "s", 1)
    bench.app.set("text_0", "new")
    (data,) = bench.notified()
    etag, which, payload = pieces(data)
    body = bench.link._bodies.state()
    assert which == (0, 1, 6) and payload == body[:1024] and coap.decode(data)[4][0][0] == coap.ETAG
    bench.app.set("text_1", "newer")
    assert bench.notified() == []  # it waits: the peer has not yet fetched the rest
    bench.link._wake.clear()
    assert block(bench, "s", 1) == (etag, (1, 0, 6), body[1024:]) and bench.link._wake.is_set()
    (data,) = bench.notified()
    assert pieces(data)[0] != etag


def test_a_peer_that_fetches_no_rest_hears_of_changes_all_the_same():
    bench = texts(20)
    block(bench, "s", 0, 3, observe=True)
    bench.app.set("text_0", "new")
    bench.udp.sent.clear()
    assert bench.link._step() == 2000 and bench.udp.sent == []
    bench.board.clock.now = 2000
    (data,) = bench.notified()
    assert pieces(data)[1] == (0, 1, 3)


def test_a_small_notification_is_whole():
    bench = Bench()
    block(bench, "s", 0, 3, observe=True)
    bench.app.set("power", True)
    (data,) = bench.notified()
    assert pieces(data)[:2] == (None, None)


def test_bodies_are_kept_for_the_last_three_transfers_and_for_a_minute():
    bench = texts(40)
    first = block(bench, "s", 0)
    for peer in "ab":
        block(bench, "s", 0, peer=peer)
    bench.app.set("text_0", "new")
    assert block(bench, "s", 1)[0] == first[0]
    block(bench, "s", 0, peer="c")
    assert block(bench, "s", 1)[0] != first[0]
    assert block(bench, "s", 1, peer="a")[0] == first[0]
    bench.board.clock.now = 60000
    assert block(bench, "s", 1, peer="a")[0] != first[0]


def test_a_body_for_which_there_is_no_memory_ends_no_service():
    bench = Bench()

    lacking = [1]

    def produce():
        if lacking:
            raise MemoryError(lacking.pop())
        return b"\xa0"

    bench.link._bodies.state = produce
    assert bench.ask(GET, "s") == ("2.05", b"\xa0")  # what was kept for others made room
    lacking.extend([1, 2])
    assert bench.ask(GET, "s") == ("5.00", b"411 s")
    bench.ask(GET, "s", before=OBSERVE)
    bench.app.set("power", False)
    bench.app.put(bench.app.table["temp"], 22)
    lacking.extend([1, 2])
    (data,) = bench.notified()
    assert data[0] >> 4 == 5 and data[1] == 160 and data[4:] == b"T\xff411 s" and bench.app.log.counts[411] == 2
    assert bench.ask(GET, "s/temp")[0] == "2.05"


def test_a_notification_that_has_grown_too_long_ends_the_interest():
    app = App("texts")
    for n in range(130):
        app.value("text_%d" % n, initial="")
    bench = Bench(app)
    bench.ask(GET, "s", before=OBSERVE)
    for n in range(130):
        app.set("text_%d" % n, "x" * 64)
    assert [coap.decode(data)[1] for data in bench.notified()] == [160] and app.log.counts[411] == 1
    app.set("text_0", "")
    assert bench.notified() == []


def test_a_long_log_is_read_whole():
    bench = Bench()
    bench.app.log.crashed(ValueError("x" * 400))
    for n in range(40):
        bench.app.log.event(101, 1 << 60, (1 << 60) + n)
    found = b""
    for number in range(2):
        found += block(bench, "l", number)[2]
        bench.board.clock.now += 50  # the body says what time it is, and yet it is one body
    assert len(cbor.loads(found)[1]) == 32 and b"xxx" in found


def test_garbage_is_dropped_and_counted():
    bench = Bench()
    for datagram in (b"", b"\x40", b"\x00" * 20, b"\x40\x01\x00\x01\xff", b"\xff" * 1200, bytes(1153)):
        bench.raw(datagram)
    assert bench.app.log.counts[321] == 2 and bench.app.log.counts[322] == 1
    assert bench.app.log.counts[323] == 1 and bench.app.log.counts[324] == 2
    assert bench.ask(GET, "s/temp")[0] == "2.05"


def test_cbor_bombs_are_refused_and_the_device_lives_on():
    bench = Bench()
    for bomb in ("9affffffff", "5bffffffffffffffff", "7affffffff61", "bbffffffffffffffff", "81" * 200, "a1" * 200):
        assert bench.ask(PUT, "s/power", CBOR, payload=unhexlify(bomb))[0] == "4.00"
    code, payload = bench.ask(PUT, "s/power", CBOR, payload=b"\x99\x03\xe8" + b"\x80" * 1000)
    assert code == "4.00" and payload.startswith(b"308")
    assert bench.ask(GET, "s/power") == ("2.05", b"\xf4")


def running(bench):
    """The link as a service, until it crashes."""
    bench.app.config = {}
    try:
        raises(RuntimeError, asyncio.run, bench.link.run(bench.app))
    finally:
        asyncio.new_event_loop()


def test_a_crash_on_either_side_of_the_link_ends_the_service_so_that_it_is_started_again():
    def crash(*_):
        raise RuntimeError

    for side in ("_step", "_receive"):
        bench = Bench()
        setattr(bench.link, side, crash)
        bench.udp.put(b"")
        running(bench)


def test_a_port_in_use_is_logged_by_number():
    bench = Bench()
    bench.app.config = {"port": 5699}
    bench.board.radio.error = 98
    raises(OSError, asyncio.run, bench.link.run(bench.app))
    asyncio.new_event_loop()
    assert [410, 5699, 0] in [entry[1:] for entry in bench.app.log.entries()]


# Bodies that come in blocks


def put(bench, path, number, more, payload, exponent=2, peer="peer", extra=()):
    """One block -> (code, Block1, Size1, payload) of the answer."""
    bench.mid += 1
    options = [(coap.URI_PATH, segment.encode()) for segment in path.split("/")]
    options += [(coap.CONTENT_FORMAT, b"\x3c"), (coap.BLOCK1, coap.uint_bytes(number << 4 | more << 3 | exponent))]
    (data,) = bench.raw(coap.encode(coap.CON, PUT, bench.mid, b"T", options + list(extra), payload), peer)
    _, code, _, _, options, payload = coap.decode(data)
    return code, coap.option(options, coap.BLOCK1), coap.option(options, coap.SIZE1), payload


def test_a_body_in_blocks_does_nothing_before_its_last_and_then_what_it_does_in_one():
    bench = texts(3)
    for r in bench.app.table.rows:
        r.writable = True
    body = cbor.dumps({n: "y" * 40 for n in range(3)})
    assert len(body) == 130
    assert put(bench, "s", 0, 1, body[:64]) == (coap.CONTINUE, b"\x0a", None, b"")
    assert put(bench, "s", 1, 1, body[64:128]) == (coap.CONTINUE, b"\x1a", None, b"")
    assert bench.app.get("text_0") == "x" * 64
    assert put(bench, "s", 2, 0, body[128:]) == (coap.CHANGED, b"\x22", None, b"")
    assert [r.value for r in bench.app.table.rows] == ["y" * 40] * 3


def test_rules_and_single_values_come_in_blocks_too_and_a_body_of_one_block_is_one():
    bench = Bench()
    assert put(bench, "s/power", 0, 0, b"\xf5") == (coap.CHANGED, b"\x02", None, b"")
    assert bench.app.get("power") is True
    rules = cbor.dumps([{0: 2, 3: "on", 4: 1}] * 3)
    assert put(bench, "b", 0, 1, rules[:16], 0)[0] == coap.CONTINUE
    assert put(bench, "b", 1, 0, rules[16:], 0)[0] == coap.CHANGED
    assert len(bench.app.rules.rows()) == 3


def test_what_cannot_be_written_is_refused_at_the_first_block():
    bench = Bench()
    assert put(bench, "s/temp", 0, 1, bytes(64)) == (coap.METHOD_NOT_ALLOWED, None, None, b"332 temp")
    assert put(bench, "b", 0, 1, bytes(64), extra=[(coap.SIZE1, b"\x10\x01")]) == (141, None, b"\x10\x00", b"347 b")


def test_blocks_of_a_body_that_did_not_begin_are_refused_and_logged():
    bench = Bench()
    assert put(bench, "b", 1, 1, bytes(64)) == (coap.INCOMPLETE, None, None, b"346 b")
    assert bench.app.log.counts[346] == 1


def test_an_upload_that_rests_is_forgotten():
    bench = Bench()
    put(bench, "b", 0, 1, bytes(64))
    bench.board.clock.now = 100
    assert bench.link._step() == 59900
    bench.board.clock.now = 60000
    assert bench.link._step() is None and bench.link._transfers is None


def test_it_listens_where_its_config_says():
    for config, host in (({}, "0.0.0.0"), ({"listen": "192.0.2.5"}, "192.0.2.5")):
        bench = Bench()
        bench.app.config = config
        runs(bench.app, bench.board, services=[bench.link])
        assert bench.board.radio.host_bound == host
