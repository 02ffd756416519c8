"""Wi-Fi: watches the network, and loads what finds one when there is none. A service. MicroPython."""

import asyncio

from micropython import const
from tos.lazy import drop, load

_LOOK_MS = const(1000)
_QUIET = const(30)  # looks
_WEAK_DBM = const(-70)  # as in net.py
_PORTAL = ("tos.fallback", "tos.portal", "tos.portal_page", "toscore.dns", "toscore.http")


class Wifi:
    """A device that is well on its network has nothing but this. What joins, provisions and roams is loaded when it is
    not, or when somebody asks, and dropped when it is and nobody has asked for half a minute."""

    def __init__(self):
        self._machine = None
        self._kept = None  # what outlives it
        self._looks = 0  # since somebody asked
        self._needed = asyncio.Event()

    def machine(self, app):
        """-> the Provision, loaded now if it was not. Ask anew each time."""
        self._looks = 0
        if self._machine is None:
            self._machine = load("provision").Provision(app, self._kept)
            self._needed.set()
        return self._machine

    async def run(self, app):
        while True:
            joined, _, rssi_dbm = app.board.radio.status()
            if not joined or (rssi_dbm is not None and rssi_dbm < _WEAK_DBM):
                self.machine(app)
            if self._machine is None:
                try:
                    await asyncio.wait_for_ms(self._needed.wait(), _LOOK_MS)
                except asyncio.TimeoutError:
                    continue
            await self._work(app)
            self._needed.clear()
            self._kept = self._machine.kept()
            self._machine = None
            drop("tos.provision", "tos.net")

    async def _work(self, app):
        """Until that is not needed any more."""
        machine = self._machine
        net = asyncio.create_task(machine.net.run(app))
        try:
            while self._looks < _QUIET or not machine.is_quiet():
                await app.clock.sleep_ms(_LOOK_MS)
                self._looks += 1
                if net.done():
                    await net  # it has crashed
                if machine.needs_access_point():
                    await self._fall_back(app, machine)
        finally:
            net.cancel()
            try:
                await net
            except asyncio.CancelledError:
                pass

    async def _fall_back(self, app, machine):
        """All that an access point needs is loaded while there is one."""
        try:
            from tos.fallback import serve

            await serve(app, machine)
        finally:
            serve = None
            drop(*_PORTAL)
