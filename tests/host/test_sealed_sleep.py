"""A watch that sleeps and reports secured: one datagram each way, nothing written, nothing repeated."""

import asyncio
import hashlib

import aiocoap
from aiocoap_hub import HUB, Hub
from lossy import Counting, relayed
from soon import asleep
from tosplus.link.client import Client
from tosplus.link.secure import Credentials
from tosplus.sim.device import Device
from tosplus.sim.peer import put_in

WALL = 1_900_000_000
EVERY_MS = 600_000
WALL_KEY, STATE, ASLEEP, DONE = 1, 2, 4, 5  # keys of a report
CARRIED_BAD = "416"


def sleeping(tmp_path, test, relay=Counting):
    """Run test(watch, hub, relay) with a watch that has reported to a hub behind a relay, and sleeps."""

    async def main():
        async with (
            Hub(HUB, tmp_path / "hub") as hub,
            relayed(hub.address, relay) as address,
            Device("watch", state_dir=tmp_path / "watch", rate=0) as watch,
        ):
            await watch.ready()
            (tmp_path / "sent").write_text("1000000")
            await put_in(watch, "hub", HUB)
            await watch.control("config", changes={"hub": address, "hub_peer": "hub"})
            await watch.control("advance", ms=60_100)
            await asleep(watch)
            await test(watch, hub, relay.last)

    asyncio.run(main())


async def wake(watch):
    """By its timer, and until it sleeps again."""
    await watch.control("advance", ms=EVERY_MS)
    await watch.control("advance", ms=100)
    await asleep(watch)


def numbers(relay):
    """Sequence numbers of what the device asked, in their order; a retransmission is the same bytes."""
    asked = dict.fromkeys(data for to_hub, data in relay.passed if to_hub and data[1] == aiocoap.POST)
    options = [aiocoap.Message.decode(data).opt.oscore for data in asked]
    return [int.from_bytes(option[1 : 1 + (option[0] & 7)], "big") for option in options]


def image(tmp_path):
    return hashlib.sha256((tmp_path / "watch" / "flash.bin").read_bytes()).hexdigest()


def drain(hub):
    return [hub.inbox.heard.get_nowait()[2] for _ in range(hub.inbox.heard.qsize())]


def test_twenty_wakes_are_twenty_datagrams_each_way_and_write_nothing(tmp_path):
    async def test(watch, hub, relay):
        hub.inbox.answer = {0: WALL}
        await wake(watch)  # the time comes
        drain(hub)
        relay.passed.clear()
        before = image(tmp_path)
        for n in range(20):
            await wake(watch)
            assert [to_hub for to_hub, _ in relay.passed] == [True, False] * (n + 1)
        reports = drain(hub)
        assert len(reports) == 20 and all(report[ASLEEP] and report[STATE][3] > 90 for report in reports)
        assert image(tmp_path) == before
        used = numbers(relay)
        assert used == list(range(used[0], used[0] + 20))
        assert watch.starts >= 22

    sleeping(tmp_path, test)


def test_the_clock_that_was_set_runs_on_in_its_sleep(tmp_path):
    async def test(watch, hub, relay):
        hub.inbox.answer = {0: WALL}
        await wake(watch)
        hub.inbox.answer = {}
        drain(hub)
        await wake(watch)
        (report,) = drain(hub)
        assert WALL + 600 <= report[WALL_KEY] <= WALL + 603

    sleeping(tmp_path, test)


def test_the_hub_asks_a_watch_that_woke_without_an_echo_and_no_recording_is_taken(tmp_path, caplog):
    caplog.set_level("INFO", "coap")

    def echoes():
        return len([record for record in caplog.records if "Echo as part of OSCORE B.1.2" in record.getMessage()])

    async def test(watch, hub, relay):
        async def press():
            await watch.control("set", signal="button_a", value=True)
            await watch.restarted()
            await watch.control("advance", ms=100)
            await watch.control("set", signal="button_a", value=False)

        kept = Credentials(HUB, tmp_path / "sent")
        for lives in range(3):
            await press()
            async with relayed("{}:{}".format(*watch.link), Counting) as address:
                tap = Counting.last
                host, port = address.split(":")
                async with Client(host, int(port), credentials=kept) as as_hub:
                    await as_hub.set("text", f"life {lives}")
                    assert await as_hub.get("text") == f"life {lives}"
                assert echoes() == 1  # of the first time that it spoke to this device
                for to_device, data in list(tap.passed):
                    if to_device:
                        recorded = data
            await watch.control("advance", ms=61_000)
            await asleep(watch)
            await press()
            answer = await said(watch.link, recorded)
            assert answer.endswith(b"353 Replay detected")
            await watch.control("advance", ms=61_000)
            await asleep(watch)

    sleeping(tmp_path, test)


async def said(link, datagram):
    """What comes back from another socket than ours."""
    got = asyncio.get_running_loop().create_future()

    class Stranger(asyncio.DatagramProtocol):
        def datagram_received(self, data, address):
            if not got.done():
                got.set_result(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Stranger, remote_addr=link)
    try:
        transport.sendto(datagram)
        return await asyncio.wait_for(got, 60)
    finally:
        transport.close()


def test_without_its_rtc_memory_it_goes_on_above_its_reserve(tmp_path):
    async def test(watch, hub, relay):
        await wake(watch)
        before = numbers(relay)
        await watch.kill()  # the power fails in its sleep
        await watch.restarted()
        await watch.control("advance", ms=60_100)
        await asleep(watch)
        await wake(watch)
        after = numbers(relay)[len(before) :]
        assert min(after) >= 128 > max(before) and len(set(before + after)) == len(before + after)
        assert after[0] % 128 == 0

    sleeping(tmp_path, test)


def test_a_bit_that_flips_in_rtc_memory_is_noticed(tmp_path):
    async def test(watch, hub, relay):
        for byte, bit in ((0, 0), (2, 7), (5, 1), (7, 3), (8, 0), (10, 5), (-1, 0)):
            flipped = bytearray(watch.rtc)
            flipped[byte] ^= 1 << bit
            watch.rtc = bytes(flipped)
            await wake(watch)
        for cut in (1, 4, 5, 6):
            watch.rtc = watch.rtc[:cut]
            await wake(watch)
        used = numbers(relay)
        assert len(set(used)) == len(used) and used[-1] >= 11 * 128
        console = (tmp_path / "watch" / "console.log").read_text()
        assert len([line for line in console.splitlines() if line.split()[2:3] == [CARRIED_BAD]]) == 11

    sleeping(tmp_path, test)


def test_a_command_reaches_a_sleeper_once_however_often_the_answer_is_lost(tmp_path):
    class Deaf(Counting):
        """Loses what comes back, as long as `deaf`."""

        deaf = False

        def datagram_received(self, data, address):
            if Deaf.deaf and address == self._server:
                return
            super().datagram_received(data, address)

    async def test(watch, hub, relay):
        hub.inbox.answer = lambda: {1: [[41, 99, 1]]} if DONE not in hub.inbox.heard._queue[-1][2] else {}
        drain(hub)
        Deaf.deaf = True
        await watch.control("advance", ms=EVERY_MS)
        await watch.control("advance", ms=3_200)  # it does not wait for longer
        await asleep(watch)
        assert all(DONE not in report for report in drain(hub))
        Deaf.deaf = False
        for acknowledged in (None, 41, 41):
            await wake(watch)
            assert drain(hub)[-1].get(DONE) == acknowledged
        await watch.kill()
        await watch.restarted()
        await watch.control("advance", ms=60_100)
        await asleep(watch)
        assert {report.get(DONE) for report in drain(hub)} == {41}

    sleeping(tmp_path, test, Deaf)
