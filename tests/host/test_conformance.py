"""CoAP as others speak it: aiocoap, libcoap and bare datagrams against a simulated kettle."""

import asyncio
import socket
import subprocess

import aiocoap
import cbor2
import peers
import pytest
from lossy import Counting, relayed
from tosplus import ports
from tosplus.paths import ROOT
from tosplus.sim.device import Device
from tosplus.sim.process import micropython

GET, PUT = 1, 3


def kettle(tmp_path, test):
    """Run test(device, context), where context is aiocoap's client."""

    async def main():
        async with Device("kettle", state_dir=tmp_path / "kettle", hub="", plain=True) as device:
            await device.ready()
            context = await aiocoap.Context.create_client_context(transports=["udp6"])
            try:
                await test(device, context)
            finally:
                await context.shutdown()

    asyncio.run(main())


async def power(device, context, on, **options):
    payload = cbor2.dumps(on)
    request = aiocoap.Message(code=PUT, uri=f"{device.address}/s/power", payload=payload, **options)
    return await context.request(request).response


class Raw:
    """A client of bare datagrams, one socket."""

    def __init__(self, device):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(device.link)
        self._socket.setblocking(False)

    async def says(self, datagram, timeout_s=60):
        """-> the next datagram from the device; None when nothing comes."""
        if datagram is not None:
            self._socket.send(datagram)
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 1500), timeout_s)
        except asyncio.TimeoutError:
            return None


def test_aiocoap_observes_in_order_and_leaves(tmp_path):
    async def test(device, context):
        request = context.request(aiocoap.Message(code=GET, uri=f"{device.address}/s/power", observe=0))
        notifications = aiter(request.observation)
        first = await request.response
        seen = [(first.opt.observe, cbor2.loads(first.payload))]
        for on in (True, False, True):
            await power(device, context, on)
            message = await asyncio.wait_for(anext(notifications), 60)
            seen.append((message.opt.observe, cbor2.loads(message.payload)))
        assert [on for _, on in seen] == [False, True, False, True]
        assert [n for n, _ in seen] == sorted({n for n, _ in seen})
        request.observation.cancel()

    kettle(tmp_path, test)


@pytest.mark.parametrize("leave", ["get", "reset"])
def test_who_leaves_hears_nothing_more(tmp_path, leave):
    async def test(device, context):
        raw = Raw(device)
        first = await raw.says(bytes.fromhex("41010001aa60517305706f776572"))  # observe /s/power
        assert first[:5] == bytes.fromhex("61450001aa") and first[5] >> 4 == 6
        await power(device, context, True)
        told = await raw.says(None)
        assert told[0] >> 4 == 5 and told.endswith(b"\xff\xf5")
        if leave == "get":
            answer = await raw.says(bytes.fromhex("41010002aa6101517305706f776572"))
            assert answer[:5] == bytes.fromhex("61450002aa") and answer[5] >> 4 != 6
        else:
            assert await raw.says(b"\x70\x00" + told[2:4], 0.2) is None
        await power(device, context, False)
        assert await raw.says(None, 0.3) is None

    kettle(tmp_path, test)


def test_aiocoap_says_what_it_does_not_want_to_hear(tmp_path):
    async def test(device, context):
        tuning = aiocoap.Unreliable
        for on, wanted in ((True, True), (False, False)):
            options = {} if wanted else {"no_response": 26}
            asked = power(device, context, on, transport_tuning=tuning, **options)
            if wanted:
                assert (await asked).code == aiocoap.CHANGED
            else:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(asked, 0.3)
            response = await context.request(aiocoap.Message(code=GET, uri=f"{device.address}/s/power")).response
            assert cbor2.loads(response.payload) is on

    kettle(tmp_path, test)


def test_a_confirmable_that_wants_no_answer_is_acknowledged_once_and_done_once(tmp_path):
    async def test(device, context):
        raw = Raw(device)
        put = bytes.fromhex("4103000baab17305706f776572113cd1e91aff") + b"\xf5"  # No-Response 26
        for _ in range(2):
            assert await raw.says(put) == bytes.fromhex("6000000b")

    kettle(tmp_path, test)


def test_a_ping_is_answered_and_nonsense_is_survived(tmp_path):
    async def test(device, context):
        raw = Raw(device)
        assert await raw.says(bytes.fromhex("40000777")) == bytes.fromhex("70000777")
        for nonsense in (b"@", b"\x00", bytes(1152), b"\xff" * 1400, bytes.fromhex("5001000aff")):
            assert await raw.says(nonsense, 0.05) is None
        assert await raw.says(bytes.fromhex("4001000aff")) == bytes.fromhex("7000000a")
        assert await raw.says(bytes.fromhex("40000778")) == bytes.fromhex("70000778")

    kettle(tmp_path, test)


def test_libcoap_reads_writes_and_observes(tmp_path):
    program = peers.need("coap-client")

    async def test(device, context):
        async def coap_client(*arguments):
            done = await asyncio.to_thread(subprocess.run, [program, *arguments], capture_output=True, timeout=100)
            return done.stdout.removesuffix(b"\n"), done.stderr

        assert (await coap_client("-B", "3", f"{device.address}/s/power")) == (b"\xf4", b"")
        for kind in ([], ["-N"]):
            for on in (b"\xf5", b"\xf4"):
                file = tmp_path / "on"
                file.write_bytes(on)
                put = ["-m", "put", "-t", "60", "-B", "3", *kind, "-f", str(file), f"{device.address}/s/power"]
                assert await coap_client(*put) == (b"", b"")
                assert (await coap_client("-B", "3", f"{device.address}/s/power"))[0] == on
        async with relayed("{}:{}".format(*device.link), Counting) as address:
            watching = asyncio.create_task(coap_client("-s", "3", "-B", "3", f"coap://{address}/s/power"))
            while not [data for to_device, data in Counting.last.passed if not to_device]:
                await asyncio.sleep(0.01)
            await power(device, context, True)
            assert (await watching)[0].replace(b"\n", b"") == b"\xf4\xf5"
        assert b"4.05" in (await coap_client("-m", "delete", "-B", "3", f"{device.address}/s/power"))[1]

    kettle(tmp_path, test)


@pytest.mark.parametrize("method", [GET, PUT])
def test_aiocoap_waits_for_an_answer_that_comes_later(method):
    async def main():
        port = ports.free()
        server = await asyncio.create_subprocess_exec(
            *(micropython(), "tests/later_target.py", str(port)),
            cwd=ROOT,
            env={"MICROPYPATH": "lib:.frozen"},
            stdout=asyncio.subprocess.PIPE,
        )
        assert await server.stdout.readline() == b"ready\n"
        context = await aiocoap.Context.create_client_context(transports=["udp6"])
        try:
            request = aiocoap.Message(code=method, uri=f"coap://127.0.0.1:{port}/slow")
            response = await asyncio.wait_for(context.request(request).response, 60)
            assert (response.code, response.payload, response.mtype) == (aiocoap.CHANGED, b"done", aiocoap.CON)
            assert await asyncio.wait_for(server.wait(), 60) == 0
        finally:
            await context.shutdown()

    asyncio.run(main())
