"""A simulated kettle that is updated over the wire: the host makes bundles, aiocoap serves them and asks."""

import asyncio
import contextlib
import functools
import tempfile
from pathlib import Path

import aiocoap
import cbor2
from aiocoap import resource
from cryptography.hazmat.primitives.asymmetric import ec
from lossy import HOST, Body
from tosplus import ports
from tosplus.build import board
from tosplus.build.product import build
from tosplus.ota import bundle, keys, pack
from tosplus.paths import FIRMWARE
from tosplus.sim.device import Device

KEY, NEXT, STRANGER = (ec.derive_private_key(n, ec.SECP256R1()) for n in (5, 6, 7))
PUBLIC, NEXT_PUBLIC = (keys.raw(key.public_key()) for key in (KEY, NEXT))
KETTLE = (FIRMWARE / "apps/kettle.py").read_text()
FIXED = KETTLE.replace("read_mv() // 10", "read_mv() // 10 - 1")
IDLE, DOWNLOADING, READY, TRIAL, CONFIRMED, FAILED, ROLLED_BACK = range(7)


@functools.cache
def slot(source=FIXED):
    """{path: content} of a slot with this kettle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kettle.py")
        path.write_text(source)
        return pack.contents(build(str(path), "UNIX", Path(folder, "tree")).out)


@functools.cache
def part(source, base=None):
    """The app part of this kettle; base: another kettle, to which it is a delta then."""
    return pack.app_part(slot(source), part(base) if base else None)


@functools.cache
def rom(source=FIXED):
    """The same for a device with a partition romfs."""
    return pack.image(slot(source), board.load("UNIX"))


def bundled(
    source=FIXED, sequence=1, key=KEY, base=None, product="kettle", boards=("UNIX",), floor=0, image=None, files=None,
    **about,
):  # fmt: skip
    parts = (pack.app_part(files or slot(source), base), *([pack.firmware_part(image)] if image else []))
    made = bundle.Bundle(product, boards, sequence, floor, parts, f"1.{sequence}", **about)
    return bundle.sign(made, key)


class House:
    """device: plain, its clock moves only by wait(). body: what the server has, see Body."""

    def __init__(self, device, body, context, url):
        self.device = device
        self.body = body
        self.url = url
        self._context = context

    async def ask(self, code, value=None, path="o"):
        payload = b"" if value is None else cbor2.dumps(value)
        request = aiocoap.Message(code=code, uri=f"{self.device.address}/{path}", payload=payload)
        if payload:
            request.opt.content_format = 60
        return await asyncio.wait_for(self._context.request(request).response, 60)

    async def push(self, made, url=True):
        """-> the answer to PUT /o."""
        self.body.body = made.dumps()
        return await self.ask(aiocoap.PUT, {0: made.message(), 1: self.url} if url else {0: made.message()})

    async def status(self):
        answer = await self.ask(aiocoap.GET)
        assert answer.code == aiocoap.CONTENT
        return cbor2.loads(answer.payload)

    async def confirmed(self, sequence):
        """Until the device runs this one and keeps it, whether or not it has been started anew since."""
        while (told := await self.until(CONFIRMED, IDLE))[0] != sequence:
            await asyncio.sleep(0.05)
        return told

    async def until(self, *states, timeout_s=60):
        """Until the device says that it is in one of these states -> its status."""
        end = asyncio.get_running_loop().time() + timeout_s
        while True:
            with contextlib.suppress(asyncio.TimeoutError, aiocoap.error.Error):
                told = await self.status()
                if told[1] in states:
                    return told
            assert asyncio.get_running_loop().time() < end, told
            await asyncio.sleep(0.05)


def lived(folder, test, keys=(PUBLIC,), body=None, rate=20, app="kettle", **options):
    """Run test(house) with a kettle that runs what `tos build` made."""

    async def main():
        body_ = body or Body(b"")
        site = resource.Site()
        site.add_resource(["kettle.tosb"], body_)
        port = ports.free()
        server = await aiocoap.Context.create_server_context(site, bind=(HOST, port), transports=["udp6"])
        asking = await aiocoap.Context.create_client_context()
        try:
            options.update(state_dir=folder / "kettle", rate=rate, plain=True, keys=keys)
            async with Device(app, **options) as device:
                await device.ready()
                await test(House(device, body_, asking, f"coap://{HOST}:{port}/kettle.tosb"))
        finally:
            await asking.shutdown()
            await server.shutdown()

    asyncio.run(main())
