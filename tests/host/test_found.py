"""A device that was started elsewhere is found by what it announces: to be paired, and again when it has moved."""

import asyncio

import pytest
from desk import desk
from host.hub.running import hub
from host.test_discover import network
from host.test_pair import tos_later
from tosplus.hub.hub import Hub
from tosplus.link import discover, find
from tosplus.sim.device import Device


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(desk(tmp_path / "elsewhere"))


def run(test):
    asyncio.run(asyncio.wait_for(test, 240))


def test_a_code_is_enough_for_tos_pair_and_for_the_hub(tmp_path):
    async def test():
        async with Device("kettle", state_dir=tmp_path / "k", hub="") as kettle:
            await kettle.ready()
            code = await kettle.code()
            id = code.split(":")[2]
            assert find.by_id(id) is None
            done = await tos_later("pair", code, "--name", "laptop")
            assert done.exit_code == 0, done.output
        async with (
            hub(tmp_path / "hub", plain=False) as it,
            Device("lamp", state_dir=tmp_path / "l", hub="") as lamp,
        ):
            await lamp.ready()
            answer = await it.http.post("/api/pair", json={"code": await lamp.code()}, timeout=40)
            assert answer.status_code == 201, answer.text

    run(test())


def test_the_hub_finds_a_device_that_has_moved_and_believes_its_key_alone(tmp_path, monkeypatch):
    async def test():
        lies = []
        announced = discover.find

        async def lying(id, timeout_s):
            lies.append(id)
            return ("127.0.0.1", 9) if len(lies) == 1 else await announced(id, timeout_s)

        monkeypatch.setattr(discover, "find", lying)
        monkeypatch.setattr(Hub, "move", lambda *report: None)  # what it reports from there is not heard
        async with hub(tmp_path / "hub", plain=False) as it:
            async with Device("tv", state_dir=tmp_path / "tv", hub="") as tv:
                await tv.ready()
                told = {"code": await tv.code(), "address": "{}:{}".format(*tv.link)}
                id = (await it.http.post("/api/pair", json=told, timeout=40)).json()["id"]
                await it.live(id)
                first = tv.link
            await it.until(lambda seen: seen["link"] == "away", id=id)
            async with Device("tv", state_dir=tmp_path / "tv", hub="") as tv:
                await tv.ready()
                assert tv.link != first
                seen = await it.until(lambda seen: seen["link"] == "live", id=id)
                assert seen["address"] == "{}:{}".format(*tv.link) and len(lies) > 1

    run(test())


def test_one_that_is_reset_says_goodbye_first(tmp_path):
    async def test():
        async with Device("kettle", state_dir=tmp_path / "k", hub="", rate=20) as kettle:
            await kettle.ready()
            id = (await kettle.code()).split(":")[2]
            async with network(id) as (_, seen):
                await seen.until(lambda: id in seen.names())
                await kettle.press("button", 11_000)
                await kettle.restarted()
                await seen.until(lambda: ("Removed", id) in seen.events, 5)
                await seen.until(lambda: id in seen.names())

    run(test())
