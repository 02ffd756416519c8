"""A hub and simulated kettles that take updates from it, for tests: bundles by the host, devices on the Unix port."""

import asyncio
import contextlib
import hashlib

import aiocoap
import cbor2
from aiocoap import resource
from tosplus import ports
from tosplus.ota import bundle
from tosplus.sim.device import Device
from updated import CONFIRMED, DOWNLOADING, IDLE, KEY, PUBLIC

from .fake import Fake
from .running import hub


class Fleet:
    """it: the Running hub. devices: by name, "k0" and so on; the hub calls them "kettle", "kettle 2" as they came."""

    def __init__(self, it, devices, patience_s=60):
        self.it, self.devices, self._patience_s = it, devices, patience_s

    def id(self, name):
        device = self.devices[name]
        return device.id if isinstance(device, Toy) else f"kettle-{device.uid}"

    async def ask(self, method, path="", status=None, **more):
        answer = await self.it.http.request(method, f"/api/updates{path}", **more)
        assert status in (None, answer.status_code), answer.text
        return answer.json() if answer.content else None

    async def bring(self, made):
        """-> the bundle's id."""
        await self.ask("POST", "/keys", 201, json={"key": PUBLIC.hex()})
        headers = {"content-type": "application/octet-stream"}
        return (await self.ask("POST", "/bundles", 201, content=made.dumps(), headers=headers))["id"]

    async def begin(self, made, **told):
        """-> the id of a rollout of this bundle."""
        if names := told.pop("names", None):
            told["devices"] = [self.id(name) for name in names]
        return (await self.ask("POST", "/rollouts", 201, json={"bundle": await self.bring(made), **told}))["id"]

    async def order(self, id, word, status=204):
        return await self.ask("POST", f"/rollouts/{id}/{word}", status)

    async def rollout(self, id=1):
        told = next(one for one in (await self.ask("GET"))["rollouts"] if one["id"] == id)
        return told, {row["device"]: row for row in told["devices"]}

    async def until(self, holds, id=1):
        """(rollout, {device id: row}) as soon as holds(rollout, [states by name])."""
        end = asyncio.get_running_loop().time() + self._patience_s
        while True:
            told, rows = await self.rollout(id)
            states = [rows[self.id(name)]["state"] for name in self.devices if self.id(name) in rows]
            if holds(told, states):
                return told, rows
            assert asyncio.get_running_loop().time() < end, told
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def fleet(folder, count=1, rate=20, keys=(PUBLIC,), **options):
    """Live on the hub, in the clear."""
    coap = ports.free()
    async with contextlib.AsyncExitStack() as stack:
        it = await stack.enter_async_context(hub(folder / "hub", coap))
        devices = {}
        for n in range(count):
            about = {"rate": rate, "plain": True, "keys": keys, "hub": f"127.0.0.1:{coap}", **options}
            device = Device("kettle", f"k{n}", folder / f"k{n}", **about)
            devices[device.name] = await stack.enter_async_context(device)
            await device.ready()
        fleet = Fleet(it, devices)
        for name in devices:
            await it.live(fleet.id(name))
        yield fleet


def toy(sequence=2, key=KEY, base=None, size_b=5000):
    """A bundle for toys."""
    data = bytes(n % 251 for n in range(size_b))
    part = bundle.Part(0, data, (("app.mpy", size_b),), hashlib.sha256(data).digest(), base)
    return bundle.sign(bundle.Bundle("kettle", ("TOY",), sequence, 0, (part,), f"1.{sequence}"), key)


class Toy(Fake):
    """A device that is not ours, by docs/updates.md: an order of it is in `orders`, and what comes of it in `outcome`:
    (state, code), or None as long as it downloads. refuse: how an order is answered, where it is."""

    def __init__(self, hub_port, n, outcome=(CONFIRMED, 0), **about):
        super().__init__(hub_port, f"toy-{n}", rules=False, **about)
        self.outcome, self.no = outcome, None
        self.told = {0: 1, 1: IDLE, 2: 0, 3: 0, 4: 0, 5: 0, 6: "a"}
        self.orders, self.aborted = [], 0

    async def bind(self):
        await super().bind()
        self.context.serversite.add_resource(["o"], _Update(self))

    def look(self):
        if self.told[1] == DOWNLOADING and self.outcome:
            state, code = self.outcome
            self.told |= {0: self.told[2]} if state == CONFIRMED else {}
            self.told |= {1: state, 5: code}
        return self.told


class _Update(resource.Resource):
    def __init__(self, toy):
        super().__init__()
        self.toy = toy

    async def render_get(self, request):
        return aiocoap.Message(payload=cbor2.dumps(self.toy.look()), content_format=60)

    async def render_put(self, request):
        if self.toy.no:
            return self.toy.no
        order = cbor2.loads(request.payload)
        self.toy.orders.append(order)
        sequence = cbor2.loads(cbor2.loads(order[0]).value[2])[3]
        self.toy.told |= {1: DOWNLOADING, 2: sequence, 3: 1000, 4: 5000, 5: 0}
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_post(self, request):
        assert cbor2.loads(request.payload) == {0: "abort"}
        self.toy.aborted += 1
        self.toy.told |= {1: IDLE, 5: 0}
        return aiocoap.Message(code=aiocoap.CHANGED)


@contextlib.asynccontextmanager
async def toys(folder, count, **about):
    """A Fleet of toys, called 0, 1, ...: the hub has met them in this order."""
    coap = ports.free()
    async with contextlib.AsyncExitStack() as stack:
        it = await stack.enter_async_context(hub(folder / "hub", coap))
        fleet = Fleet(it, {}, patience_s=60)
        for n in range(count):
            fleet.devices[n] = await stack.enter_async_context(Toy(coap, f"{n:02}", **about))
            await it.live(fleet.id(n))
        yield fleet
