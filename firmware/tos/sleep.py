"""Deep sleep between uses, for a product on a battery. A service: `app.use(Sleep(...))`. MicroPython."""

import asyncio

from micropython import const
from tos.hub import ASLEEP, NEXT_MS, STATE

_ASLEEP = const(208)

_TIMER = const(4)  # causes of a start
_BUTTON = const(5)
_SENSORS_MS = const(2000)  # one that has not answered by then is reported as not known
_REPORT_MS = const(3000)  # a hub that has not answered by then hears of it the next time
_REMOTE_MS = const(10000)  # so long it stays awake for what its rules set on other devices
_LOOK_MS = const(20)

# How long an update keeps it awake, by its state, see update.py: a piece of a download at each wake; a trial until its
# self-test is over and the hub has answered.
_AWAKE_MS = {1: 20000, 2: 20000, 3: 90000}


class Sleep:
    """The device sleeps when nobody has used it for after_ms. Each every_ms it wakes, reports, and sleeps again.

    It is used when an event happens or something is written. wake: features, buttons, that end the sleep.
    """

    sleeps = True  # nobody could call it by what it announced

    def __init__(self, after_ms, every_ms, wake=()):
        self._after_ms = after_ms
        self._every_ms = every_ms
        self._wake = wake
        self._used = None  # when; None if not since it woke
        self._clock = None

    async def run(self, app):
        secured = app.link.peers is not None
        if secured:
            from tos import carried
        if secured and self._clock is None:  # not when it crashed and runs again: numbers were used since
            carried.take(app, app.board.cause in (_TIMER, _BUTTON))
        self._clock = app.clock
        buttons = [getattr(app.dev, name) for name in self._wake]
        app.watch(self._notice)
        if app.board.cause == _TIMER:
            app.hub.hold(True)
            await self._sensors(app)
        else:
            self._used = app.clock.ms()
        while True:
            while self._used is not None:
                app.hub.hold(False)
                left_ms = self._used + self._after_ms - app.clock.ms()
                if left_ms > 0:
                    await app.clock.sleep_ms(left_ms)
                else:
                    self._used = None
            app.hub.hold(True)
            await self._report(app)
            if app.remote is not None:
                await self._remote(app)
            await self._update(app)
            if self._used is None:
                app.log.event(_ASLEEP, self._every_ms)
                app.make_safe()
                app.state.save()
                if secured:
                    carried.put(app)
                app.board.sleep(self._every_ms, buttons)

    async def _sensors(self, app):
        """Until each has been read once."""
        until = app.clock.ms() + _SENSORS_MS
        while app.clock.ms() < until and [r for r in app.table.rows if r.period_ms and r.value is None]:
            await app.clock.sleep_ms(_LOOK_MS)

    async def _report(self, app):
        more = {STATE: app.table.state(), NEXT_MS: self._every_ms, ASLEEP: True}
        try:
            await asyncio.wait_for_ms(app.hub.report(more), _REPORT_MS)
        except asyncio.TimeoutError:
            pass

    async def _remote(self, app):
        """Until the other devices have answered."""
        until = app.clock.ms() + _REMOTE_MS
        while self._used is None and app.remote.busy():
            if app.clock.ms() >= until:
                app.remote.end()
                return
            await app.clock.sleep_ms(_LOOK_MS)

    async def _update(self, app):
        """While the hub wants to speak with it, and for a piece of an update, or the trial of one."""
        peer = app.link.peers and app.hub.peer()
        began = app.clock.ms()
        while self._used is None:
            most_ms = app.hub.reporter().commands.stay_ms if peer else 0
            if app.told:
                most_ms = max(most_ms, _AWAKE_MS.get(app.told[1], 0))
            if app.clock.ms() - began >= most_ms:
                return
            await app.clock.sleep_ms(_LOOK_MS)

    def _notice(self, r):
        if r.type == "event" or r.writable:
            self._used = self._clock.ms()
