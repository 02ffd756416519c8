"""The serial line of a simulated device for a page in a browser: the other end of web/serial.js."""

import contextlib
import json
import time

from tosplus.sim.rom.line import Pins
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


class Waits:
    """When a host waited for the device: from what it sent to the first byte of the answer, as (began, ended)."""

    def __init__(self):
        self.spans = []
        self._asked = None

    def ask(self):
        self._asked = self._asked or time.monotonic()

    def answer(self):
        if self._asked:
            self.spans.append((self._asked, time.monotonic()))
        self._asked = None

    def forget(self):
        """The chip is reset: nobody has to answer any more."""
        self._asked = None


@contextlib.asynccontextmanager
async def bridge(device, waits=None):
    """-> the address for the page. device: one with a chip. A device without supply is a cable that was pulled."""
    waits = waits or Waits()
    async with serve(lambda socket: _carry(socket, device, waits), "127.0.0.1", 0, max_size=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _carry(socket, device, waits):
    # A page moves one line after the other too; esptool-js 0.7 holds both up for 100 ms and means a reset.
    pins = Pins(device.rom.lines, 0.05)

    async def take(data):
        waits.answer()
        with contextlib.suppress(ConnectionClosed):
            await socket.send(data)

    with device.attached(take) as hear:
        async for message in socket:
            if isinstance(message, bytes):
                waits.ask()
                await hear(message)
            else:
                lines = json.loads(message)
                waits.forget()
                pins.dtr = lines.get("dataTerminalReady", pins.dtr)
                pins.rts = lines.get("requestToSend", pins.rts)
                await socket.send("moved")
            if not device.is_plugged:
                return
