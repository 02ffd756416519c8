"""App: what a maker declares and what holds whatever happens. Unix port."""

from helpers import raises
from rig import Board, Readings, bound
from tos import App
from toscore.errors import Busy, Denied, TosError, WireError


def kettle(**power):
    """The kettle of docs/making-a-product, over a bench."""
    app = App("kettle", needs=("output", "sensor"))
    app.value("boils", initial=0)

    @app.read("temp", period_ms=2000, minimum=-10, maximum=150)
    def temp(dev):
        return dev.sensor()

    @app.write("power", initial=False, **power)
    def power_(dev, on):
        dev.output(on)

    @app.when("temp", above=98)
    def boiled(dev, value):
        app.set("power", False)
        app.set("boils", app.get("boils") + 1)

    app, board = bound(app)
    return app, board, Readings(app)


def heating():
    """A kettle at 20 degrees with its power on."""
    app, board, readings = kettle()
    readings.once()
    app.set("power", True)
    assert board.output.told == [False, True]
    return app, board, readings


def test_a_board_that_lacks_a_feature_fails_by_name():
    e = raises(TosError, App("kettle", needs=("relay",))._bind, Board())
    assert e.code == 412 and e.detail == "kettle needs relay; board BENCH has button, output, sensor"


def test_each_start_has_its_own_random_number():
    starts = [kettle()[0].boot for _ in range(4)]
    assert len(set(starts)) == 4 and max(starts) >> 16 and max(starts) < 1 << 32


def test_outputs_are_safe_before_anything_else():
    app, board, _ = kettle()
    assert board.output.told == [False]
    assert app.get("power") is False and app.get("temp") is None


def test_a_rule_switches_off_above_its_limit():
    app, board, readings = heating()
    board.sensor.value = 98
    readings.once()
    assert app.get("power") is True
    board.sensor.value = 99
    readings.once()
    assert board.output.told[-1] is False and app.get("power") is False and app.get("boils") == 1


def test_a_rule_fires_once_while_its_condition_holds():
    app, board, readings = heating()
    board.sensor.value = 99
    for _ in range(5):
        readings.once()
    assert app.get("boils") == 1
    board.sensor.value = 50
    readings.once()
    board.sensor.value = 99
    readings.once()
    assert app.get("boils") == 2


def test_nobody_can_hold_an_output_on_against_a_rule():
    app, board, readings = heating()
    board.sensor.value = 99
    readings.once()
    app.set("power", True, "link")
    assert app.get("power") is False and board.output.told[-1] is False


def test_an_output_is_safe_and_refuses_while_its_sensor_is_silent():
    app, board, readings = heating()
    board.sensor.value = OSError(5)
    readings.once()
    readings.once()
    assert app.get("power") is True  # two failed readings are a glitch
    readings.once()
    assert app.get("temp") is None
    assert board.output.told[-1] is False and app.get("power") is False
    e = raises(Busy, app.set, "power", True)
    assert e.code == 336 and e.detail == "temp"
    app.set("power", False)  # safe is always allowed
    for _ in range(40):  # the ring keeps its room for other things
        readings.once()
    board.sensor.value = 20
    readings.once()
    app.set("power", True)
    assert app.get("power") is True
    assert app.log.counts[402] == 3 and app.log.counts[403] == 1 and app.log.counts[203] == 1


def test_before_the_first_reading_a_sensor_is_silent():
    app, board, _ = kettle()
    raises(Busy, app.set, "power", True)
    assert board.output.told == [False]


def test_a_reading_out_of_bounds_or_of_the_wrong_type_is_a_failed_reading():
    for wrong in (151, -11, None, "20", True, float("nan")):
        app, board, readings = heating()
        board.sensor.value = wrong
        for _ in range(3):
            readings.once()
        assert app.get("temp") is None and app.get("power") is False, wrong


def test_an_output_may_declare_that_it_depends_on_no_sensor():
    app, board, readings = kettle(depends=())
    app.set("power", True)
    assert board.output.told[-1] is True
    board.sensor.value = OSError(5)
    for _ in range(3):
        readings.once()
    assert app.get("power") is True


def test_an_output_that_fails_is_told_to_be_safe_and_the_caller_hears():
    app, board, readings = heating()
    board.output.broken = (True,)
    e = raises(TosError, app.set, "power", True, "link")
    assert e.code == 404 and e.detail == "power" and e.coap == 160
    assert board.output.told[-1] is False and app.get("power") is False
    assert "OSError" in app.log.crash


def test_an_output_that_cannot_even_be_made_safe_does_not_stop_the_others():
    app = App("two", needs=("output", "sensor"))

    @app.write("broken", initial=False)
    def broken(dev, on):
        raise OSError(5)

    @app.write("fine", initial=False)
    def fine(dev, on):
        dev.output(on)

    app, board = bound(app)
    assert board.output.told == [False] and app.log.counts[404] == 1


def test_a_rule_that_raises_makes_everything_safe():
    app, board, readings = heating()

    @app.when("temp", above=50)
    def clumsy(dev, value):
        raise KeyError("oops")

    board.sensor.value = 60
    readings.once()
    assert app.get("power") is False and board.output.told[-1] is False
    assert app.log.counts[409] == 1 and "oops" in app.log.crash


def test_rules_that_set_each_other_off_are_stopped():
    app = App("loop", needs=("output",))

    @app.write("x", initial=0, maximum=1, depends=())
    def x(dev, value):
        dev.output(value)

    @app.write("y", initial=0, maximum=1, depends=())
    def y(dev, value):
        dev.output(value)

    for watched, equals, written, value in (("x", 1, "y", 1), ("y", 1, "x", 0), ("x", 0, "y", 0), ("y", 0, "x", 1)):
        app.when(watched, equals=equals)(lambda dev, _, written=written, value=value: app.set(written, value))

    app, board = bound(app)  # both are 0: the last rule begins
    assert app.log.counts[408] == 1 and app.log.counts[206] == 16
    assert app.get("x") == 0 and app.get("y") == 0


def test_make_safe_drives_every_output():
    app, board, _ = heating()
    app.make_safe()
    assert board.output.told[-1] is False and app.get("power") is False


def test_who_may_write_is_said_by_the_resource():
    app, board, readings = kettle(origins=("link", "app"))
    readings.once()
    app.set("power", True, "link/3f")
    assert raises(Denied, app.set, "power", False, "voice").code == 333
    assert raises(Denied, app.set, "power", False, "pad").coap == 131
    assert app.get("power") is True


def test_a_reading_or_a_value_is_written_by_nobody_but_the_app():
    app, _, _ = kettle()
    assert raises(Denied, app.set, "temp", 50, "link").code == 332
    assert raises(Denied, app.set, "boils", 9, "rule").code == 332
    app.set("boils", 9)
    assert app.get("boils") == 9


def test_values_are_checked_by_type_and_bounds():
    app = App("types", needs=("output",))
    for path, about in (
        ("switch", {"initial": False}),
        ("number", {"initial": 5, "minimum": 0, "maximum": 10}),
        ("cents", {"initial": 0, "minimum": 0, "maximum": 10, "step": 1}),
        ("select", {"initial": "low", "options": ("low", "high")}),
        ("text", {"initial": "", "maximum": 4}),
    ):

        @app.write(path, **about)
        def drive(dev, value):
            dev.output(value)

    app, board = bound(app)
    assert [r.type for r in app.table.rows] == ["switch", "number", "number", "select", "text"]
    for path, good, bad in (
        ("switch", (True, False), (1, 0, None, "on", 1.0)),
        ("number", (0, 10, 2.5), (-1, 11, True, None, "5", float("nan"), float("inf"))),
        ("cents", (0, 10), (-1, 11, 2.5, 2.0)),
        ("select", ("low", "high"), ("mid", 0, None, True)),
        ("text", ("", "four"), ("fifth", 4, None, False, b"four")),
    ):
        for value in good:
            app.set(path, value, "link")
            assert app.get(path) == value
        before = app.get(path), len(board.output.told)
        for value in bad:
            assert raises(WireError, app.set, path, value, "link").code in (334, 335)
        assert (app.get(path), len(board.output.told)) == before


def test_an_unknown_path_is_an_error_with_its_name():
    app, _, _ = kettle()
    assert raises(WireError, app.get, "nope").detail == "nope"
    assert raises(WireError, app.set, "nope", 1).code == 331


def test_mistakes_in_a_declaration_are_told_at_once():
    app = App("mistakes")
    for wrong in (
        lambda: app.value("x", initial=0) or app.value("x", initial=0),
        lambda: app.value("a", initial=0, type="thermostat"),
        lambda: app.value("b", initial=200, maximum=100),
        lambda: app.write("c", initial=5, safe=50, maximum=10)(print),
        lambda: app.write("d", initial=False, origins=("everyone",))(None),
        lambda: app.when("x", above=1, below=2)(None),
        lambda: app.when("x")(None),
    ):
        raises(ValueError, wrong)


def test_a_rule_or_dependency_on_an_unknown_path_fails_at_boot():
    app = App("typo")
    app.when("tmep", above=98)(None)
    assert raises(WireError, app._bind, Board()).detail == "tmep"


def test_indices_are_the_order_of_declaration():
    app, _, _ = kettle()
    assert [(r.index, r.path) for r in app.table.rows] == [(0, "boils"), (1, "temp"), (2, "power")]
    assert app.table.state() == {0: 0, 1: None, 2: False}


def test_watchers_hear_of_changes_and_of_every_event():
    app = App("lamp")
    app.value("mode", initial=0)
    app.event("pressed", options=("press", "hold"))
    app, _ = bound(app)
    heard = []
    app.watch(lambda r: heard.append((r.path, r.value)))
    app.set("mode", 1)
    app.set("mode", 1)
    app.emit("pressed", "press")
    app.emit("pressed", "press")
    assert heard == [("mode", 1), ("pressed", "press"), ("pressed", "press")]
    raises(WireError, app.emit, "pressed", "kick")
    raises(WireError, app.emit, "mode", "press")


def started(app, board, feed):
    """app.run on a bench whose watchdog does this when it is fed."""
    board.watchdog.feed = feed
    app._boot = lambda: []
    app.run(board)


def test_ctrl_c_leaves_outputs_safe_and_the_watchdog_quiet_for_the_repl():
    app, board, _ = heating()

    def ctrl_c():
        app.set("power", True)
        raise KeyboardInterrupt

    started(app, board, ctrl_c)
    assert board.output.told[-2:] == [True, False]
    assert not board.watchdog.running and app.log.counts[205] == 1


def test_a_crash_of_the_core_leaves_outputs_safe_and_the_watchdog_to_reset():
    app, board, _ = heating()

    def crash():
        raise MemoryError

    raises(MemoryError, started, app, board, crash)
    assert board.output.told[-1] is False and board.watchdog.running
    app, board, _ = heating()
    app._boot = crash
    raises(MemoryError, app.run, board)
    assert board.output.told[-1] is False and board.watchdog.running


def test_a_setting_is_written_by_anyone_and_touches_no_hardware():
    app = App("heater")
    app.value("target", initial=21, minimum=5, maximum=30, writable=True)
    app.value("mode", initial="eco", options=("eco", "comfort"), writable=True)
    app, _ = bound(app)
    assert [(r.type, r.is_output) for r in app.table.rows] == [("number", False), ("select", False)]
    app.set("target", 19, "link")
    app.make_safe()
    assert app.get("target") == 19
    raises(WireError, app.set, "target", 31, "link")
    raises(WireError, app.set, "mode", "warp", "link")
