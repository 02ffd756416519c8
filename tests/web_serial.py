"""The serial line of a simulated device for a page in a browser: the other end of web/serial.js."""

import contextlib
import json

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


@contextlib.asynccontextmanager
async def bridge(device):
    """-> the address for the page. device: one with a chip."""
    async with serve(lambda socket: _carry(socket, device), "127.0.0.1", 0, max_size=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _carry(socket, device):
    dtr = rts = False

    async def take(data):
        with contextlib.suppress(ConnectionClosed):
            await socket.send(data)

    with device.attached(take) as hear:
        async for message in socket:
            if isinstance(message, bytes):
                await hear(message)
            else:
                lines = json.loads(message)
                dtr, rts = lines.get("dataTerminalReady", dtr), lines.get("requestToSend", rts)
                device.rom.lines(dtr, rts)
                await socket.send("moved")
