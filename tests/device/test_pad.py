"""Game pads on a bench board: which record counts, what silence does, who hears of it. Unix port."""

import gc

from helpers import raises
from rig import runs
from test_link import CBOR, GET, POST, PUT, Bench, payload_of
from test_peers import Paired, Peer
from tos import App
from toscore import coap, packed
from toscore.errors import WireError

A, UP, START = 1, 1 << 12, 1 << 9
PATH = [(coap.URI_PATH, b"i")]


def player():
    """An app that writes down what it hears."""
    app = App("player", needs=("output", "sensor"))
    app.value("volume", initial=20, minimum=0, maximum=40, step=1, writable=True, origins=("pad", "app"))
    app.value("title", initial="", writable=True, origins=("link", "app"))
    app.heard = []

    @app.write("power", initial=False, depends=())
    def power(dev, on):
        dev.output(on)

    @app.pad
    def pad(dev, pad):
        assert dev is app.dev
        held = [name for name in ("a", "up", "start") if pad.held(name)]
        pressed = [name for name in ("a", "up", "start") if pad.pressed(name)]
        app.heard.append((held, pressed, pad.axis("left_x"), pad.axis("right_trigger")))
        if pad.pressed("start"):
            app.set("title", "pads may not write this", "pad")
        if pad.axis("right_y"):
            raise ValueError("the app has a mistake")
        if pad.pressed("up"):
            app.set("volume", app.get("volume") + 10, "pad")

    return app


def record(sequence, buttons=0, left_x=0, right_y=0, right_trigger=0):
    values, buf = packed.record(), bytearray(packed.PAD_B)
    for i, value in enumerate((sequence, buttons, left_x, 0, 0, right_y, 0, right_trigger)):
        values[i] = value
    packed.dump_pad(buf, 0, values)
    return bytes(buf)


class Play(Bench):
    """Records go in as datagrams; heard() is what the app is told of after each."""

    def __init__(self):
        super().__init__(player())
        self.pads = self.app.pads

    def sends(self, payload, peer="peer", kind=coap.NON, options=(), token=b""):
        self.mid += 1
        return self.raw(coap.encode(kind, PUT, self.mid, token, PATH + list(options), payload), peer)

    def heard(self):
        self.wait_ms = self.pads._step(self.app)
        heard, self.app.heard = self.app.heard, []
        return heard

    def passes(self, ms):
        self.board.clock.now += ms


def test_buttons_and_axes_by_name():
    play = Play()
    assert play.sends(record(1, A, -127, 0, 255)) == []
    assert play.heard() == [(["a"], ["a"], -127, 255)]
    play.sends(record(2, A | UP))
    assert play.heard() == [(["a", "up"], ["up"], 0, 0)]
    play.sends(record(3))
    assert play.heard() == [([], [], 0, 0)]
    pad = play.pads._all[0]
    for wrong in (pad.held, pad.pressed, pad.axis):
        raises(ValueError, wrong, "fire")


def test_a_record_that_says_nothing_new_is_not_told():
    play = Play()
    for n in range(3):
        play.sends(record(n, A))
    assert len(play.heard()) == 1
    play.sends(record(3, A))
    assert play.heard() == []


def test_the_newest_wins_and_an_older_one_is_dropped_around_the_end_too():
    play = Play()
    for sequence, buttons in ((65534, A), (65533, 0), (0, A | UP), (65535, 0), (65534, START), (0, START)):
        play.sends(record(sequence, buttons))
    assert play.heard() == [(["a", "up"], ["a", "up"], 0, 0)]
    play.sends(record(32767, 0))
    assert play.heard()[0][0] == []
    play.sends(record(32767 + 32768, A))  # half of all numbers ahead is as far behind
    assert play.heard() == []


def test_a_press_between_two_calls_is_not_lost():
    play = Play()
    play.sends(record(1, UP))
    play.sends(record(2))
    assert play.heard() == [([], ["up"], 0, 0)] and play.app.get("volume") == 30
    play.sends(record(3, A))
    assert play.heard() == [(["a"], ["a"], 0, 0)]


def test_half_a_second_of_silence_releases_everything():
    play = Play()
    play.sends(record(1, A, 100, 0, 9))
    assert play.heard() == [(["a"], ["a"], 100, 9)] and play.wait_ms == 500
    play.passes(499)
    assert play.heard() == [] and play.wait_ms == 1
    play.sends(record(2, A, 100, 0, 9))  # it still lives
    play.passes(499)
    assert play.heard() == []
    play.passes(1)
    assert play.heard() == [([], [], 0, 0)] and play.wait_ms is None
    assert play.app.log.counts[217] == 1
    play.passes(60000)
    assert play.heard() == [] and play.app.log.counts[217] == 1
    for n, moved in enumerate((record(9, 0, -1), record(10, 0, 0, 0, 1))):  # a stick or a trigger is held too
        play.sends(moved)
        assert len(play.heard()) == 1
        play.passes(500)
        assert play.heard() == [([], [], 0, 0)] and play.app.log.counts[217] == 2 + n


def test_a_pad_at_rest_may_be_silent():
    play = Play()
    play.sends(record(1, A))
    play.sends(record(2))
    play.heard()
    play.passes(60000)
    assert play.heard() == [] and play.wait_ms is None and 217 not in play.app.log.counts


def test_after_a_release_an_old_record_presses_nothing_and_after_ten_seconds_a_sequence_begins_anew():
    play = Play()
    play.sends(record(500, A))
    play.passes(500)
    play.heard()
    play.sends(record(499, A))
    assert play.heard() == []
    play.passes(9499)
    play.sends(record(3, A))
    assert play.heard() == []
    play.passes(1)
    play.sends(record(3, A))
    assert play.heard() == [(["a"], ["a"], 0, 0)]


def test_each_sender_has_a_pad_and_a_fifth_waits_for_one_that_rests():
    play = Play()
    for n in range(4):
        play.sends(record(1000 * n, A), peer="peer%d" % n)
        assert play.heard() == [(["a"], ["a"], 0, 0)]
    play.sends(record(1, UP), peer="peer3")  # an old one, of this sender
    assert play.heard() == []
    (refused,) = play.sends(record(1, A), peer="peer4")
    assert refused.endswith(b"\xff378") and coap.decode(refused)[1] == 163
    play.passes(9000)
    play.heard()
    for n in (0, 2, 3):
        play.sends(record(1000 * n + 1), peer="peer%d" % n)
    play.passes(1000)
    play.sends(record(1, A), peer="peer4")
    assert play.heard() == [(["a"], ["a"], 0, 0)]
    assert [pad._who for pad in play.pads._all] == ["peer0", "peer2", "peer3", "peer4"]


def test_what_is_not_answered_and_what_is():
    play = Play()
    assert play.sends(record(1)) == []  # without a token
    (answer,) = play.sends(record(2), token=b"t")
    assert answer[:2] == b"\x51\x44" and answer[4:] == b"t"
    assert play.sends(record(3), token=b"t", options=[(coap.NO_RESPONSE, b"\x1a")]) == []
    (answer,) = play.sends(record(4), kind=coap.CON, token=b"t")
    assert answer[:2] == b"\x61\x44"
    (answer,) = play.sends(record(5), kind=coap.CON)
    assert answer[:2] == b"\x60\x00"
    (answer,) = play.sends(record(4), token=b"t")  # it changes nothing, and that is right
    assert answer[1] == 0x44
    assert play.pads._all[0]._values[0] == 5


def test_what_is_no_record_is_refused_and_takes_no_place():
    play = Play()
    good = record(1, A)
    for payload, code in (
        (b"", b"301"), (good[:-1], b"301"), (good + b"\0", b"306"), (b"\x4b" + good[1:], b"302"),
        (b"\x58\x0a" + good[1:], b"302"), (b"\xa1\x00\x01" + bytes(8), b"302"),
    ):  # fmt: skip
        (refused,) = play.sends(payload)
        assert refused[1] == 128 and payload_of(refused)[:3] == code, payload
    assert play.pads._all == [] and play.heard() == []
    (refused,) = play.sends(good, options=[(coap.CONTENT_FORMAT, b"\x32")], token=b"t")
    assert refused[1] == coap.UNSUPPORTED_FORMAT
    for end in range(len(good)):
        raises(WireError, play.pads.take, 0, "peer", good[:end])


def test_only_a_put_and_only_where_the_product_listens():
    play = Play()
    for method in (GET, POST):
        assert play.ask(method, "i")[0] == "4.05"
    assert play.ask(PUT, "i", CBOR, payload=record(1))[0] == "2.04"
    assert b"</i>;ct=60" in play.ask(GET, ".well-known/core")[1]
    deaf = Bench()
    assert deaf.ask(PUT, "i", payload=record(1)) == ("4.04", b"331 i")
    assert deaf.ask(GET, "i") == ("4.04", b"331 i") and b"</i>" not in deaf.ask(GET, ".well-known/core")[1]


def test_a_refused_write_is_logged_and_a_mistake_ends_the_service_so_that_it_is_started_again():
    play = Play()
    play.sends(record(1, START | UP))
    assert play.heard() == [(["up", "start"], ["up", "start"], 0, 0)]
    assert play.app.log.counts[333] == 1 and play.app.get("title") == ""
    play.sends(record(2, UP, 0, 5))
    raises(ValueError, play.pads._step, play.app)
    play.app.heard.clear()
    play.sends(record(3, 0))
    assert play.heard() == [([], [], 0, 0)]  # the press that was told with the mistake is not told again


def test_the_service_hears_of_a_record():
    play = Play()
    play.sends(record(1, A))
    runs(play.app, play.board, services=[play.pads])
    assert play.app.heard == [(["a"], ["a"], 0, 0)]


def test_a_record_allocates_nothing():
    play = Play()
    datagrams = [record(n, n & 1, n & 63) for n in range(50)]
    play.pads.take(0, "peer", datagrams[0])
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for datagram in datagrams:
        play.pads.take(5, "peer", datagram)
    allocated = gc.mem_alloc() - before
    gc.enable()
    assert allocated == 0


def test_a_paired_pad_is_its_context_and_its_events_are_one_datagram_each():
    bench = Paired(app=player())
    owner = Peer(bench)
    code, options, _ = owner.ask(PUT, PATH, record(1, A))
    assert code == coap.UNAUTHORIZED and bench.app.pads._all == []
    assert owner.ask(PUT, PATH + [(coap.ECHO, bytes(coap.option(options, coap.ECHO)))], record(1, A))[0] == coap.CHANGED
    for n, address in enumerate(("peer", "elsewhere")):
        assert bench.raw(owner.datagram(PUT, PATH, record(n + 2, UP), b"", coap.NON), address) == []
    assert len(bench.app.pads._all) == 1 and bench.app.pads._all[0]._values[0] == 3
    (refused,) = bench.raw(owner.datagram(PUT, PATH, record(4)[:-1], b"", coap.NON), "peer")
    code, _, payload = owner.opened(refused)
    assert (code, payload) == (128, b"301 0")
    assert bench.ask(PUT, "i", payload=record(5))[0] == "4.01"
