"""Services under the supervisor: crash, back-off, watchdog; the reader's clock; the log. Unix port."""

import asyncio

import tos.log
from helpers import raises
from rig import bound
from tos import App
from tos.log import Log
from tos.reader import Reader
from tos.supervisor import Supervisor


class Crashing:
    def __init__(self, times, lasts_ms=0):
        self.times = times
        self.lasts_ms = lasts_ms
        self.starts = []

    async def run(self, app):
        self.starts.append(self.clock.ms())
        self.clock.now += self.lasts_ms
        if len(self.starts) <= self.times:
            raise RuntimeError("crash %d" % len(self.starts))


class Deadline(Exception):
    """The test's own end."""


class Until:
    """A watchdog that ends the test after so many feeds."""

    def __init__(self, feeds):
        self.feeds = feeds
        self.timeout_ms = 0

    def start(self, timeout_ms):
        self.timeout_ms = timeout_ms

    def feed(self):
        self.feeds -= 1
        if self.feeds < 0:
            raise Deadline

    def stop(self):
        pass


class PatientClock:
    """Sleepers wake in the order of their deadlines; time jumps from one to the next."""

    def __init__(self):
        self.now = 0

    def ms(self):
        return self.now

    async def sleep_ms(self, n):
        until = self.now + n
        while self.now < until:
            await asyncio.sleep_ms(0)
            await asyncio.sleep_ms(0)
            self.now = min(until, self.now + 100)


def supervised(app, board, services, feeds):
    board.clock = app.clock = PatientClock()
    app.log._clock = app.clock
    board.watchdog = Until(feeds)
    for service in services:
        service.clock = app.clock
    raises(Deadline, asyncio.run, Supervisor(app).run(services))
    asyncio.new_event_loop()


def lamp():
    app = App("lamp", needs=("output",))

    @app.write("light", initial=False, depends=())
    def light(dev, on):
        dev.output(on)

    return bound(app)


def test_a_crashed_service_is_started_again_after_a_pause_that_doubles():
    app, board = lamp()
    service = Crashing(times=3)
    supervised(app, board, [service], feeds=12)
    pauses = [b - a for a, b in zip(service.starts, service.starts[1:])]
    assert len(pauses) == 3 and app.log.counts[401] == 3
    for pause, least in zip(pauses, (1000, 2000, 4000)):
        assert least <= pause < least * 1.5


def test_a_service_that_was_healthy_for_a_minute_starts_over_with_the_first_pause():
    app, board = lamp()
    service = Crashing(times=2, lasts_ms=61000)
    supervised(app, board, [service], feeds=200)
    assert len(service.starts) == 3
    assert all(b - a - 61000 < 1500 for a, b in zip(service.starts, service.starts[1:]))


def test_a_crash_makes_outputs_safe_and_is_logged_with_its_traceback():
    app, board = lamp()
    app.set("light", True)
    supervised(app, board, [Crashing(times=1)], feeds=2)
    assert board.output.told[-1] is False and app.get("light") is False
    assert "crash 1" in app.log.crash
    assert [401, 0, 1] in [entry[1:] for entry in app.log.entries()]


def test_a_service_that_ends_is_not_started_again():
    app, board = lamp()
    service = Crashing(times=0)
    supervised(app, board, [service], feeds=5)
    assert len(service.starts) == 1


def test_the_watchdog_is_started_and_fed():
    app, board = lamp()
    supervised(app, board, [], feeds=3)
    assert board.watchdog.timeout_ms == 8000


def test_sensors_are_read_each_in_its_period():
    app = App("two")
    read = {"fast": 0, "slow": 0}

    @app.read("fast", period_ms=100)
    def fast(dev):
        read["fast"] += 1
        return 1

    @app.read("slow", period_ms=1000)
    def slow(dev):
        read["slow"] += 1
        return 1

    app, board = bound(app)
    supervised(app, board, [Reader()], feeds=10)
    assert 8 <= read["slow"] <= 11 and 80 <= read["fast"] <= 101


def test_when_the_reader_stops_readings_are_not_known_any_more():
    app = App("one")

    @app.read("value", period_ms=100)
    def value(dev):
        return 1

    app, board = bound(app)
    app.clock = PatientClock()

    async def main():
        reader = asyncio.create_task(Reader().run(app))
        await asyncio.sleep_ms(0)
        assert app.get("value") == 1
        reader.cancel()
        await asyncio.sleep_ms(0)

    asyncio.run(main())
    assert app.get("value") is None


def test_the_log_keeps_the_latest_and_counts_all():
    class Clock:
        def ms(self):
            return 7

    log = Log(Clock())
    for n in range(100):
        log.event(101, n, -n)
    assert len(log.entries()) == 32
    assert log.entries()[0] == [7, 101, 68, -68] and log.entries()[-1] == [7, 101, 99, -99]
    assert log.counts == {101: 100}


def test_a_peer_that_misbehaves_cannot_keep_the_console_busy():
    class Clock:
        def ms(self):
            return 0

    shown = []
    tos.log.print = lambda *line: shown.append(line[2])
    try:
        log = Log(Clock())
        for code in (101, 201, 321, 401):
            for _ in range(100):
                log.event(code)
    finally:
        del tos.log.print
    assert {code: shown.count(code) for code in set(shown)} == {201: 100, 321: 7, 401: 100}


def test_the_crash_text_is_bounded():
    log = Log(None)
    log.crashed(ValueError("x" * 1000))
    assert len(log.crash) == 400


class NoMemory:
    """Stands in for io when there is none."""

    def StringIO(self):
        raise MemoryError


def test_a_crash_for_whose_text_there_is_no_memory_is_logged_and_the_service_is_started_again():
    app, board = lamp()
    service = Crashing(times=1)
    tos.log.io, io = NoMemory(), tos.log.io
    try:
        supervised(app, board, [service], feeds=4)
    finally:
        tos.log.io = io
    assert len(service.starts) == 2 and app.log.counts[401] == 1
    assert app.log.crash == "RuntimeError"
