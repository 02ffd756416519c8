"""Our OSCORE as a client, on MicroPython, of aiocoap's server: blocks both ways, Observe, Echo after a restart."""

import asyncio
import hashlib
import json

import aiocoap
import pytest
from aiocoap import resource
from aiocoap_hub import HUB, Hub
from tosplus.paths import ROOT
from tosplus.sim.process import micropython

DOWN = bytes(range(251)) * 20


class Up(resource.Resource):
    def __init__(self):
        super().__init__()
        self.came = None

    async def render_put(self, request):
        self.came = request.payload
        return aiocoap.Message(code=aiocoap.CHANGED)


class Down(resource.Resource):
    async def render_get(self, request):
        return aiocoap.Message(payload=DOWN, etag=hashlib.sha256(DOWN).digest()[:8])


class Tick(resource.ObservableResource):
    n = 0

    async def add_observation(self, request, observation):
        await super().add_observation(request, observation)
        self._ticking = asyncio.create_task(self._tick())

    async def _tick(self):
        while True:
            await asyncio.sleep(0.1)
            self.n += 1
            self.updated_state()

    async def render_get(self, request):
        return aiocoap.Message(payload=f"tick {self.n}".encode())


@pytest.mark.parametrize("forgets", [False, True])
def test_it_sends_and_fetches_in_blocks_and_observes(tmp_path, forgets, caplog):
    caplog.set_level("INFO", "coap-server")
    up = Up()

    def add(site):
        for path, one in (("up", up), ("down", Down()), ("tick", Tick())):
            site.add_resource([path], one)

    async def main():
        hub = Hub(HUB, tmp_path / "hub", add)
        async with hub:
            hub.forgets = forgets
        async with hub:
            order = {"port": int(hub.address.split(":")[1]), "secret": HUB.secret.hex(), "salt": HUB.salt.hex()}
            order |= {"sender": HUB.recipient.hex(), "recipient": HUB.sender.hex()}
            process = await asyncio.create_subprocess_exec(
                *(micropython(), "tests/oscore_client_target.py", json.dumps(order)),
                cwd=ROOT,
                env={"MICROPYPATH": "lib:firmware:.frozen"},
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 0
            return json.loads(out)

    told = asyncio.run(main())
    assert told["up"] == aiocoap.CHANGED and up.came == bytes(range(256)) * 5
    assert told["result"] == aiocoap.CONTENT and told["sha256"] == hashlib.sha256(DOWN).hexdigest()
    first = int(told["ticks"][0][2].removeprefix("tick "))
    assert told["ticks"] == [[aiocoap.CONTENT, True, f"tick {n}"] for n in range(first, first + 4)]
    assert told["after"] == aiocoap.CONTENT
    echoes = [record for record in caplog.records if "ReplayErrorWithEcho" in record.getMessage()]
    assert len(echoes) == forgets
