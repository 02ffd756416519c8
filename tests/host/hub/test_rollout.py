"""Rollouts of a hub over many devices: waves, pause, halt, and a hub that dies in the middle. Devices are toys."""

import asyncio

import aiocoap
import httpx
import pytest
from tosplus import ports
from tosplus.hub.rollout import sizes
from tosplus.ota.bundle import sign
from updated import CONFIRMED, FAILED, KEY, ROLLED_BACK, TRIAL

from .test_keep import Process
from .updating import Fleet, Toy, toy, toys

GOOD, WAITS = (CONFIRMED, 0), None


def run(test):
    asyncio.run(asyncio.wait_for(test(), 240))


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr("tosplus.hub.rollouts._LOOK_S", {})
    monkeypatch.setattr("tosplus.hub.rollouts._TICK_S", 0.05)


def ordered(it):
    """Who was told to take an update, by number."""
    return [n for n, device in it.devices.items() if device.orders]


def test_a_wave_begins_when_the_one_before_has_shown_that_it_works(tmp_path):
    async def test():
        async with toys(tmp_path, 8, outcome=WAITS) as it:
            id = await it.begin(toy(), waves=["1", "50%", "100%"], halt_at=0.05)
            for confirmed, begun in ((0, 1), (1, 4), (2, 4), (4, 8)):  # of the second one not all at once
                for n in range(confirmed):
                    it.devices[n].outcome = GOOD
                now = ["confirmed"] * confirmed + ["downloading"] * (begun - confirmed) + ["waiting"] * (8 - begun)
                await it.until(lambda told, states, now=now: states == now, id)
                await asyncio.sleep(0.2)
                assert ordered(it) == list(range(begun))
            for device in it.devices.values():
                device.outcome = GOOD
            await it.until(lambda told, states: told["state"] == "done" and set(states) == {"confirmed"}, id)
            assert [len(device.orders) for device in it.devices.values()] == [1] * 8

    run(test)


def test_too_many_failures_halt_it_and_the_others_keep_what_they_have(tmp_path):
    async def test():
        async with toys(tmp_path, 10, outcome=GOOD) as it:
            it.devices[2].outcome = (ROLLED_BACK, 435)
            id = await it.begin(toy(), waves=["1", "40%", "100%"], halt_at=0.25)
            told, rows = await it.until(lambda told, states: told["state"] == "halted", id)
            assert told["why"] == "1 of 4 failed, and 25% are too many"
            row = rows[it.id(2)]
            assert (row["state"], row["code"]) == ("rolled back", 435) and "three starts" in row["text"]
            await asyncio.sleep(0.2)
            assert ordered(it) == [0, 1, 2, 3]

    run(test)


def test_fewer_do_not(tmp_path):
    async def test():
        async with toys(tmp_path, 10, outcome=GOOD) as it:
            it.devices[2].outcome = (FAILED, 393)
            id = await it.begin(toy(), waves=["1", "40%", "100%"], halt_at=0.26)
            told, rows = await it.until(lambda told, states: told["state"] == "done", id)
            assert [row["state"] for row in rows.values()].count("confirmed") == 9

    run(test)


def test_the_first_one_that_fails_is_all_of_the_first_wave(tmp_path):
    async def test():
        async with toys(tmp_path, 3, outcome=(FAILED, 428)) as it:
            id = await it.begin(toy(), waves=["1", "100%"], halt_at=0.05)
            await it.until(lambda told, states: told["state"] == "halted", id)
            await asyncio.sleep(0.2)
            assert ordered(it) == [0]

    run(test)


def test_a_pause_lets_nobody_begin_and_all_others_go_on(tmp_path):
    async def test():
        async with toys(tmp_path, 3, outcome=WAITS) as it:
            id = await it.begin(toy(), waves=["1", "100%"], halt_at=0.5)
            await it.until(lambda told, states: states[0] == "downloading", id)
            await it.order(id, "pause")
            it.devices[0].outcome = GOOD
            await it.until(lambda told, states: states[0] == "confirmed", id)
            await asyncio.sleep(0.2)
            assert ordered(it) == [0]
            await it.order(id, "pause", 409)
            for device in it.devices.values():
                device.outcome = GOOD
            await it.order(id, "resume")
            await it.until(lambda told, states: told["state"] == "done", id)

    run(test)


def test_what_begins_paused_asks_no_device(tmp_path):
    async def test():
        async with toys(tmp_path, 2) as it:
            id = await it.begin(toy(), paused=True)
            await asyncio.sleep(0.3)
            assert ordered(it) == []
            await it.order(id, "resume")
            await it.until(lambda told, states: told["state"] == "done", id)

    run(test)


def test_a_halt_ends_downloads_and_leaves_trials_alone(tmp_path):
    async def test():
        async with toys(tmp_path, 2, outcome=WAITS) as it:
            it.devices[1].outcome = (TRIAL, 0)
            id = await it.begin(toy())
            await it.until(lambda told, states: states == ["downloading", "trial"], id)
            await it.order(id, "halt")
            told, rows = await it.until(lambda told, states: states == ["waiting", "trial"], id)
            assert told["why"] == "by a person" and it.devices[0].aborted == 1 and it.devices[1].aborted == 0
            it.devices[1].told |= {0: 2, 1: CONFIRMED}
            await it.until(lambda told, states: states == ["waiting", "confirmed"], id)
            it.devices[0].outcome = GOOD
            await it.order(id, "resume")
            await it.until(lambda told, states: told["state"] == "done", id)

    run(test)


def test_who_is_away_holds_nobody_up_and_gets_it_when_he_is_back(tmp_path):
    async def test():
        async with toys(tmp_path, 4) as it:
            id = await it.begin(toy(), waves=["3", "100%"], halt_at=0.5, paused=True)
            await it.devices[1].unbind()
            await it.it.until(lambda device: device["link"] == "away", id=it.id(1))
            await it.order(id, "resume")
            await it.until(lambda told, states: states.count("confirmed") == 3, id)
            told, _ = await it.rollout(id)
            assert told["state"] == "running" and ordered(it) == [0, 2, 3]
            await it.devices[1].bind()
            await it.devices[1].report()
            await it.until(lambda told, states: told["state"] == "done", id)

    run(test)


def test_a_wave_of_which_nobody_answers_shows_nothing(tmp_path):
    """The first one is live when the waves are made, and gone then."""

    async def test():
        async with toys(tmp_path, 2) as it:
            id = await it.begin(toy(), waves=["1", "100%"], paused=True)
            await it.devices[0].unbind()
            await it.it.until(lambda device: device["link"] == "away", id=it.id(0))
            await it.order(id, "resume")
            await asyncio.sleep(0.3)
            assert ordered(it) == []
            await it.devices[0].bind()
            await it.devices[0].report()
            await it.until(lambda told, states: told["state"] == "done", id)

    run(test)


def test_kill_9_of_the_hub_in_the_middle_and_it_goes_on(tmp_path):
    async def test():
        coap = ports.free()
        async with (
            Process(tmp_path / "hub", coap) as process,
            Toy(coap, "00", outcome=WAITS) as first,
            Toy(coap, "01") as second,
            Toy(coap, "02") as third,
        ):
            it = Fleet(At(process.address), {0: first, 1: second, 2: third})
            for n in it.devices:
                await it.it.live(it.id(n))
            id = await it.begin(toy(), waves=["1", "2", "100%"], halt_at=0.5)
            await it.until(lambda told, states: states[0] == "downloading", id)
            process.process.kill()
            process.process.wait()
            first.outcome = GOOD
            async with Process(tmp_path / "hub", coap) as process:
                it.it = At(process.address)
                await it.until(lambda told, states: told["state"] == "done", id)
            assert [len(toy.orders) for toy in (first, second, third)] == [1, 1, 1]

    run(test)


def test_one_that_is_silent_for_too_long_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr("tosplus.hub.rollouts._SILENT_S", 2)

    async def test():
        async with toys(tmp_path, 1, outcome=WAITS) as it:
            id = await it.begin(toy(), halt_at=0.5)
            await it.until(lambda told, states: states == ["downloading"], id)
            await it.devices[0].unbind()
            told, rows = await it.until(lambda told, states: states == ["failed"], id)
            assert told["state"] == "halted" and "has not answered" in rows[it.id(0)]["text"]
            await it.devices[0].bind()

    run(test)


def test_what_a_device_answers_is_told_in_words(tmp_path):
    async def test():
        async with toys(tmp_path, 3) as it:
            it.devices[0].no = aiocoap.Message(code=aiocoap.UNAUTHORIZED, payload=b"389")
            it.devices[1].no = aiocoap.Message(code=aiocoap.SERVICE_UNAVAILABLE, payload=b"427 40")
            it.devices[2].no = aiocoap.Message(code=aiocoap.SERVICE_UNAVAILABLE, payload=b"399")
            id = await it.begin(toy())
            told, rows = await it.until(lambda told, states: states.count("failed") == 2, id)
            assert "signed with a key that this device does not know" in rows[it.id(0)]["text"]
            assert "wants 40 sectors" in rows[it.id(1)]["text"]
            assert rows[it.id(2)]["state"] == "waiting" and "under way" in rows[it.id(2)]["text"]

    run(test)


def test_who_has_it_already_is_asked_nothing(tmp_path):
    async def test():
        async with toys(tmp_path, 2) as it:
            it.devices[0].told[0] = 2
            it.devices[1].told[0] = 7
            id = await it.begin(toy())
            told, rows = await it.until(lambda told, states: told["state"] == "done", id)
            assert ordered(it) == [] and rows[it.id(1)]["text"] == "it runs 7 already"

    run(test)


def test_a_device_is_in_one_rollout_at_a_time(tmp_path):
    async def test():
        async with toys(tmp_path, 3, outcome=WAITS) as it:
            first = await it.begin(toy(), names=[0, 1])
            made = await it.bring(toy(3))
            told = {"bundle": made, "devices": [it.id(1), it.id(2)]}
            refused = await it.ask("POST", "/rollouts", 409, json=told)
            assert f"rollout halt {first}" in refused["error"]
            await it.order(first, "halt")
            await it.ask("POST", "/rollouts", 201, json=told)
            refused = await it.order(first, "resume", 409)
            assert "a later rollout" in refused["error"]

    run(test)


def test_who_is_forgotten_is_not_waited_for(tmp_path):
    async def test():
        async with toys(tmp_path, 2) as it:
            it.devices[1].outcome = WAITS
            id = await it.begin(toy())
            await it.until(lambda told, states: states == ["confirmed", "downloading"], id)
            await it.devices[1].unbind()
            await it.it.http.delete(f"/api/devices/{it.id(1)}")
            told, rows = await it.until(lambda told, states: told["state"] == "done", id)
            assert list(rows) == [it.id(0)]
            await it.devices[1].bind()

    run(test)


def test_waves_are_cumulative_and_never_empty():
    assert sizes(["1", "10%", "100%"], 100) == [1, 10, 100]
    assert sizes(["1", "10%", "100%"], 4) == [1, 2, 4]
    assert sizes(["1", "10%", "100%"], 1) == [1, 1, 1]
    assert sizes(["100%"], 3) == [3]
    for waves in ([], ["10%"], ["0", "100%"], ["x", "100%"], ["110%", "100%"], ["1"] * 21):
        with pytest.raises(ValueError):
            sizes(waves, 10)


def test_what_cannot_be_is_refused_in_words(tmp_path):
    async def test():
        async with toys(tmp_path, 1) as it:
            id = await it.bring(toy())
            for told, status, words in (
                ({}, 404, "bring it first"),
                ({"bundle": id, "waves": "1"}, 400, "lists of texts"),
                ({"bundle": id, "waves": ["50%"]}, 400, "the last wave is 100%"),
                ({"bundle": id, "halt_at": 5}, 400, "a share"),
                ({"bundle": id, "devices": ["nobody"]}, 400, "there is no device nobody on this hub; there are kettle"),
            ):
                assert words in (await it.ask("POST", "/rollouts", status, json=told))["error"]
            assert "no such rollout" in (await it.order(9, "pause", 404))["error"]
            other = toy()
            other = type(other)(**{**vars(other), "hardware": ("ESP32",)})
            id = await it.bring(sign(other, KEY))
            refused = await it.ask("POST", "/rollouts", 400, json={"bundle": id, "devices": ["kettle"]})
            assert "is for kettle on ESP32, and kettle is kettle on TOY" in refused["error"]

    run(test)


class At:
    """A hub in another process, as far as a Fleet wants one."""

    def __init__(self, address):
        self.http = httpx.AsyncClient(base_url=address, timeout=60)

    async def live(self, id):
        while True:
            devices = (await self.http.get("/api/house")).json()["devices"]
            if any(device["id"] == id and device["link"] == "live" for device in devices):
                return
            await asyncio.sleep(0.05)
