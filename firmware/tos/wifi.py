"""Wi-Fi: loads what a device needs for it, when it does. A service. MicroPython."""

import asyncio

from micropython import const
from tos import drop

_LOOK_MS = const(1000)
_PORTAL = ("tos.fallback", "tos.portal", "tos.portal_page", "toscore.dns", "toscore.http")


class Wifi:
    def __init__(self):
        self._machine = None
        self._needed = asyncio.Event()

    def machine(self, app):
        """-> the Provision, loaded now if it was not."""
        if self._machine is None:
            from tos.provision import Provision

            self._machine = Provision(app)
            self._needed.set()
        return self._machine

    async def run(self, app):
        """A device that is on a network although nobody gave it one, a simulated one, needs nothing until asked."""
        if not app.board.radio.status()[0] or app.config.get("networks"):
            self.machine(app)
        await self._needed.wait()
        tasks = [asyncio.create_task(self._machine.net.run(app)), asyncio.create_task(self._fall_back(app))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _fall_back(self, app):
        """All that an access point needs is loaded while there is one, and then dropped."""
        while True:
            await app.clock.sleep_ms(_LOOK_MS)
            if self._machine.needs_access_point():
                try:
                    from tos.fallback import serve

                    await serve(app, self._machine)
                finally:
                    serve = None
                    drop(*_PORTAL)
