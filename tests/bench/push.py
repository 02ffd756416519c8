"""How long a change takes from a device to a page, beside a bare echo of the same web server; and the hub at rest."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time

from host.hub.fake import Fake, free_port
from websockets.asyncio.client import connect

_CHANGES = 100
_APART_S = 0.12  # the hub tells ten states a second, so that none waits here
_IDLE_S = 10
_DEVICES = 5

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
    """(ms of each push, ms of each echo, CPU share of the hub at rest with five devices)"""
    port, coap, echo_port = free_port(), free_port(), free_port()
    hub = ["-c", "from tosplus.cli import main; main()", "hub", "--port", str(port), "--coap-port", str(coap)]
    with _process(*hub, "--state", str(folder)) as pid, _process("-c", _ECHO, str(echo_port)):
        echoed = await _echoes(f"ws://127.0.0.1:{echo_port}/")
        async with contextlib.AsyncExitStack() as stack:
            page = await stack.enter_async_context(await _connected(f"ws://127.0.0.1:{port}/api/live"))
            fakes = [Fake(coap, id=f"fake-{n}") for n in range(_DEVICES)]
            for fake in fakes:
                await stack.enter_async_context(fake)
            pushed = await _pushes(page, fakes[0])
            await asyncio.sleep(2)
            before = _cpu_s(pid)
            await asyncio.sleep(_IDLE_S)
            return pushed, echoed, (_cpu_s(pid) - before) / _IDLE_S


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


def _cpu_s(pid):
    """User and system time so far, of Linux's /proc/PID/stat."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
