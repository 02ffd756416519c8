"""A simulated watch that pays, and a reader in its field."""

import contextlib

import aiocoap
import cbor2
import issuer
from aiocoap import Context, Message
from soon import soon
from tosplus.link.client import Client
from tosplus.sim.device import Device
from tosplus.sim.pn532.air import Air, Antenna
from tosplus.sim.pn532.initiator import Initiator

ID = b"a token of tests"
TOKEN = issuer.NUMBER, issuer.PSN, issuer.luk(1)
_AUTO_RATS = 0x10


class Watch:
    """device: plain, with a token. Waits are for other processes."""

    def __init__(self, device, client, context):
        self.device = device
        self.client = client
        self._context = context

    async def tell(self, code, path, value):
        uri = f"{self.device.address}/{path}"
        message = Message(code=code, uri=uri, payload=cbor2.dumps(value), content_format=60)
        answer = await self._context.request(message).response
        assert answer.code.is_successful(), answer.payload

    async def provision(self, number, psn, luk, dki=1, ki=1):
        token = {0: ID, 1: number, 2: psn, 3: "311231", 4: "12345678901", 5: dki, 6: ki, 7: luk, 8: 10}
        await self.tell(aiocoap.PUT, "y/token", {**token, 9: 4_000_000_000})
        await self.tell(aiocoap.POST, "y/token", {0: ID, 6: ki})

    async def until(self, path, value):
        async def is_so():
            return await self.client.get(path) == value

        await soon(is_so, f"{path} does not become {value!r}")


@contextlib.asynccontextmanager
async def watch(folder, contacts=False, token=TOKEN):
    """-> a Watch and the path of its field. token: number, PSN, LUK, and perhaps DKI and KI."""
    async with contextlib.AsyncExitStack() as stack:
        air = await stack.enter_async_context(Air(folder / "air"))
        about = {"state_dir": folder / "watch", "plain": True, "air": air.path, "contacts": contacts}
        device = await stack.enter_async_context(Device("watch", **about))
        await device.ready()
        client = await stack.enter_async_context(Client(*device.link))
        context = await Context.create_client_context()
        stack.push_async_callback(context.shutdown)
        made = Watch(device, client, context)
        await made.provision(*token)
        yield made, air.path


class Reader:
    """Of a till: the same chip from the other side. Answers are (status word, data)."""

    def __init__(self, initiator):
        self._initiator = initiator

    async def find(self):
        return await self._initiator.find(_AUTO_RATS, b"")

    async def send(self, capdu):
        answer, _ = await self._initiator.exchange(capdu, False)
        return int.from_bytes(answer[-2:], "big"), answer[:-2]

    def leave(self):
        self._initiator.field(False)


@contextlib.asynccontextmanager
async def reader(air):
    async def hear(frame):
        return None

    async with Antenna(air, hear, lambda carrier: None) as antenna:
        initiator = Initiator(antenna.ask, antenna.carry, 256)
        initiator.retries = 3
        yield Reader(initiator)
