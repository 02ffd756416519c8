"""What outlives a restart, on a bench. The power cuts are in tests/crash. Unix port."""

import asyncio

from helpers import raises
from rig import Readings, bound, fresh
from tos import App
from tos.state import Config, State
from toscore.errors import StoreError


def heater():
    app = App("heater", needs=("output", "sensor"))
    app.value("target", initial=21, minimum=5, maximum=30, writable=True, keep=True)
    app.value("uses", initial=0)

    @app.read("temp", period_ms=1000)
    def temp(dev):
        return dev.sensor()

    @app.write("fan", initial=False, keep=True)
    def fan(dev, on):
        dev.output(on)

    @app.when("temp", above=98)
    def hot(dev, value):
        app.set("fan", False)

    return bound(app)


def saved(app, state):
    """Let the state service run until it has nothing to do."""

    async def main():
        task = asyncio.create_task(state.run(app))
        for _ in range(4):
            await asyncio.sleep_ms(0)
        task.cancel()

    asyncio.run(main())
    asyncio.new_event_loop()


def test_the_first_start_has_initial_values():
    app, _ = heater()
    State(app, fresh("first"))
    assert app.table.state() == {0: 21, 1: 0, 2: None, 3: False}


def test_kept_values_return_and_others_do_not():
    path = fresh("kept")
    app, board = heater()
    state = State(app, path)
    app.set("target", 25)
    app.set("uses", 3)
    saved(app, state)
    app, board = heater()
    State(app, path)
    assert app.get("target") == 25 and app.get("uses") == 0


def test_a_kept_output_returns_when_the_sensor_that_it_depends_on_has_answered():
    path = fresh("output")
    app, board = heater()
    state = State(app, path)
    Readings(app).once()
    app.set("fan", True)
    saved(app, state)
    app, board = heater()
    state = State(app, path)
    assert app.get("fan") is False and board.output.told == [False]
    app.set("target", 22)
    saved(app, state)  # and what waits is not lost meanwhile
    Readings(app).once()
    assert app.get("fan") is True and board.output.told[-1] is True
    app, board = heater()
    State(app, path)
    Readings(app).once()
    assert app.get("fan") is True


def on_before_the_restart(path):
    """A heater that was on and has just started again."""
    app, board = heater()
    state = State(app, path)
    Readings(app).once()
    app.set("fan", True)
    saved(app, state)
    app, board = heater()
    State(app, path)
    return app, board


def test_what_somebody_writes_before_wins_over_what_waits():
    app, board = on_before_the_restart(fresh("wins"))
    app.set("fan", False)
    Readings(app).once()
    assert app.get("fan") is False and True not in board.output.told


def test_a_rule_wins_over_what_waits():
    app, board = on_before_the_restart(fresh("rule"))
    board.sensor.value = 120
    Readings(app).once()
    assert app.get("fan") is False and board.output.told[-1] is False


def test_a_stored_value_that_does_not_fit_any_more_becomes_the_initial_one():
    path = fresh("unfit")
    app, _ = heater()
    state = State(app, path)
    app.set("target", 25)
    saved(app, state)
    app, _ = heater()
    app.table.rows[0].maximum = 24
    State(app, path)
    assert app.get("target") == 21


def test_a_change_is_written_at_once_and_the_next_waits_ten_seconds():
    app, board = heater()
    state = State(app, fresh("wear"))
    writes = []
    state._record.save = lambda values: writes.append((board.clock.now, values["target"]))

    async def main():
        task = asyncio.create_task(state.run(app))
        for target in (22, 23, 24):
            app.set("target", target)
            for _ in range(2):
                await asyncio.sleep_ms(0)
        task.cancel()

    class Clock:
        def sleep_ms(self, n):
            board.clock.now += n
            return asyncio.sleep_ms(0)

    app.clock = Clock()
    asyncio.run(main())
    asyncio.new_event_loop()
    assert writes[0] == (0, 22) and writes[-1][1] == 24
    assert [b[0] - a[0] for a, b in zip(writes, writes[1:])] == [10000] * (len(writes) - 1)


def test_a_change_for_which_there_was_no_memory_is_written_when_the_service_is_back():
    path = fresh("memory")
    app, _ = heater()
    state = State(app, path)
    app.set("target", 25)
    save = state._record.save

    def fail(values):
        raise MemoryError

    state._record.save = fail
    raises(MemoryError, state.save)
    state._record.save = save
    saved(app, state)
    app, _ = heater()
    State(app, path)
    assert app.get("target") == 25


def test_config_is_updated_whole_and_survives():
    path = fresh("config")
    app, _ = heater()
    config = Config(app.log, path)
    assert config.get("name") is None and config.get("name", "x") == "x"
    config.update({"name": "kitchen", "port": 5700})
    config.update({"port": 5701})
    again = Config(app.log, path)
    assert again.get("name") == "kitchen" and again.get("port") == 5701


def test_who_watches_the_config_learns_of_what_was_written():
    config = Config(heater()[0].log, fresh("watched"))
    seen = []
    config.watch(lambda changes: seen.append((changes, config.get("hub"))))
    config.update({"hub": "192.0.2.1:5683"})

    def full(values):
        raise StoreError(406)

    config._record.save = full
    raises(StoreError, config.update, {"hub": "elsewhere"})
    assert seen == [({"hub": "192.0.2.1:5683"}, "192.0.2.1:5683")]
