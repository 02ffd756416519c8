"""Simulated devices, paired by the code that their console shows: by `tos pair`, by the hub, and by both."""

import asyncio
import json

import aiocoap
import cbor2
from desk import desk
from host.hub.running import hub, value_of
from host.hub.test_relay import Service
from host.test_pair import tos_later
from tosplus.link.credentials import Store
from tosplus.link.exchange import pair
from tosplus.link.pairing_code import parse
from tosplus.sim.device import Device


def run(test):
    asyncio.run(asyncio.wait_for(test, 240))


def test_tos_pair_finds_the_device_and_tos_dev_uses_the_key(tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))

    async def test():
        async with Device("kettle", hub="") as kettle:
            await kettle.ready()
            done = await tos_later("pair", await kettle.code(), "--name", "laptop")
            assert done.exit_code == 0, done.output
            assert (await tos_later("dev", "set", "kettle", "power", "on")).exit_code == 0
            got = await tos_later("dev", "get", "kettle", "power", "--json")
            assert json.loads(got.stdout) is True
            listed = await tos_later("dev", "peers", "kettle")
            assert listed.output.split() == ["laptop", "owner"]
            await kettle.kill()
            await kettle.restarted()
            assert (await tos_later("dev", "get", "kettle")).exit_code == 0
            assert (await tos_later("dev", "revoke", "kettle", "laptop")).exit_code == 0
            refused = await tos_later("dev", "get", "kettle")
            assert refused.exit_code == 1 and "356 UNSECURED" in refused.output

    run(test())


def test_the_hub_takes_a_device_by_its_code_and_another_computer_needs_its_button(tmp_path):
    async def test():
        device = Device("kettle", state_dir=tmp_path / "k", hub="")
        async with hub(tmp_path / "hub", plain=False) as it, device as kettle:
            await kettle.ready()
            code = await kettle.code()
            told = {"code": code, "address": "%s:%d" % kettle.link}
            answer = await it.http.post("/api/pair", json=told, timeout=40)
            assert answer.status_code == 201, answer.text
            id = answer.json()["id"]
            await it.live(id)
            assert (await it.http.put(f"/api/devices/{id}/s/power", json={"value": True})).status_code == 204
            await it.until(lambda device: value_of(device, "power") is True, id=id)
            store = Store(tmp_path / "laptop")
            refused = await it.http.get(f"/api/devices/{id}/peers")
            assert [row["name"] for row in refused.json()["peers"]] == ["hub"]
            await kettle.press("button", 300)
            await opened(it, id)
            await pair(parse(code), kettle.link, store, "control", "laptop")
            rows = (await it.http.get(f"/api/devices/{id}/peers")).json()
            assert {row["name"]: row["role"] for row in rows["peers"]} == {"hub": "owner", "laptop": "control"}
            assert rows["open_ms"] > 0
            assert (await it.http.delete(f"/api/devices/{id}/peers/laptop")).status_code == 204

    run(test())


async def opened(it, id):
    """Its button was pressed: it takes others."""
    while not (await it.http.get(f"/api/devices/{id}/peers")).json()["open_ms"]:
        await asyncio.sleep(0.02)


async def taken_over(it, device):
    """The hub is its owner -> (id, code)."""
    code = await device.code()
    told = {"code": code, "address": "%s:%d" % device.link}
    answer = await it.http.post("/api/pair", json=told, timeout=40)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], code


def test_a_token_service_pairs_with_a_device_and_reads_through_the_hub(tmp_path):
    async def test():
        device = Device("kettle", state_dir=tmp_path / "k", hub="")
        async with hub(tmp_path / "hub", plain=False) as it, device as kettle:
            await kettle.ready()
            id, code = await taken_over(it, kettle)
            await it.live(id)
            await kettle.press("button", 300)
            await opened(it, id)
            async with Service(it.coap, id) as bank:
                await bank.pair(code)
                answer = await bank.get("d")
                assert answer.code is aiocoap.CONTENT and cbor2.loads(answer.payload)[0] == id
                refused = await bank.get("s")
                assert refused.code is aiocoap.FORBIDDEN
                files = [file for file in (tmp_path / "hub").rglob("*") if file.is_file()]
                assert files and not any(bank.keys.secret.hex().encode() in file.read_bytes() for file in files)

    run(test())


def test_what_a_sleeping_watch_is_told_waits_for_its_report(tmp_path):
    async def test():
        device = Device("watch", state_dir=tmp_path / "w", rate=0)
        async with hub(tmp_path / "hub", plain=False) as it, device as watch:
            await watch.ready()

            async def live():
                while not watch.is_asleep:
                    await watch.control("advance", ms=500)
                    await asyncio.sleep(0.01)

            living = asyncio.create_task(live())
            id, _ = await taken_over(it, watch)
            await it.until(lambda device: device["link"] == "asleep", id=id)
            await living
            answer = await it.http.put(f"/api/devices/{id}/s/text", json={"value": "hello"})
            assert (answer.status_code, answer.json()) == (202, {"queued": 1})
            assert (await it.device(id))["waiting"]
            await watch.control("advance", ms=600_000)
            living = asyncio.create_task(live())
            await it.until(lambda device: not device["waiting"] and value_of(device, "text") == "hello", id=id)
            living.cancel()

    run(test())
