"""Updates from the hub to simulated devices: sealed, over a bad network, in pieces to one that sleeps; and what does
not work comes back with its reason."""

import asyncio
import itertools

import aiocoap
from aiocoap.numbers import codes
from lossy import Relay, relayed
from soon import asleep
from tosplus import ports
from tosplus.ota.serve import Parts
from tosplus.paths import FIRMWARE
from tosplus.sim.device import Device
from updated import CONFIRMED, FIXED, NEXT_PUBLIC, PUBLIC, TRIAL, House, bundled

from .running import hub
from .updating import Fleet, fleet

WATCH = (FIRMWARE / "apps/watch.py").read_text()
EVERY_MS = 600_000
_PIECE = 50


def run(test):
    asyncio.run(asyncio.wait_for(test(), 240))


async def paired(it, device):
    host, port = device.link
    told = {"code": await device.code(), "address": f"{host}:{port}"}
    assert (await it.http.post("/api/pair", json=told, timeout=30)).status_code == 201
    await it.live(f"{device.model}-{device.uid}")


def test_what_crashes_is_rolled_back_with_its_reason_and_halts_the_rollout(tmp_path):
    async def test():
        async with fleet(tmp_path, 2) as it:
            id = await it.begin(bundled("1 // 0\n" + FIXED), waves=["1", "100%"], halt_at=0.05)
            told, rows = await it.until(lambda told, states: told["state"] == "halted", id)
            row = rows[it.id("k0")]
            assert (row["state"], row["code"]) == ("rolled back", 435)
            assert row["text"] == "three starts of the update crashed, hung or failed their self-test"
            assert rows[it.id("k1")]["state"] == "waiting"
            events = (await it.it.http.get("/api/events")).json()["events"]
            told = [event["value"] for event in events if event["kind"] == "update"]
            assert told == [f"1.1: rolled back, {row['text']}"]

    run(test)


def test_who_has_another_key_says_so_to_the_pusher(tmp_path):
    async def test():
        async with fleet(tmp_path, keys=(NEXT_PUBLIC,)) as it:
            id = await it.begin(bundled())
            told, rows = await it.until(lambda told, states: told["state"] == "done", id)
            row = rows[it.id("k0")]
            assert (row["state"], row["code"]) == ("failed", 389) and "does not know" in row["text"]

    run(test)


def test_a_paired_device_gets_it_sealed_with_several_blocks_on_their_way(tmp_path):
    async def test():
        coap = ports.free()
        async with (
            hub(tmp_path / "hub", coap, plain=False) as it,
            Device("kettle", "k0", tmp_path / "k0", rate=20, keys=(PUBLIC,)) as device,
        ):
            await device.ready()
            await paired(it, device)
            fleet = Fleet(it, {"k0": device})
            id = await fleet.begin(bundled())
            await fleet.until(lambda told, states: told["state"] == "done" and states == ["confirmed"], id)
            uri = f"coap://127.0.0.1:{coap}/o/{(await fleet.rollout(id))[0]['bundle']}"
            asking = await aiocoap.Context.create_client_context()
            stranger = await asking.request(aiocoap.Message(code=aiocoap.GET, uri=uri)).response
            assert stranger.code == codes.UNAUTHORIZED
            await asking.shutdown()

    run(test)


def test_a_tenth_of_all_datagrams_is_lost(tmp_path):
    async def test():
        async with fleet(tmp_path) as it:
            asking = await aiocoap.Context.create_client_context()
            made, device = bundled(), it.devices["k0"]
            name = await it.bring(made)
            async with relayed(f"127.0.0.1:{it.it.coap}", lambda server: Relay(server, 0.1, 0.002, 1)) as address:
                house = House(device, None, asking, f"coap://{address}/o/{name}")
                order = {0: made.message(), 1: house.url}
                assert (await house.ask(aiocoap.PUT, order)).code == aiocoap.CHANGED
                await house.until(TRIAL, CONFIRMED)
            await asking.shutdown()

    run(test)


def test_a_sleeper_fetches_it_in_pieces_at_its_wakes(tmp_path, monkeypatch):
    """The network brings 50 blocks at each wake, and then nothing more."""
    asked, render = [], Parts.render_get

    async def rendered(self, request):
        asked.append(request.opt.block2.block_number)
        if len(asked) > _PIECE:
            await asyncio.Event().wait()
        return await render(self, request)

    monkeypatch.setattr(Parts, "render_get", rendered)

    async def wake(watch):
        asked.clear()
        await watch.control("advance", ms=EVERY_MS)
        while not watch.is_asleep:
            await watch.control("advance", ms=200 if len(asked) < _PIECE else 2000)
            await asyncio.sleep(0.01)

    async def test():
        coap = ports.free()
        async with (
            hub(tmp_path / "hub", coap, plain=False) as it,
            Device("watch", "w", tmp_path / "w", rate=0, keys=(PUBLIC,)) as watch,
        ):
            await watch.ready()
            await paired(it, watch)
            await watch.control("advance", ms=60_100)
            await asleep(watch)
            fleet = Fleet(it, {})
            id = await fleet.begin(bundled(WATCH + "\nlater = 1\n", product="watch"))
            blocks = []
            while (await fleet.rollout(id))[0]["state"] != "done":
                await wake(watch)
                blocks.append(asked[:_PIECE])
            assert [row["state"] for row in (await fleet.rollout(id))[1].values()] == ["confirmed"]
            pieces = [piece for piece in blocks if piece]
            assert len(pieces) > 2
            for earlier, later in itertools.pairwise(pieces):
                assert max(earlier) - 8 <= later[0] <= max(earlier) + 1  # a block of 4 KiB, and what was on its way

    run(test)
