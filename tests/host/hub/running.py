"""A hub in this process for a test, with an HTTP client and a page that listens."""

import asyncio
import contextlib
import json

import httpx
from soon import soon
from tosplus import ports
from tosplus.hub.serve import Options, serving
from websockets.asyncio.client import connect


class Running:
    """hub: the Hub. http: httpx client. coap: port for reports."""

    def __init__(self, hub, address, coap):
        self.hub, self.address, self.coap = hub, address.rstrip("/"), coap
        self.http = httpx.AsyncClient(base_url=self.address, timeout=60)

    def page(self, **options):
        return connect(self.address.replace("http", "ws", 1) + "/api/live", max_size=None, **options)

    async def house(self):
        return (await self.http.get("/api/house")).json()

    async def device(self, id="fake-1"):
        return next((device for device in (await self.house())["devices"] if device["id"] == id), None)

    async def until(self, holds, id="fake-1"):
        """The device object, as soon as `holds` of it."""

        async def found():
            device = await self.device(id)
            return device if device and holds(device) else None

        async def stays():
            return f"it stays {await self.device(id)}"

        return await soon(found, stays)

    async def live(self, id="fake-1"):
        return await self.until(lambda device: device["link"] == "live", id=id)

    async def values(self, path="temp", id="fake-1"):
        return (await self.http.get(f"/api/devices/{id}/history/{path}")).json()["points"]


@contextlib.asynccontextmanager
async def hub(folder, coap=None, plain=True, **options):
    coap = coap or ports.free()
    options = {"coap_host": "127.0.0.1", **options}
    async with serving(Options(folder, port=0, coap_port=coap, plain=plain, **options)) as (it, address, web):
        running = Running(it, address, coap)
        async with running.http:
            yield running


class Stopwatch:
    """Seconds that this process has lived through: while the machine has no time for it, the watch stands still."""

    _TICK_S = 0.02

    async def __aenter__(self):
        self.s, self._ticking = 0.0, asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *error):
        self._ticking.cancel()

    async def _tick(self):
        while True:
            await asyncio.sleep(self._TICK_S)
            self.s += self._TICK_S


async def heard(page, holds):
    """The first message of a page of which that holds."""

    async def search():
        async for text in page:
            message = json.loads(text)
            if holds(message):
                return message

    return await asyncio.wait_for(search(), 20)


def value_of(device, path):
    return next(row["value"] for row in device["resources"] if row["path"] == path)


