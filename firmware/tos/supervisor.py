"""The supervisor: services run, crash, and are started again; the watchdog hears that the loop lives. MicroPython."""

import asyncio
import gc

from micropython import const
from tos.lazy import tidy

_READY = const(202)
_SERVICE_CRASHED = const(401)

_WATCHDOG_MS = 8000
_FEED_MS = 1000
_BACK_OFF_MS = (1000, 60000)  # first and longest pause before a restart
_COLLECT_SHARE = const(4)  # of the free heap: see docs/decisions/0006
_HEALTHY_MS = 60000  # a service that ran this long starts over with the first pause


class Supervisor:
    def __init__(self, app):
        self._app = app
        self._crashes = {}
        self._tasks = []

    async def run(self, services):
        """Keep the services running and the watchdog fed, until cancelled."""
        app = self._app
        app.board.watchdog.start(_WATCHDOG_MS)
        for service in services:
            self.add(service)
        try:
            await asyncio.sleep_ms(0)
            app.log.event(_READY, app.clock.ms())
            gc.collect()
            gc.threshold(gc.mem_free() // _COLLECT_SHARE)
            while True:
                app.board.watchdog.feed()
                tidy()
                await app.clock.sleep_ms(_FEED_MS)
        finally:
            for task in self._tasks:
                task.cancel()

    def add(self, service):
        """One more, from now on."""
        self._tasks.append(asyncio.create_task(self._keep(len(self._tasks), service)))

    async def _keep(self, n, service):
        app = self._app
        pause_ms, longest_ms = _BACK_OFF_MS
        while True:
            began = app.clock.ms()
            try:
                await service.run(app)
                return
            except Exception as e:
                self._crashes[n] = self._crashes.get(n, 0) + 1
                app.make_safe()
                app.log.crashed(e)
                app.log.event(_SERVICE_CRASHED, n, self._crashes[n])
            if app.clock.ms() - began > _HEALTHY_MS:
                pause_ms = _BACK_OFF_MS[0]
            await app.clock.sleep_ms(pause_ms)
            pause_ms = min(pause_ms * 2, longest_ms)
