"""Reports of simulated devices, to hubs that are not ours: aiocoap's server."""

import asyncio
import contextlib

import aiocoap
from aiocoap_hub import Hub
from tosplus.link.client import Client
from tosplus.sim.device import Device


def device(tmp_path, hub, **options):
    return Device("kettle", state_dir=tmp_path / "den" / "kettle", hub=hub.address, plain=True, **options)


async def codes(kettle):
    async with Client(*kettle.link) as client:
        return [entry.code for entry in (await client.log()).ring if entry.code in (207, 337, 338)]


def test_a_hub_that_just_started_asks_whether_a_report_is_fresh(tmp_path):
    async def main():
        async with Hub() as hub:
            hub.inbox.echo = b"new here"
            async with device(tmp_path, hub) as kettle:
                await kettle.ready()
                _, where, _ = await hub.next()
                assert where == kettle.link

    asyncio.run(main())


def test_a_slow_hub_acknowledges_a_report_and_answers_later(tmp_path):
    async def main():
        async with Hub() as hub:
            hub.inbox.delay_s = 0.3
            async with device(tmp_path, hub) as kettle:
                await kettle.ready()
                await hub.next()
                while not (heard := await codes(kettle)):
                    await asyncio.sleep(0.02)
                assert heard == [207] and hub.inbox.heard.empty()

    asyncio.run(main())


def test_a_hub_learns_who_lives_and_where_and_that_it_started_again(tmp_path):
    async def main():
        async with Hub() as hub, device(tmp_path, hub, rate=60, wall=1_800_000_000) as kettle:
            await kettle.ready()
            first, where, report = await hub.next()
            assert where == kettle.link and report.keys() == {0, 1}
            assert 1_800_000_000 <= report[1] < 1_800_000_300
            async with Client(*where) as client:
                identity, events = await client.identity(), await client.events()
            assert first == identity.id and report[0] == events.boot
            assert (await hub.next())[0] == first  # after 30 s, half a second of ours
            await kettle.kill()
            await kettle.restarted()
            while (await hub.next())[2][0] == report[0]:
                pass
            assert set(await codes(kettle)) == {207}

    asyncio.run(main())


def test_a_hub_that_comes_late_or_again_is_found(tmp_path):
    async def main():
        hub = Hub()
        async with device(tmp_path, hub, rate=60) as kettle:
            await kettle.ready()
            async with hub:
                await hub.next()
            await asyncio.sleep(1)
            async with hub:
                await hub.next()

    asyncio.run(main())


def test_a_hub_may_refuse_and_the_device_says_so_in_its_log(tmp_path):
    async def main():
        async with Hub() as hub, device(tmp_path, hub) as kettle:
            hub.inbox.code = aiocoap.CONFLICT
            await kettle.ready()
            await hub.next()
            while 338 not in await codes(kettle):
                await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_device_that_is_told_of_no_hub_forgets_the_one_it_had(tmp_path):
    async def main():
        async with Hub() as hub:
            async with device(tmp_path, hub, rate=60) as kettle:
                await kettle.ready()
                await hub.next()
            async with Device("kettle", state_dir=kettle.state_dir, hub="", rate=60, plain=True) as kettle:
                await kettle.ready()
                await asyncio.sleep(0.3)  # what was on its way, and the first report of this start
                while not hub.inbox.heard.empty():
                    await hub.next()
                with contextlib.suppress(asyncio.TimeoutError):
                    raise AssertionError(await hub.next(1))

    asyncio.run(main())


def test_two_houses_kettles_are_two_chips(tmp_path):
    async def identity(folder):
        async with Device("kettle", state_dir=tmp_path / folder / "kettle", plain=True) as kettle:
            await kettle.ready()
            async with Client(*kettle.link) as client:
                return (await client.identity()).id

    async def main():
        return [await identity(folder) for folder in ("den", "office", "den")]

    first, second, again = asyncio.run(main())
    assert first == again != second
