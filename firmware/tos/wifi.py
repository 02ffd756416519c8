"""Wi-Fi: loads what a device needs for it, when it does. A service. MicroPython."""

import asyncio


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
        await self._machine.net.run(app)
