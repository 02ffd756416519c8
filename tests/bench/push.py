"""How long a change takes from a device to a page, beside a bare echo of the same web server."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time

from host.hub.fake import Fake
from tosplus import ports
from websockets.asyncio.client import connect

_CHANGES = 100
_APART_S = 0.12  # the hub tells ten states a second, so that none waits here

_ECHO = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
async def echo(ws):
    await ws.accept()
    async for text in ws.iter_text():
        await ws.send_text(text)
app = Starlette(routes=[WebSocketRoute("/", echo)])
uvicorn.run(app, port=int(sys.argv[1]), ws="websockets-sansio", ws_per_message_deflate=False, log_config=None)
"""


async def push(folder):
    """(ms of each push, ms of each echo)"""
    port, coap, echo_port = ports.free(), ports.free(), ports.free()
    with hub(folder, port, coap), _process("-c", _ECHO, str(echo_port)):
        echoed = await _echoes(f"ws://127.0.0.1:{echo_port}/")
        async with await _connected(f"ws://127.0.0.1:{port}/api/live") as page, Fake(coap) as fake:
            return await _pushes(page, fake), echoed


def hub(folder, port, coap):
    """A context: `tos hub` as a process of its own -> its pid."""
    options = ["--port", str(port), "--coap-port", str(coap), "--state", str(folder)]
    return _process("-c", "from tosplus.cli import main; main()", "hub", "--plain", *options)


async def _pushes(page, fake):
    times = []
    for n in range(_CHANGES):
        await asyncio.sleep(_APART_S)
        began = time.perf_counter()
        fake.set({0: 1000 + n})
        while json.loads(await asyncio.wait_for(page.recv(), 10)).get("values", {}).get("temp") != 1000 + n:
            pass
        times.append(1000 * (time.perf_counter() - began))
    return times


async def _echoes(url):
    times = []
    async with await _connected(url) as page:
        for n in range(_CHANGES):
            await asyncio.sleep(_APART_S / 10)
            began = time.perf_counter()
            await page.send(str(n))
            await asyncio.wait_for(page.recv(), 10)
            times.append(1000 * (time.perf_counter() - began))
    return times


async def _connected(url):
    for _ in range(200):
        with contextlib.suppress(OSError):
            return await connect(url)
        await asyncio.sleep(0.05)
    raise TimeoutError(url)


@contextlib.contextmanager
def _process(*arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
