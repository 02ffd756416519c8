"""The link on a bench board: datagrams made by hand, byte by byte. aiocoap speaks to it in tests/host. Unix port."""

import asyncio
from binascii import hexlify, unhexlify

from helpers import raises
from rig import Readings, bound
from tos import App
from tos.link import Link

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


class Bench:
    """A link with a hand-made peer."""

    def __init__(self, app=None):
        self.app, self.board = bound(app or kettle())
        self.readings = Readings(self.app)
        self.readings.once()
        self.link = Link(self.app)
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
        body = sent[0].split(b"\xff", 1)
        return "%d.%02d" % (sent[0][1] >> 5, sent[0][1] & 31), body[1] if len(body) > 1 else b""

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
        (GET, "s/temp", b"\xc1\x00", ("4.02", b"327 23")),  # Block2: critical, not spoken yet
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
        b"0583"
        b"a6" b"0000" b"016474656d70" b"026673656e736f72" b"0363c2b043" b"0429" b"051896"
        b"a5" b"0001" b"0165706f776572" b"0266737769746368" b"08f5" b"0bf4"
        b"a5" b"0002" b"0167636c69636b6564" b"02656576656e74" b"0782626f6e636f6666" b"09f5"
    )  # fmt: skip


def test_well_known_core_lists_what_there_is():
    code, body = Bench().ask(GET, ".well-known/core")
    assert code == "2.05"
    assert body == (
        b'</d>;ct=60,</s>;ct=60;obs,</e>;ct=60;obs,</l>;ct=60,</s/temp>;ct=60;obs;rt="sensor",'
        b'</s/power>;ct=60;obs;rt="switch"'
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
    body = data.split(b"\xff", 1)[1]
    assert body.startswith(b"\xa3\x00\x07\x01\x09\x02\x88\x84\x03\x09\x02\x63of")
    assert body.endswith(b"\x84\x0a\x09\x02\x62on")


def test_the_log_is_read_over_the_link():
    bench = Bench()
    bench.ask(GET, "nope")
    bench.app.log.crashed(ValueError("boom"))
    code, body = bench.ask(GET, "l")
    assert code == "2.05" and body[:3] == b"\xa4\x00\x00" and b"\x84\x00\x18\xc9\x00\x00" in body and b"boom" in body


def test_an_answer_that_does_not_fit_a_datagram_is_an_error_not_a_piece():
    app = App("big")
    for n in range(60):
        app.value("value_%d" % n, initial=n, unit="kWh", device_class="energy")
    bench = Bench(app)
    assert bench.ask(GET, "d") == ("5.00", b"411 d")
    assert bench.ask(GET, "s")[0] == "2.05"


def test_a_notification_that_has_grown_too_long_ends_the_interest():
    app = App("texts")
    for n in range(20):
        app.value("text_%d" % n, initial="")
    bench = Bench(app)
    bench.ask(GET, "s", before=OBSERVE)
    for n in range(20):
        app.set("text_%d" % n, "x" * 64)
    assert bench.notified() == [] and app.log.counts[411] == 1
    app.set("text_0", "")
    assert bench.notified() == []


def test_a_long_log_is_read_without_its_oldest_lines():
    bench = Bench()
    bench.app.log.crashed(ValueError("x" * 400))
    for n in range(40):
        bench.app.log.event(101, 1 << 60, (1 << 60) + n)
    code, body = bench.ask(GET, "l")
    assert code == "2.05" and b"\x1b\x10\0\0\0\0\0\0\x27" in body and b"xxx" in body  # 39, the latest


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
