"""A watch that sleeps: a process that ends and starts again. Its clock moves only when told; the hub is aiocoap's."""

import asyncio

import pytest
from aiocoap_hub import Hub
from soon import asleep, ends
from tosplus.errors import HostError
from tosplus.link.client import Client
from tosplus.sim.asleep import Asleep
from tosplus.sim.device import Device

MINUTE_MS = 60_000
BOOT, STATE, NEXT_MS, ASLEEP = 0, 2, 3, 4  # keys of a report
TIMER, BUTTON, POWER = 4, 5, 0  # causes of a start


def lives(tmp_path, test, **about):
    """Run test(watch) with a watch of its own, which is awake."""

    async def main():
        async with Device("watch", state_dir=tmp_path / "watch", rate=0, plain=True, **about) as watch:
            await watch.ready()
            await test(watch)

    asyncio.run(main())


async def fall_asleep(watch):
    await watch.control("advance", ms=MINUTE_MS + 100)
    await asleep(watch)  # a report to its hub takes real time


async def press(watch, button):
    """Press a button of a watch that sleeps, until it is up."""
    await watch.control("set", signal=button, value=True)
    await watch.restarted()
    await watch.control("advance", ms=100)
    await watch.control("set", signal=button, value=False)


async def started(watch):
    """(cause of this start, values of its events)"""
    async with Client(*watch.link) as client:
        causes = [entry.a for entry in (await client.log()).ring if entry.code == 201]
        return causes[0], [event.value for event in (await client.events()).latest]


def test_it_sleeps_a_minute_after_its_last_use(tmp_path):
    async def test(watch):
        await watch.control("advance", ms=50_000)
        async with Client(*watch.link) as client:
            await client.set("text", "hello")
        await watch.control("advance", ms=59_000)
        assert not watch.is_asleep
        await watch.control("advance", ms=1_100)
        assert watch.is_asleep and watch.starts == 1

    lives(tmp_path, test)


def test_a_button_wakes_it_is_an_event_and_keeps_it_awake_for_a_minute(tmp_path):
    async def test(watch):
        await fall_asleep(watch)
        await watch.control("advance", ms=5 * MINUTE_MS)
        await press(watch, "button_b")
        assert await started(watch) == (BUTTON, ["b"])
        await watch.control("advance", ms=59_000)
        assert not watch.is_asleep
        await watch.control("advance", ms=1_100)
        assert watch.is_asleep and watch.starts == 2

    lives(tmp_path, test)


def test_what_is_no_button_does_not_wake_it(tmp_path):
    async def test(watch):
        await fall_asleep(watch)
        await watch.control("set", signal="door", value=True)
        assert (await watch.control("get"))["signals"]["door"] is True
        assert watch.is_asleep
        with pytest.raises(HostError, match="in deep sleep"):
            await watch.control("heap")

    lives(tmp_path, test)


def test_each_ten_minutes_it_wakes_reports_once_and_sleeps_again(tmp_path):
    async def main():
        async with Hub() as hub:

            async def test(watch):
                awake = (await hub.next())[2]
                assert awake.keys() == {BOOT}
                await fall_asleep(watch)
                while ASLEEP not in (last := (await hub.next())[2]):  # those of a device that is awake
                    pass
                assert last[NEXT_MS] == 10 * MINUTE_MS and last[BOOT] == awake[BOOT]
                boots = {awake[BOOT]}
                for starts in (2, 3):
                    await watch.control("advance", ms=10 * MINUTE_MS)
                    _, where, report = await hub.next()
                    assert where == watch.link and report[ASLEEP] is True
                    assert report[STATE][3] == 99 and report[STATE][1] is False  # battery, button
                    boots.add(report[BOOT])
                    await asleep(watch)
                    assert watch.starts == starts
                assert len(boots) == 3 and hub.inbox.heard.empty()
                await press(watch, "button_a")
                assert (await hub.next())[2].keys() == {BOOT}  # it is awake, and reports as anyone

            async with Device("watch", state_dir=tmp_path / "watch", rate=0, hub=hub.address, plain=True) as watch:
                await watch.ready()
                await test(watch)

    asyncio.run(main())


def test_without_an_answer_from_its_hub_it_sleeps_all_the_same(tmp_path):
    async def test(watch):
        await watch.control("advance", ms=MINUTE_MS + 3_200)
        assert watch.is_asleep

    lives(tmp_path, test, hub="127.0.0.1:9")


def test_it_may_be_unplugged_or_killed_in_its_sleep(tmp_path):
    async def test(watch):
        await fall_asleep(watch)
        await watch.kill()
        await watch.restarted()
        assert (await started(watch))[0] == POWER
        await fall_asleep(watch)
        await watch.unplug()
        watch.plug()
        await watch.restarted()
        assert (await started(watch))[0] == POWER

    lives(tmp_path, test)


def test_its_battery_lasts_longer_asleep(tmp_path):
    used_mv = {}
    for is_used in (True, False):

        async def test(watch, is_used=is_used):
            for minute in range(8):
                if is_used:
                    async with Client(*watch.link) as client:
                        await client.set("text", str(minute))
                await watch.control("advance", ms=MINUTE_MS - 1000)
            used_mv[is_used] = 4200 - (await watch.control("get"))["signals"]["battery_mv"]

        lives(tmp_path, test, fresh=True)
    assert used_mv[True] > 5 * used_mv[False] > 0


def test_whoever_waits_for_a_sleeper_may_leave_at_any_moment(tmp_path):
    async def begin():
        sleeper = Asleep(tmp_path, {"rtc": "", "sleep": MINUTE_MS, "wake": [], "wall": None}, rate=1)
        waiting = asyncio.create_task(sleeper.over())
        await asyncio.sleep(0.01)
        sleeper.end()
        return waiting

    asyncio.run(ends(begin, 10))
