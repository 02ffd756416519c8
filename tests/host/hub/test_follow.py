"""Devices come, go, sleep, restart, lie and flood; each is told, and none is counted twice."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time

import aiocoap
import cbor2
import pytest
from tosplus.hub import follow, pace

from .fake import Fake, send_report
from .running import Stopwatch, heard, hub, value_of


def run(test):
    asyncio.run(asyncio.wait_for(test, 240))


def kinds(house, *but):
    return [event["kind"] for event in house["events"] if event["kind"] not in but]


def test_a_device_that_goes_is_away_within_five_seconds_and_back_at_once(tmp_path):
    async def test():
        async with hub(tmp_path) as it:
            fake = Fake(it.coap)
            async with fake:
                await it.live()
            async with Stopwatch() as gone:
                device = await it.until(lambda device: device["link"] == "away")
            assert gone.s < 5 and value_of(device, "temp") == 20
            fake.values[0] = 50
            async with Stopwatch() as back, fake:
                await it.until(lambda device: device["link"] == "live" and value_of(device, "temp") == 50)
                assert back.s < 2
                assert (await it.device())["starts"] == 2
                assert kinds(await it.house()) == ["live", "away", "restarted", "live"]

    run(test())


def test_a_device_that_hangs_is_away_within_five_seconds(tmp_path):
    """Nobody says that its port is closed: packets vanish."""
    code = (
        "import asyncio, sys\n"
        "from host.hub.fake import Fake\n"
        "async def main():\n"
        "    async with Fake(int(sys.argv[1])):\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )

    async def test():
        async with hub(tmp_path) as it:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            device = subprocess.Popen([sys.executable, "-c", code, str(it.coap)], env=environment)
            try:
                await it.live()
                device.send_signal(signal.SIGSTOP)
                async with Stopwatch() as stopped:
                    await it.until(lambda device: device["link"] == "away")
                assert stopped.s < 6
            finally:
                device.kill()
                device.wait()

    run(test())


def test_a_quick_restart_is_noticed_by_its_report(tmp_path):
    async def test():
        async with hub(tmp_path) as it:
            fake = Fake(it.coap)
            async with fake:
                await it.live()
            fake.rows = [*fake.rows, {0: 3, 1: "lid", 2: "binary_sensor"}]
            fake.values[3] = True
            async with fake:
                device = await it.until(lambda device: len(device["resources"]) == 4 and device["link"] == "live")
                await it.until(lambda device: value_of(device, "lid") is True)
                assert device["starts"] == 2
                assert kinds(await it.house()) == ["live", "restarted"]

    run(test())


def test_a_restarted_hub_finds_its_devices_and_records_nothing_twice(tmp_path):
    async def test():
        async with hub(tmp_path) as it:
            fake = Fake(it.coap)
            await fake.__aenter__()
            await it.live()
            fake.emit("one")
            fake.set({0: 21})
            await it.until(lambda device: value_of(device, "temp") == 21 and "event" in kinds(it.hub.view()))
            await it.http.patch("/api/devices/fake-1", json={"name": "office"})
            await it.until(lambda device: device["name"] == "office")
        fake.emit("missed")
        fake.set({1: True})
        async with hub(tmp_path, it.coap) as again:  # the device does not report: the hub asks
            device = await again.until(lambda device: device["link"] == "live" and value_of(device, "power") is True)
            assert device["name"] == "office"
            await again.until(lambda device: len(_own(again)) == 2)
            assert _own(again) == ["one", "missed"] and kinds(again.hub.view()).count("live") == 1
            assert [value for at, value in await again.values("temp")] == [20, 21]
            assert [value for at, value in await again.values("power")] == [False, True]
        async with hub(tmp_path, it.coap) as third:
            await third.live()
            await asyncio.sleep(0.5)
            assert _own(third) == ["one", "missed"]
        await fake.__aexit__()

    run(test())


def _own(it):
    return [event["value"] for event in it.hub.view()["events"] if event["kind"] == "event"]


def test_missed_events_have_a_time_between_the_last_contact_and_now(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            before = time.time()
            fake.started -= 7200
            fake.sequence += 2
            fake.events = [[1, fake.ms() - 3600_000, 2, "in time-lapse"], [2, fake.ms() + 5000, 2, "from tomorrow"]]
            fake.happened.updated_state()
            await it.until(lambda device: len(_own(it)) == 2)
            for event in it.hub.view()["events"]:
                if event["kind"] == "event":
                    assert before - 1 < event["at"] <= time.time()

    run(test())


def test_a_sleeper_is_asleep_until_its_next_report_is_overdue(tmp_path, monkeypatch):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            asked = time.time()
            await fake.report(_2={0: 33}, _3=60_000, _4=True)
            known = time.time()
            device = await it.until(lambda device: device["link"] == "asleep" and value_of(device, "temp") == 33)
            assert asked + 60 <= device["next"] <= known + 60
            reads = fake.reads
            assert (await it.http.put("/api/devices/fake-1/s/power", json={"value": True})).status_code == 504
            await asyncio.sleep(2.5)
            assert fake.reads == reads and (await it.device())["link"] == "asleep"
            fake.boot += 1
            asked = time.time()
            await fake.report(_2={0: 32}, _3=90_000, _4=True)
            known = time.time()
            device = await it.until(lambda device: value_of(device, "temp") == 32 and device["next"])
            assert asked + 90 <= device["next"] <= known + 90 and "restarted" not in kinds(it.hub.view())
            await fake.report()
            await it.live()
            monkeypatch.setattr(follow.Follower, "_sleep_s", lambda self: 0.2)
            await fake.report(_3=0, _4=True)
            await it.until(lambda device: "away" in kinds(it.hub.view()))

    run(test())


def test_a_restarted_hub_lets_a_sleeper_sleep(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            await fake.report(_3=60_000, _4=True)
            told = await it.until(lambda device: device["link"] == "asleep")
        async with hub(tmp_path, fake.hub_port) as it:
            await asyncio.sleep(0.5)
            device = await it.device()
            assert device["link"] == "asleep" and device["next"] == told["next"]
            async with Fake(it.coap, port=fake.port) as fake:  # its button was pressed
                await it.live()
            assert not {"away", "restarted"} & set(kinds(it.hub.view()))

    run(test())


def test_what_a_sleeper_said_before_does_not_wake_it(tmp_path, monkeypatch):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            monkeypatch.setattr(follow.Follower, "again", lambda self: None)  # it listens a moment longer
            await fake.report(_4=True)
            fake.set({0: 99})
            device = await it.until(lambda device: value_of(device, "temp") == 99)
            assert device["link"] == "asleep"

    run(test())


@pytest.mark.parametrize("off_s", [0, 100, -100, 200, -200, 1e18])
def test_a_clock_that_is_off_is_told_and_forgiven(tmp_path, off_s):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            fake.wall = max(0, time.time() + off_s)
            await fake.report()
            if abs(off_s) < 120:
                assert (await it.device())["warnings"] == []
                return
            device = await it.until(lambda device: device["warnings"])
            assert device["warnings"][0]["kind"] == "clock"
            assert ("behind" if off_s < 0 else "ahead of") in device["warnings"][0]["text"]
            fake.wall = time.time()
            await fake.report()
            await it.until(lambda device: not device["warnings"])

    run(test())


def test_the_same_id_elsewhere_is_refused_while_the_first_one_answers(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            other = Fake(None, values={0: 99, 1: True})
            other.hub_port, other.boot = it.coap, 7
            await other.bind()
            assert (await other.report()).code == aiocoap.CONFLICT
            device = await it.until(lambda device: device["warnings"])
            assert device["warnings"][0]["kind"] == "conflict" and device["address"] == fake.address
            assert value_of(device, "temp") == 20 and device["starts"] == 1
            await fake.unbind()
            assert (await other.report()).code == aiocoap.CHANGED
            device = await it.until(lambda device: device["address"] == other.address and device["link"] == "live")
            await it.until(lambda device: value_of(device, "temp") == 99)
            await other.unbind()
            await fake.bind()  # for its end

    run(test())


def test_an_id_is_not_believed_that_its_address_does_not_confirm(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            liar = Fake(None, id="liar-1")
            liar.hub_port, liar.boot = it.coap, 7
            await liar.bind()
            for id in ("fake-1", "fake-2"):
                assert (await send_report(liar.context, it.coap, id, cbor2.dumps({0: 7}))).code.is_successful()
            await asyncio.sleep(0.5)
            house = await it.house()
            assert [device["id"] for device in house["devices"]] == ["fake-1"]
            assert house["devices"][0]["address"] == fake.address and house["devices"][0]["warnings"] == []
            await liar.unbind()

    run(test())


def test_too_many_reports_of_one_do_not_stop_another(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            codes = [(await fake.report()).code for _ in range(20)]
            assert codes[0] == aiocoap.CHANGED and codes[-1] == aiocoap.TOO_MANY_REQUESTS
            assert (await fake.report()).opt.max_age > 0
            async with Fake(it.coap, id="fake-2"):
                assert (await it.live("fake-2"))["name"] == "kettle 2"

    run(test())


@pytest.mark.parametrize("what", ["values", "events"])
def test_a_flood_is_told_and_thinned_and_others_stay_live(tmp_path, monkeypatch, what):
    monkeypatch.setattr(follow, "_RELIEF_S", 1.0)

    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake, Fake(it.coap, id="calm-1") as calm:
            await it.live()
            await it.live("calm-1")
            going = True

            async def flood():
                n, began = 0, time.monotonic()
                while going:
                    while n < 400 * (time.monotonic() - began):
                        n += 1
                        if what == "values":
                            fake.set({0: n})
                        else:
                            fake.emit(n)
                        await asyncio.sleep(0)
                    await asyncio.sleep(0.002)

            flooding = asyncio.create_task(flood())
            began = time.time()
            async with it.page() as page:
                await it.until(lambda device: [w for w in device["warnings"] if w["kind"] == "flood"])
                for n in range(5):
                    calm.set({0: 1000 + n})
                    told = {"type": "values", "device": "calm-1", "values": {"temp": 1000 + n}}
                    await heard(page, lambda m, told=told: told.items() <= m.items())
                    await asyncio.sleep(0.15)
            going = False
            await flooding
            took = time.time() - began
            assert len(await it.values()) < 12 * took + 5
            assert len(_own(it)) <= 50 + 10 * took + 5
            last = fake.values[0]
            await it.until(lambda device: value_of(device, "temp") == last and not device["warnings"])

    run(test())


def test_a_restless_device_is_recorded_ten_times_a_second_and_its_last_value_counts(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            began = time.monotonic()
            for n in range(80):
                fake.set({0: 100 + n})
                await asyncio.sleep(0.02)
            await it.until(lambda device: value_of(device, "temp") == 179)
            assert 10 < len(await it.values()) <= 10 * (time.monotonic() - began) + 2
            assert (await it.device())["warnings"] == []

    run(test())


@pytest.mark.parametrize("path", ["d", "s", "e", "b"])
def test_garbage_is_told_and_the_device_recovers(tmp_path, path, monkeypatch):
    for pause in ("_REFUSED_S", "_RETRY_S"):
        monkeypatch.setattr(follow, pause, 0.05)
    bodies = [b"\xff", b"", b"\x81" * 2000, 7, [1], {"a": 1}, {0: []}, {0: {1: 1}}, {0: 1, 1: 1, 2: [[1]]}, {2: 10**30}]
    bodies += [aiocoap.Message(code=aiocoap.INTERNAL_SERVER_ERROR, payload=b"411 d")]

    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            for body in bodies:
                fake.answers[path] = body
                it.hub._followers["fake-1"].again()
                warning = (await it.until(lambda device: device["warnings"]))["warnings"][0]
                assert warning["kind"] == ("table" if path == "d" else "refuses") and len(warning["text"]) < 500
                del fake.answers[path]
                fake.set({0: fake.values[0] + 1})
                await it.until(lambda device: not device["warnings"] and value_of(device, "temp") == fake.values[0])

    run(test())


def test_values_that_json_has_not_are_unknown(tmp_path):
    async def test():
        values = {0: float("nan"), 1: float("inf"), 3: 1e308, 4: -(2**63), 99: "of no resource"}
        rows = [{0: n, 1: name, 2: "sensor"} for n, name in enumerate("abcde")]
        async with hub(tmp_path) as it, Fake(it.coap, values=values, rows=rows):
            device = await it.until(lambda device: value_of(device, "d") is not None)
            assert [row["value"] for row in device["resources"]] == [None, None, None, 1e308, -(2**63)]
            assert await it.values("d") and (await it.values("a"))[0][1] is None

    run(test())


def test_a_thousand_resources_are_read_block_by_block_and_only_changes_are_told(tmp_path):
    rows = [{0: n, 1: f"room {n}/temp", 2: "sensor", 3: "°C"} for n in range(1000)]

    async def test():
        async with hub(tmp_path) as it, Fake(it.coap, values=dict.fromkeys(range(1000), 20), rows=rows) as fake:
            device = await it.until(lambda device: value_of(device, "room 999/temp") == 20)
            assert len(device["resources"]) == 1000
            async with it.page() as page:
                fake.set({500: 21})
                message = await heard(page, lambda m: m["type"] == "values")
                assert message["values"] == {"room 500/temp": 21}

    run(test())


def test_rules_are_read_and_written_by_path(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake, Fake(it.coap, id="old-1", rules=False):
            await it.live()
            rules = [{"when": "temp", "above": 90, "set": "power", "to": False}]
            rules += [{"when": "pressed", "equals": "x", "set": "power"}]
            assert (await it.http.put("/api/devices/fake-1/rules", json={"rules": rules})).status_code == 204
            assert fake.rules == [{0: 0, 1: 90, 4: 1, 5: False}, {0: 2, 3: "x", 4: 1}]
            await it.until(lambda device: device["rules"] == rules)
            bad = [{"when": "nothing", "above": 1, "set": "power"}], [{"when": "temp", "set": "power"}], [1], {}, None
            for told in bad:
                assert (await it.http.put("/api/devices/fake-1/rules", json={"rules": told})).status_code == 400
            assert (await it.live("old-1"))["rules"] is None

    run(test())


def test_reports_of_any_shape_are_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(pace.Bucket, "take", lambda self: True)
    seed = int(os.environ.get("TOS_FUZZ_SEED", "7"))
    pick = random.Random(seed)
    good = {0: 1, 1: time.time(), 2: {0: 1, 1: True}, 3: 1000, 4: False}

    def payload():
        kind = pick.randrange(4)
        if kind == 0:
            return pick.randbytes(pick.randrange(60))
        if kind == 1:
            data = bytearray(cbor2.dumps(good))
            data[pick.randrange(len(data))] = pick.randrange(256)
            return bytes(data)
        if kind == 2:
            return cbor2.dumps(good)[: pick.randrange(40)]
        odd = [None, -1, 10**40, 1e308, float("nan"), "x" * 900, b"", [[]], {1: {2: {}}}, True, 2**64]
        return cbor2.dumps({**good, pick.randrange(6): pick.choice(odd)})

    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            for _ in range(300):
                id = pick.choice(["fake-1", "fake-1", "", "x" * 70, "../d", "é", "a b"])
                answer = await send_report(fake.context, it.coap, id, payload())
                assert answer.code in (aiocoap.CHANGED, aiocoap.BAD_REQUEST, aiocoap.NOT_FOUND), seed
            await fake.report()
            await it.until(lambda device: device["link"] == "live")
            fake.set({0: 77})
            await it.until(lambda device: value_of(device, "temp") == 77)
            (await it.http.get("/api/house")).json()

    run(test())
