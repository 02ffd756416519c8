"""Bodies in blocks, from and to a simulated product with 120 resources, by clients most of which are not ours."""

import asyncio
import subprocess

import aiocoap
import cbor2
import peers
from tosplus.link.client import Client
from tosplus.link.schema import Rule
from tosplus.sim.device import Device

COUNT = 120
FIRST = 1 << 40  # nine bytes each
APP = f"""
from tos import App

app = App("meter")
for n in range({COUNT}):
    app.value("value_%d" % n, initial={FIRST} + n, unit="kWh", device_class="energy", writable=True)
"""

TEXTS = 30
SIGN = f"""
from tos import App

app = App("sign")
for n in range({TEXTS}):
    app.value("text_%d" % n, initial="", writable=True)
"""


def meter(tmp_path, test, app=APP):
    """Run test(device, client) with the product of 120 values, or with another one."""
    (tmp_path / "meter.py").write_text(app)

    async def main():
        async with Device(str(tmp_path / "meter.py"), state_dir=tmp_path / "meter", plain=True) as device:
            await device.ready()
            async with Client(*device.link) as client:
                await test(device, client)

    asyncio.run(main())


def test_our_client_reads_all_of_it(tmp_path):
    async def test(device, client):
        assert [row.path for row in (await client.identity()).resources] == [f"value_{n}" for n in range(COUNT)]
        assert await client.state() == {f"value_{n}": FIRST + n for n in range(COUNT)}
        core = await client.core()
        assert core.count("</s/value_") == COUNT
        assert (await client.log()).counts[201] == 1 and (await client.events()).latest == []

    meter(tmp_path, test)


def test_an_observer_gets_whole_bodies_while_they_change(tmp_path):
    """Every body is one that the device had: value 0 is written before value 119, and never stands behind it."""

    async def test(device, client):
        states = client.watch()
        state = await anext(states)

        async def change():
            for n in range(100):
                await client.set("value_0", 1_000 + n)
                await client.set("value_119", 1_000 + n)

        changing = asyncio.create_task(change())
        seen = 0
        while state["value_119"] != 1_099:
            state = await asyncio.wait_for(anext(states), 30)
            assert state["value_119"] > FIRST or 0 <= state["value_0"] - state["value_119"] <= 1
            seen += 1
        await changing
        await states.aclose()
        assert seen > 5

    meter(tmp_path, test)


def test_aiocoap_with_smaller_blocks(tmp_path):
    async def test(device, client):
        context = await aiocoap.Context.create_client_context(transports=["udp6"])
        try:
            for exponent in range(7):
                request = aiocoap.Message(code=aiocoap.GET, uri=f"{device.address}/s")
                request.opt.block2 = (0, False, exponent)
                response = await context.request(request).response
                assert cbor2.loads(response.payload) == {n: FIRST + n for n in range(COUNT)}
            beyond = aiocoap.Message(code=aiocoap.GET, uri=f"{device.address}/s")
            beyond.opt.block2 = (99, False, 6)
            response = await context.request(beyond, handle_blockwise=False).response
            assert (response.code, response.payload) == (aiocoap.BAD_REQUEST, b"329 99")
        finally:
            await context.shutdown()

    meter(tmp_path, test)


def test_libcoap_fetches_blocks_of_every_size(tmp_path):
    program = peers.need("coap-client")

    async def test(device, client):
        for size_b in (16, 64, 512, 1024):
            command = [program, "-B", "5", "-b", str(size_b), f"{device.address}/d"]
            found = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=100)
            assert found.stderr == b"" and len(cbor2.loads(found.stdout.removesuffix(b"\n"))[5]) == COUNT

    meter(tmp_path, test)


def test_our_client_writes_all_of_it_at_once(tmp_path):
    async def test(device, client):
        rules = [Rule(f"value_{n}", f"value_{n + 1}", above=FIRST, to=FIRST + n) for n in range(16)]
        await client.set_rules(rules)
        assert await client.rules() == rules

    meter(tmp_path, test)


def test_aiocoap_writes_in_blocks_of_every_size(tmp_path):
    async def test(device, client):
        context = await aiocoap.Context.create_client_context(transports=["udp6"])
        try:
            for exponent in range(7):
                body = cbor2.dumps({n: str(exponent) * 50 for n in range(TEXTS)})
                assert len(body) > 1024
                request = aiocoap.Message(code=aiocoap.PUT, uri=f"{device.address}/s", payload=body)
                request.remote = await remote(context, request, exponent)
                response = await context.request(request).response
                assert (response.code, response.payload) == (aiocoap.CHANGED, b"")
                assert set((await client.state()).values()) == {str(exponent) * 50}
            long = aiocoap.Message(code=aiocoap.PUT, uri=f"{device.address}/s", payload=bytes(4097))
            response = await context.request(long).response
            assert (response.code, response.opt.size1) == (aiocoap.REQUEST_ENTITY_TOO_LARGE, 4096)
            middle = aiocoap.Message(code=aiocoap.PUT, uri=f"{device.address}/s", payload=bytes(16))
            middle.opt.block1 = (3, True, 0)
            response = await context.request(middle, handle_blockwise=False).response
            assert response.code == aiocoap.REQUEST_ENTITY_INCOMPLETE
        finally:
            await context.shutdown()

    meter(tmp_path, test, SIGN)


async def remote(context, request, exponent):
    """The request's peer, as one to which blocks are small."""
    await context.find_remote_and_interface(request)
    request.remote.maximum_block_size_exp = exponent
    return request.remote


def test_libcoap_writes_in_blocks(tmp_path):
    program = peers.need("coap-client")

    async def test(device, client):
        for size_b in (64, 1024):
            file = tmp_path / f"{size_b}.cbor"
            file.write_bytes(cbor2.dumps({n: str(size_b) * 16 for n in range(TEXTS)}))
            command = [program, "-m", "put", "-t", "60", "-B", "5", "-b", str(size_b), "-f", str(file)]
            command += [f"{device.address}/s"]
            done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=100)
            assert done.stderr == b"" and set((await client.state()).values()) == {str(size_b) * 16}

    meter(tmp_path, test, SIGN)
