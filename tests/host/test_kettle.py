"""The kettle as a whole, a real MicroPython process, with CoAP clients that no one here wrote."""

import asyncio
import subprocess

import aiocoap
import cbor2
import peers
from aiocoap import GET, PUT, Context, Message
from tosplus.link import discover
from tosplus.sim.device import Device

CBOR = 60
HOUR_MS = 3_600_000


class Wire:
    """aiocoap, bare: what a stranger's client would do."""

    def __init__(self, context, device):
        self._context = context
        self._device = device

    def uri(self, path):
        host, port = self._device.link
        return f"coap://{host}:{port}/{path}"

    async def ask(self, code, path, value=None, **options):
        payload = {} if value is None else {"payload": cbor2.dumps(value), "content_format": CBOR}
        request = Message(code=code, uri=self.uri(path), **payload, **options)
        return await self._context.request(request).response

    async def get(self, path):
        answer = await self.ask(GET, path)
        assert answer.code == aiocoap.CONTENT and answer.opt.content_format == CBOR
        return cbor2.loads(answer.payload)

    def observe(self, path):
        return self._context.request(Message(code=GET, uri=self.uri(path), observe=0))


def kettle(tmp_path, test, rate=1, app="kettle"):
    """Run test(device, wire) with a kettle that is ready."""

    async def main():
        async with Device(app, state_dir=tmp_path / "state", rate=rate, plain=True) as device:
            await device.ready()
            context = await Context.create_client_context()
            try:
                await test(device, Wire(context, device))
            finally:
                await context.shutdown()

    asyncio.run(main())


def test_aiocoap_discovers_reads_writes_and_is_refused(tmp_path):
    async def test(device, wire):
        core = await wire.ask(GET, ".well-known/core")
        assert core.opt.content_format == 40 and b"</s/temp>;ct=60;obs" in core.payload
        identity = await wire.get("d")
        assert identity[1] == "kettle" and identity[3] == "UNIX"
        assert [(row[0], row[1]) for row in identity[5]] == [(0, "boils"), (1, "temp"), (2, "power")]
        assert await wire.get("s") == {0: 0, 1: 20, 2: False}
        assert (await wire.ask(PUT, "s/power", True)).code == aiocoap.CHANGED
        assert await wire.get("s/power") is True
        assert (await device.control("get"))["signals"]["relay"] is True
        for path, value, code in (
            ("s/power", 1, aiocoap.BAD_REQUEST),
            ("s/temp", 5, aiocoap.METHOD_NOT_ALLOWED),
            ("s/nothing", 5, aiocoap.NOT_FOUND),
        ):
            assert (await wire.ask(PUT, path, value)).code == code

    kettle(tmp_path, test)


def test_aiocoap_observes_a_kettle_that_switches_itself_off(tmp_path):
    async def test(device, wire):
        request = wire.observe("s")
        states = [cbor2.loads((await request.response).payload)]
        await wire.ask(PUT, "s/power", True)
        async for notification in request.observation:
            states.append(cbor2.loads(notification.payload))
            if states[-1][0] == 1:
                break
        assert max(state[1] for state in states) in (99, 100)
        assert states[1][2] is True and states[-1][2] is False
        assert [state[1] for state in states] == sorted(state[1] for state in states)

    kettle(tmp_path, test, rate=60)


def test_libcoap_discovers_reads_and_writes(tmp_path):
    client = peers.need("coap-client")

    async def test(device, wire):
        async def coap(*arguments):
            command = [client, "-B", "5", *arguments]
            run = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=100)
            return run.stdout + run.stderr

        assert b"</s>;ct=60;obs" in await coap("-m", "get", wire.uri(".well-known/core"))
        power_on = tmp_path / "true.cbor"
        power_on.write_bytes(b"\xf5")
        await coap("-m", "put", "-t", "60", "-f", str(power_on), wire.uri("s/power"))
        assert await wire.get("s/power") is True
        assert b"4.05" in await coap("-m", "put", "-t", "60", "-f", str(power_on), wire.uri("s/temp"))
        assert (await coap("-m", "get", "-N", wire.uri("s/power"))).strip() == b"\xf5"

    kettle(tmp_path, test)


def test_a_day_passes_in_seconds_and_is_easy_on_the_flash(tmp_path):
    """24 boils in a day under the manual clock; every write to flash is counted."""

    async def test(device, wire):
        before = await device.control("flash")
        for _ in range(24):
            await wire.ask(PUT, "s/power", True)
            await device.control("advance", ms=HOUR_MS, timeout_s=30)
        after = await device.control("flash")
        assert await wire.get("s/boils") == 24
        assert (await device.control("get"))["ms"] == 24 * HOUR_MS
        log = await wire.get("l")
        assert log[2][204] == 24  # one record a boil, and nothing else
        assert after["programmed_b"] - before["programmed_b"] < 24 * 1024
        assert after["erases"] - before["erases"] <= 24 and after["refused"] == 0

    kettle(tmp_path, test, rate=0)


def test_ten_thousand_requests_do_not_grow_the_heap(tmp_path):
    async def test(device, wire):
        async def ask(n):
            await asyncio.gather(*[wire.get("s") for _ in range(n - n // 10)])
            for on in (True, False) * (n // 20):
                await wire.ask(PUT, "s/power", on)

        async def taken_b():
            """With what answers whoever looks for devices: at any moment somebody on this machine may."""
            while "toscore.mdns" not in (await device.control("modules"))["modules"]:
                await discover.browse(1)
            return (await device.control("heap"))["alloc_b"]

        await ask(1000)  # until every bounded list is full
        before = await taken_b()
        for _ in range(20):
            await ask(500)
        grown = await taken_b() - before
        assert grown < 2048, grown

    kettle(tmp_path, test)


HEATER = """
from tos import App

app = App("heater", needs=("relay", "probe", "button"))

@app.read("temp", period_ms=100)
def temp(dev):
    if dev.button() and {when}:
        {fault}
    return 20

@app.write("power", initial=False)
def power(dev, on):
    dev.relay(on)

@app.when("temp", above=98)
def hot(dev, value):
    app.set("power", False)
"""


def heating(tmp_path, when, fault, test):
    """A maker's heater, on; its thermometer's code goes wrong while the button is pressed."""

    async def then(device, wire):
        while await wire.get("s/temp") is None:  # it has not been read yet
            await asyncio.sleep(0.01)
        assert (await wire.ask(PUT, "s/power", True)).code == aiocoap.CHANGED
        await device.control("set", signal="button", value=True)
        await test(device, wire)

    app = tmp_path / "heater.py"
    app.write_text(HEATER.format(when=when, fault=fault))
    kettle(tmp_path, then, rate=8, app=str(app))


def test_a_makers_callback_that_raises_leaves_the_output_safe(tmp_path):
    async def test(device, wire):
        while (await wire.get("s/power")) is True:
            await asyncio.sleep(0.05)
        assert (await device.control("get"))["signals"]["relay"] is False
        assert (await wire.ask(PUT, "s/power", True)).code == aiocoap.SERVICE_UNAVAILABLE
        assert "no such sensor" in (await wire.get("l"))[3]

    heating(tmp_path, "True", "raise ValueError('no such sensor')", test)


def test_a_makers_callback_that_hangs_is_ended_by_the_watchdog_and_leaves_the_output_safe(tmp_path):
    async def test(device, wire):
        await device.restarted()
        assert (await device.control("get"))["signals"]["relay"] is False
        assert await wire.get("s/power") is False
        assert [201, 2, 0] in [entry[1:] for entry in (await wire.get("l"))[1]]

    heating(tmp_path, "app.get('power')", "while True: pass", test)
