"""What a hub's answer may say to a device: each truncation and any damage of it, and the two clocks. Unix port."""

import os

from rig import bound, fresh
from test_link import kettle
from tos.commands import Commands
from tos.store import Record
from toscore import cbor

MARK = b"mark"
WALL = 1900000000
COMMANDED, CLOCK_SET, BAD, REFUSED = 214, 215, 373, 374


class Clock:
    def __init__(self, seconds=None):
        self.seconds = seconds

    def ms(self):
        return 0

    def wall(self):
        return self.seconds

    def set_wall(self, seconds):
        if seconds >= 3094168448:
            raise ValueError(seconds)
        self.seconds = seconds


class State:
    saved = 0

    def save(self):
        self.saved += 1


def new(path, seconds=None, mark=MARK):
    app, board = bound(kettle())
    app.put(app.table["temp"], 20)
    app.clock = app.log._clock = Clock(seconds)
    app.state = State()
    return Commands(app, mark, path), app


def counts(app):
    return {code: n for code, n in app.log.counts.items() if code in (COMMANDED, CLOCK_SET, BAD, REFUSED)}


def test_each_command_is_done_once_over_restarts_and_a_new_key_begins_anew():
    path = fresh("commands")
    commands, app = new(path)
    assert commands.last is None
    commands.take(cbor.dumps({0: WALL, 1: [[5, 1, True], [4, 1, False]]}), "link/hub", 10)
    assert commands.last == 5 and app.get("power") is True and app.state.saved == 1
    app.set("power", False)
    again, app = new(path)
    assert again.last == 5
    again.take(cbor.dumps({1: [[4, 1, True], [5, 1, True], [6, 7, True]]}), "link/hub", 10)
    assert app.get("power") is False and counts(app) == {REFUSED: 1, COMMANDED: 1} and again.last == 6
    other, app = new(path, mark=b"else")
    assert other.last is None
    other.take(cbor.dumps({1: [[1, 1, True]]}), "link/hub", 10)
    assert app.get("power") is True and Record(path).load() == [b"else", 1]


def test_how_long_a_hub_wants_to_speak_with_it_is_for_one_answer_and_bounded():
    commands, app = new(fresh("commands"))
    for told, stay_ms in (({2: 3000}, 3000), ({0: WALL}, 0), ({2: 10**6}, 30000), ({2: -1}, 0), ({2: "long"}, 0)):
        commands.take(cbor.dumps(told), "link/hub", 10)
        assert commands.stay_ms == stay_ms
    assert counts(app) == {CLOCK_SET: 1, BAD: 1}


def test_what_is_done_already_writes_nothing():
    path = fresh("commands")
    commands, app = new(path)
    commands.take(cbor.dumps({1: [[5, 1, True]]}), "link/hub", 10)
    written = commands._record.counter
    for _ in range(3):
        commands.take(cbor.dumps({0: WALL, 1: [[5, 1, True]]}), "link/hub", 10)
    assert commands._record.counter == written and app.state.saved == 1


def test_the_clock_is_set_by_two_seconds_or_more_and_by_what_is_fresh():
    for own, said, age_ms, after in (
        (None, WALL, 0, WALL),
        (WALL, WALL + 1, 0, WALL),
        (WALL, WALL + 2, 2000, WALL + 2),
        (WALL, WALL - 5000, 0, WALL - 5000),
        (WALL, WALL + 60, 2001, WALL),
        (None, 1577836799, 0, None),
        (WALL, 3094168448, 0, WALL),
        (WALL, "x", 0, WALL),
        (WALL, True, 0, WALL),
        (WALL, 2**33, 0, WALL),
    ):
        commands, app = new(fresh("commands"), own)
        commands.take(cbor.dumps({0: said}), "link/hub", age_ms)
        assert app.clock.seconds == after, (own, said, age_ms)


def test_an_id_that_is_none_does_nothing():
    for id in (-1, 2**32, 2**64 - 1, 1.0, True, None, "5", [5]):
        commands, app = new(fresh("commands"))
        commands.take(cbor.dumps({1: [[1, 1, True], [id, 1, True]]}), "link/hub", 10)
        assert counts(app) == {BAD: 1} and app.get("power") is False, id


def test_each_truncation_and_any_damage_is_refused_or_understood():
    whole = cbor.dumps({0: WALL, 1: [[5, 1, True], [6, 1, False], [300, 0, 1.5]]})
    path = fresh("commands")
    for end in range(len(whole)):
        commands, app = new(path)
        commands.take(whole[:end], "link/hub", 10)
        assert counts(app) == {BAD: 1} and commands.last is None and app.clock.seconds is None
    for n in range(3000):
        commands, app = new(path) if n % 100 == 0 else (commands, app)
        damaged = bytearray(whole)
        for at in os.urandom(1 + n % 3):
            damaged[at % len(whole)] = os.urandom(1)[0]
        commands.take(bytes(damaged), "link/hub", 10)
        assert commands.last is None or commands.last >= 0
