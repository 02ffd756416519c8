"""Updates, `/o` of the link: loads what a device needs for one, when it does. A service. MicroPython."""

import asyncio

from micropython import const

_OTA_ROLLED_BACK = const(434)


class Ota:
    def __init__(self):
        self._machine = None
        self._needed = asyncio.Event()

    def machine(self, app):
        """-> the Update, loaded now if it was not."""
        if self._machine is None:
            from tos.update import Update

            self._machine = Update(app)
            self._needed.set()
        return self._machine

    async def run(self, app):
        verdict, is_busy = app.board.update
        if verdict:
            app.log.event(_OTA_ROLLED_BACK, verdict[0], verdict[1])
        if is_busy:
            self.machine(app)
        await self._needed.wait()
        await self._machine.run(app)
