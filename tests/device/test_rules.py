"""The owner's rules: what they do, what they may not, and that they are stored as a whole. Unix port.

The power cuts are in tests/crash.
"""

from helpers import raises
from rig import Board, Readings, bound, fresh
from test_link import CBOR, GET, OBSERVE, PUT, Bench
from tos import App
from tos.state import Rules
from toscore import cbor_viper as cbor
from toscore.errors import Denied, StoreError, TosError, WireError

# The table of home(), by index.
TEMP, DOOR, POWER, LIGHT, LEVEL, MODE, NOTE, COUNT, PRESSED, GUARDED = range(10)


def home(*declared):
    """An app with one resource of each kind. temp and door are sensors, power has a limit that the maker set."""
    app = App("home", needs=("output", "sensor"))

    @app.read("temp", period_ms=2000, minimum=-10, maximum=150)
    def temp(dev):
        return dev.sensor()

    app.value("door", initial=False)

    @app.write("power", initial=False)
    def power(dev, on):
        dev.output(on)

    app.write("light", initial=False, depends=())(lambda dev, on: None)
    app.write("level", initial=0, maximum=100, step=1, depends=())(lambda dev, percent: None)
    app.value("mode", initial="eco", options=("eco", "comfort"), writable=True)
    app.value("note", initial="", writable=True)
    app.value("count", initial=0)
    app.event("pressed", options=("press", "hold"))
    app.write("guarded", initial=False, depends=(), origins=("link", "app"))(lambda dev, on: None)

    @app.when("temp", above=98)
    def hot(dev, value):
        app.set("power", False)

    for rule in declared:
        app.rule(**rule)
    return app


def ruled(*rows, **about):
    """home() at 20 degrees with these rules, as the wire has them: (app, board, readings)."""
    app, board = bound(home(**about))
    app.rules = Rules(app, fresh("rules"))
    app.rules.replace(list(rows))
    readings = Readings(app)
    readings.once()
    return app, board, readings


def at(board, readings, value):
    board.sensor.value = value
    readings.once()


# What they do


def test_a_rule_sets_what_it_says_when_its_condition_comes_true():
    app, board, readings = ruled({0: DOOR, 3: True, 4: LIGHT, 5: True}, {0: TEMP, 1: 60, 4: LEVEL, 5: 70})
    app.set("door", True)
    assert app.get("light") is True and app.get("level") == 0
    app.set("light", False, "link")
    app.set("door", True)  # it was true before
    assert app.get("light") is False
    at(board, readings, 61)
    assert app.get("level") == 70
    assert [e[1:] for e in app.log.entries() if e[1] == 211] == [[211, 1, 0], [211, 2, 0]]


def test_below_and_values_of_each_kind():
    app, board, readings = ruled(
        {0: TEMP, 2: 5, 4: MODE, 5: "comfort"},
        {0: MODE, 3: "comfort", 4: NOTE, 5: "cold"},
        {0: NOTE, 3: "cold", 4: LEVEL, 5: 7},
        {0: LEVEL, 1: 6.5, 4: LIGHT},
    )
    at(board, readings, 4.5)
    assert (app.get("mode"), app.get("note"), app.get("level"), app.get("light")) == ("comfort", "cold", 7, True)


def test_a_rule_without_a_value_toggles():
    app, _, _ = ruled({0: PRESSED, 3: "press", 4: LIGHT})
    for on in (True, False, True):
        app.emit("pressed", "press")
        assert app.get("light") is on
    app.emit("pressed", "hold")
    assert app.get("light") is True


def test_each_of_two_equal_events_in_a_row_fires_rules_of_both_sorts():
    app = home()
    heard = []
    app.when("pressed", equals="press")(lambda dev, kind: heard.append(kind))
    app, _ = bound(app)
    app.emit("pressed", "press")
    app.emit("pressed", "press")
    assert heard == ["press", "press"]


def test_two_events_that_one_rule_lets_happen_are_each_seen_as_what_they_were():
    app = home()

    @app.when("door", equals=True)
    def both(dev, value):
        app.emit("pressed", "hold")
        app.emit("pressed", "press")

    app, _ = bound(app)
    app.rules = Rules(app, fresh("rules"))
    app.rules.replace([{0: PRESSED, 3: "hold", 4: LIGHT}, {0: PRESSED, 3: "press", 4: LEVEL, 5: 9}])
    app.set("door", True)
    assert app.get("light") is True and app.get("level") == 9 and app.log.counts[211] == 2


def test_a_new_rule_waits_until_its_condition_comes_true_again():
    app, _, _ = ruled()
    app.set("door", True)
    app.rules.replace([{0: DOOR, 3: True, 4: LIGHT}])
    app.set("door", True)
    assert app.get("light") is False
    app.set("door", False)
    app.set("door", True)
    assert app.get("light") is True


# What they may not


def test_what_the_maker_wrote_as_code_has_the_last_word():
    for row in ({0: TEMP, 1: 98, 4: POWER, 5: True}, {0: DOOR, 3: True, 4: POWER}):
        app, board, readings = ruled(row)
        at(board, readings, 99)
        app.set("door", True)
        assert app.log.counts[211] == 1
        assert app.get("power") is False and board.output.told[-1] is False


def test_a_rule_that_undoes_what_the_maker_wrote_is_undone_itself():
    app, board, readings = ruled({0: POWER, 3: False, 4: POWER, 5: True})
    app.set("power", True, "link")
    at(board, readings, 99)
    assert board.output.told[-4:] == [True, False, True, False]
    assert app.get("power") is False and 408 not in app.log.counts


def test_rules_that_set_each_other_off_are_stopped_and_nothing_else_is():
    app, _, _ = ruled(
        {0: LIGHT, 3: True, 4: LEVEL, 5: 1},
        {0: LEVEL, 3: 1, 4: LIGHT, 5: False},
        {0: LIGHT, 3: False, 4: LEVEL, 5: 0},
        {0: LEVEL, 3: 0, 4: LIGHT, 5: True},
    )
    app.set("power", True, "link")
    app.set("light", True, "link")
    assert app.log.counts[211] == 16 and app.log.counts[345] == 1 and 408 not in app.log.counts
    assert app.get("power") is True


def test_where_the_product_loops_by_itself_everything_is_made_safe_whatever_the_owner_added():
    app = home()
    for path, equals, to, value in (
        ("door", True, "count", 1),
        ("count", 1, "door", False),
        ("door", False, "count", 0),
        ("count", 0, "door", True),
    ):
        app.when(path, equals=equals)(lambda dev, _, to=to, value=value: app.set(to, value))
    app, board = bound(app)
    app.rules = Rules(app, fresh("rules"))
    app.rules.replace([{0: DOOR, 3: True, 4: LEVEL, 5: 5}])
    app.set("light", True, "link")
    app.set("door", True)
    assert app.log.counts[345] == 1 and app.log.counts[408] == 1
    assert app.get("light") is False


def test_no_rule_undoes_that_an_output_is_made_safe():
    app, board, readings = ruled({0: POWER, 3: False, 4: POWER, 5: True}, {0: TEMP, 1: 30, 4: LIGHT})
    app.set("power", True, "link")
    app.make_safe()
    assert app.get("power") is False and board.output.told[-1] is False
    app.put(app.table["power"], False)
    assert app.get("power") is False
    at(board, readings, 31)
    assert app.get("light") is True  # they are all in force


def test_a_rule_that_a_silent_sensor_refuses_is_logged_and_nothing_else():
    app, board, readings = ruled({0: DOOR, 3: True, 4: POWER, 5: True})
    app.set("light", True, "link")
    at(board, readings, OSError(5))
    readings.once()
    readings.once()
    app.set("light", True, "link")
    app.log.crash = None
    app.set("door", True)
    assert [344, 1, 336] in [entry[1:] for entry in app.log.entries()]
    assert app.get("light") is True and app.log.crash is None and 409 not in app.log.counts


def test_a_rule_whose_output_fails_leaves_the_others_as_they_are():
    app, board, readings = ruled({0: DOOR, 3: True, 4: POWER, 5: True})
    app.set("light", True, "link")
    board.output.broken = (True,)
    app.set("door", True)
    assert [344, 1, 404] in [entry[1:] for entry in app.log.entries()]
    assert app.get("power") is False and app.get("light") is True and 409 not in app.log.counts


def test_what_an_output_depends_on_has_nothing_to_do_with_the_owners_rules():
    app = App("plain", needs=("output", "sensor"))
    app.read("temp", period_ms=2000)(lambda dev: dev.sensor())
    app.write("power", initial=False)(lambda dev, on: dev.output(on))
    app.rule("temp", above=60, set="power", to=False)
    app, _ = bound(app)
    app.rules = Rules(app, fresh("rules"))
    assert app.get("temp") is None
    app.set("power", True, "link")
    assert app.get("power") is True


def test_a_rule_writes_as_a_rule_what_only_rules_may_write():
    app = App("bell")
    app.event("pressed", options=("press",))
    app.write("bell", initial=False, origins=("rule",))(lambda dev, on: None)
    app, _ = bound(app)
    app.rules = Rules(app, fresh("rules"))
    app.rules.replace([{0: 0, 3: "press", 4: 1}])
    raises(Denied, app.set, "bell", True, "link")
    app.emit("pressed", "press")
    assert app.get("bell") is True


# What is refused

GOOD = {0: DOOR, 3: True, 4: LIGHT}
REFUSED = (
    (True, WireError, 341, None),
    ({0: GOOD}, WireError, 341, None),
    ([GOOD] * 17, WireError, 342, 17),
    ([GOOD, 5], WireError, 341, "rule 2"),
    ([{0: DOOR, 4: LIGHT, 5: True}], WireError, 341, "rule 1"),
    ([{0: TEMP, 1: 5, 2: 6, 4: LIGHT}], WireError, 341, "rule 1"),
    ([{0: TEMP, 1: 5}], WireError, 341, "rule 1"),
    ([{1: 5, 4: LIGHT}], WireError, 341, "rule 1"),
    ([{0: TEMP, 1: 5, 4: LIGHT, 6: 0}], WireError, 341, "rule 1"),
    ([{0: DOOR, True: 5, 4: LIGHT}], WireError, 341, "rule 1"),
    ([{0: DOOR, 3: None, 4: LIGHT}], WireError, 341, "rule 1"),
    ([{0: DOOR, 3: True, 4: LIGHT, 5: None}], WireError, 341, "rule 1"),
    ([GOOD, GOOD, {0: 10, 3: True, 4: LIGHT}], WireError, 331, "rule 3, 10"),
    ([{0: "door", 3: True, 4: LIGHT}], WireError, 331, "rule 1, door"),
    ([{0: DOOR, 3: True, 4: -1}], WireError, 331, "rule 1, -1"),
    ([{0: DOOR, 3: True, 4: False}], WireError, 331, "rule 1, False"),
    ([{0: DOOR, 3: 1, 4: LIGHT}], WireError, 334, "rule 1, door"),
    ([{0: DOOR, 1: 1, 4: LIGHT}], WireError, 334, "rule 1, door"),
    ([{0: TEMP, 1: True, 4: LIGHT}], WireError, 334, "rule 1, temp"),
    ([{0: TEMP, 2: "5", 4: LIGHT}], WireError, 334, "rule 1, temp"),
    ([{0: TEMP, 2: float("nan"), 4: LIGHT}], WireError, 334, "rule 1, temp"),
    ([{0: TEMP, 3: 151, 4: LIGHT}], WireError, 335, "rule 1, temp"),
    ([{0: MODE, 1: 5, 4: LIGHT}], WireError, 334, "rule 1, mode"),
    ([{0: NOTE, 1: 5, 4: LIGHT}], WireError, 334, "rule 1, note"),
    ([{0: PRESSED, 3: "kick", 4: LIGHT}], WireError, 335, "rule 1, pressed"),
    ([{0: PRESSED, 2: 5, 4: LIGHT}], WireError, 334, "rule 1, pressed"),
    ([{0: DOOR, 3: True, 4: LIGHT, 5: 1}], WireError, 334, "rule 1, light"),
    ([{0: DOOR, 3: True, 4: LEVEL, 5: 101}], WireError, 335, "rule 1, level"),
    ([{0: DOOR, 3: True, 4: LEVEL}], WireError, 343, "rule 1, level"),
    ([{0: DOOR, 3: True, 4: COUNT, 5: 1}], Denied, 332, "rule 1, count"),
    ([{0: DOOR, 3: True, 4: PRESSED, 5: "press"}], Denied, 332, "rule 1, pressed"),
    ([GOOD, {0: DOOR, 3: True, 4: GUARDED, 5: True}], Denied, 333, "rule 2, guarded"),
    ([GOOD, {0: DOOR, 3: True, 4: GUARDED}], Denied, 333, "rule 2, guarded"),
)


def test_what_is_wrong_is_refused_with_its_number_and_all_stays_as_it_was():
    app, _, _ = ruled({0: TEMP, 1: 60, 4: LIGHT, 5: True})
    before = app.rules.rows()
    for rows, kind, code, detail in REFUSED:
        e = raises(kind, app.rules.replace, rows)
        assert (e.code, e.detail) == (code, detail), (rows, e.code, e.detail)
        assert app.rules.rows() == before
    app.rules.replace([GOOD] * 16)
    assert app.rules.rows() == [GOOD] * 16


def test_what_cannot_be_stored_is_not_followed():
    app, _, _ = ruled()

    def full(rows):
        raise StoreError(406)

    app.rules.record.save = full
    raises(StoreError, app.rules.replace, [GOOD])
    app.set("door", True)
    assert app.rules.rows() == [] and app.get("light") is False


# What is stored, and what the maker declared


def test_a_maker_declares_what_the_owner_may_replace_or_have_back():
    path = fresh("rules")

    def started():
        app, _ = bound(home({"path": "door", "equals": True, "set": "light", "to": True}))
        app.rules = Rules(app, path)
        return app

    declared = [{0: DOOR, 3: True, 4: LIGHT, 5: True}]
    assert started().rules.rows() == declared
    for rows in ([{0: TEMP, 2: 4.5, 4: MODE, 5: "comfort"}, {0: PRESSED, 3: "hold", 4: LIGHT}], []):
        app = started()
        app.rules.replace(rows)
        assert app.rules.rows() == rows
        app = started()
        assert app.rules.rows() == rows
        app.set("door", True)
        assert app.get("light") is False
    app.rules.replace(None)
    assert app.rules.rows() == declared
    app = started()
    assert app.rules.rows() == declared
    app.set("door", True)
    assert app.get("light") is True


def test_damaged_rules_are_logged_and_the_makers_return():
    path = fresh("rules")
    with open(path, "wb") as f:
        f.write(b"TOS1" + bytes(20))
    app, _ = bound(home({"path": "door", "equals": True, "set": "light"}))
    assert Rules(app, path).rows() == [GOOD] and app.log.counts[405] == 1


def test_a_rule_that_a_new_version_has_no_place_for_is_left_out_and_the_others_stay():
    path = fresh("rules")
    app, _ = bound(home())
    rules = Rules(app, path)
    rules.replace(
        [
            {0: TEMP, 1: 5, 4: LIGHT, 5: True},
            {0: DOOR, 3: True, 4: LIGHT, 5: True},
            {0: DOOR, 3: True, 4: LEVEL, 5: 60},
            {0: DOOR, 3: False, 4: LIGHT, 5: False},
            {0: DOOR, 3: True, 4: MODE, 5: "eco"},
        ]
    )
    app = App("home", needs=("output", "sensor"))  # which lost its thermometer, and is not so bright
    app.value("mode", initial="eco", options=("eco", "comfort"), writable=True, origins=("app",))
    app.value("door", initial=False)
    app.write("light", initial=False)(lambda dev, on: None)
    app.write("level", initial=0, maximum=50)(lambda dev, percent: None)
    app, _ = bound(app)
    rules = Rules(app, path)
    assert rules.rows() == [{0: 1, 3: True, 4: 2, 5: True}, {0: 1, 3: False, 4: 2, 5: False}]
    dropped = [entry[2:] for entry in app.log.entries() if entry[1] == 421]
    assert dropped == [[1, 331], [3, 335], [5, 333]]


def test_a_makers_mistake_is_told_at_once_or_at_boot():
    for rule in ({"path": "door", "set": "light"}, {"path": "door", "above": 1, "equals": True, "set": "light"}):
        raises(ValueError, home, rule)
    raises(ValueError, home, *[{"path": "door", "equals": True, "set": "light"}] * 17)
    for rule, code in (
        ({"path": "dor", "equals": True, "set": "light"}, 331),
        ({"path": "door", "equals": True, "set": "guarded"}, 333),
        ({"path": "door", "above": 5, "set": "light"}, 334),
        ({"path": "door", "equals": True, "set": "level"}, 343),
    ):
        assert raises(TosError, home(rule)._bind, Board()).code == code


# Over the link


def test_rules_are_read_written_and_observed():
    bench = Bench(home())
    assert bench.ask(GET, "b", before=OBSERVE) == ("2.05", b"\x80")
    rows = b"\x82" + b"\xa3\x00\x01\x03\xf5\x04\x03" + b"\xa4\x00\x00\x01\x18\x3c\x04\x04\x05\x07"
    assert bench.ask(PUT, "b", CBOR, payload=rows) == ("2.04", b"")
    [told] = bench.notified()
    assert told.endswith(b"\xff" + rows)
    assert bench.ask(GET, "b") == ("2.05", rows)
    assert bench.ask(PUT, "b", CBOR, payload=b"\x81\xa3\x00\x01\x03\xf5\x04\x09") == ("4.03", b"333 rule 1, guarded")
    assert bench.ask(PUT, "b", CBOR, payload=b"\x81\xa3\x00\x01\x03\xf5\x04\x18\x63") == ("4.00", b"331 rule 1, 99")
    assert bench.ask(PUT, "b", CBOR, payload=cbor.dumps([GOOD] * 17)) == ("4.00", b"342 17")
    assert bench.ask(PUT, "b", b"\x11\x32", payload=rows) == ("4.15", b"328 b")
    assert bench.notified() == [] and bench.ask(GET, "b") == ("2.05", rows)
    assert bench.ask(PUT, "b", CBOR, payload=b"\xf6") == ("2.04", b"")
    assert bench.ask(GET, "b") == ("2.05", b"\x80")


def test_sixteen_usual_rules_fit_a_datagram():
    bench = Bench(home())
    rows = [{0: TEMP, 1: 60.5, 4: NOTE, 5: "x" * 40}] * 16
    assert bench.ask(PUT, "b", CBOR, payload=cbor.dumps(rows))[0] == "2.04"
    assert bench.ask(GET, "b") == ("2.05", cbor.dumps(rows))
