"""What is around a simulated device's process, without one: its supply, its deep sleep, its wire. CPython."""

import asyncio
import json
import signal

from tosplus.sim import chip, supply, wire
from tosplus.sim.process import BUTTON, POWER, RESET, SOFT_RESET, TIMER, WATCHDOG, Start

FALLING = {"sleep": 60_000, "wake": ["button"], "unspent_ms": 7, "rtc": "0102", "wall": 1_800_000_000}
WORLD = {"signals": {"button": False}, "failing": []}


class Console:
    entering_raw_repl = raw = False

    def open(self):
        return 0

    async def drained(self):
        pass

    async def tell_host(self, text):
        pass


class Chip:
    """Ends with these codes, one after the other; each start is kept. It falls asleep as FALLING says."""

    def __init__(self, codes):
        self.codes = list(codes)
        self.began = []
        self.starts = 0
        self.ordered = None
        self.falling = FALLING
        self.told = []
        self.wire = self

    def answer_all(self, answer):
        self.told.append(answer)

    async def run(self, why, console, meddle):
        self.began.append(why)
        self.starts += 1
        meddle()
        if not self.codes:
            await asyncio.Event().wait()
        code, self.ordered = self.codes.pop(0)
        return code

    def end(self, cause=None):
        pass

    async def ended(self):
        pass


def starts(tmp_path, monkeypatch, codes, meanwhile=None):
    """The starts of a device whose process ends so; meanwhile(supply, chip): awaited once it sleeps."""
    monkeypatch.setattr(supply, "_BACK_S", 0)
    (tmp_path / "world.json").write_text(json.dumps(WORLD))

    async def main():
        it = Chip(codes)
        power = supply.Supply(it, tmp_path / "world.json", 0, True, lambda what, details: None)
        running = asyncio.create_task(power.run(Console()))
        while len(it.began) <= len(codes):
            await asyncio.sleep(0)
            if power.asleep and meanwhile:
                await meanwhile(power, it)
        running.cancel()
        return it.began

    return asyncio.run(asyncio.wait_for(main(), 20))


def test_each_end_is_the_cause_of_the_next_start(tmp_path, monkeypatch):
    ends = [(-signal.SIGUSR2, None), (0, None), (-signal.SIGKILL, None), (-signal.SIGKILL, WATCHDOG), (1, None)]
    found = [start.cause for start in starts(tmp_path, monkeypatch, ends)]
    assert found == [POWER, RESET, SOFT_RESET, POWER, WATCHDOG, POWER]


def test_who_had_asked_hears_that_it_fell_asleep_and_waits_for_the_start_behind_its_sleep(tmp_path, monkeypatch):
    async def look(power, it):
        assert it.told == [{"unspent_ms": 7}] and power.seen == it.starts == 1
        power.asleep.control("advance", {"ms": 60_000})

    slept = starts(tmp_path, monkeypatch, [(-signal.SIGUSR1, None)], look)[1]
    assert slept == Start(TIMER, 60_000, b"\x01\x02", 1_800_000_060)


def test_a_button_ends_a_sleep_and_rtc_memory_is_kept(tmp_path, monkeypatch):
    async def press(power, it):
        power.asleep.control("advance", {"ms": 5000})
        power.asleep.control("set", {"signal": "button", "value": True})

    slept = starts(tmp_path, monkeypatch, [(-signal.SIGUSR1, None)], press)[1]
    assert slept == Start(BUTTON, 5000, b"\x01\x02", 1_800_000_005)


def test_a_power_cut_in_a_sleep_takes_rtc_memory_and_time(tmp_path, monkeypatch):
    async def cut(power, it):
        await power.kill()

    assert starts(tmp_path, monkeypatch, [(-signal.SIGUSR1, None)], cut)[1] == Start(POWER, 0, b"", None)


def test_unplugged_it_does_not_start_before_it_is_plugged_in(tmp_path, monkeypatch):
    async def pull(power, it):
        power.pull()
        await power.kill()
        for _ in range(9):
            await asyncio.sleep(0)
        assert not power.is_plugged and it.starts == 1
        power.plug()

    assert starts(tmp_path, monkeypatch, [(-signal.SIGUSR1, None)], pull)[1].cause == POWER


class Bench(asyncio.DatagramProtocol):
    """The device's end of a wire: it lets the first `lost` requests pass by."""

    def __init__(self, lost):
        self.lost = lost
        self.heard = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.heard.append(json.loads(data))
        if len(self.heard) > self.lost:
            self.transport.sendto(json.dumps({"id": self.heard[-1]["id"], "ok": True}).encode(), addr)


def test_a_request_is_sent_again_until_it_is_answered(monkeypatch):
    monkeypatch.setattr(wire, "_RESEND_S", 0.01)

    async def main():
        told = asyncio.Queue()
        ours = wire.Wire(lambda message, peer: told.put_nowait(message))
        there = (wire.HOST, await ours.open())
        loop = asyncio.get_running_loop()
        _, bench = await loop.create_datagram_endpoint(lambda: Bench(2), remote_addr=there)
        bench.transport.sendto(b'{"hello": "control"}')
        assert await told.get() == {"hello": "control"} and ours.peer
        assert await ours.ask("get", 20, {}) == {"id": 1, "ok": True}
        assert bench.heard[:3] == [{"id": 1, "op": "get"}] * 3
        ours.close()
        bench.transport.close()

    asyncio.run(main())


def test_it_is_ready_once_its_bench_and_its_link_are_heard(tmp_path, monkeypatch):
    it = None

    class Process:
        pid = 1

        async def wait(self):
            return await asyncio.Event().wait()

    async def start(tty, folder, arguments):
        hear("control")  # it may be heard before we know that its process has started
        return Process()

    def hear(hello):
        message = {"hello": hello, "recovery": False}
        it.wire.datagram_received(json.dumps(message).encode(), (wire.HOST, 9))

    monkeypatch.setattr(chip, "start", start)

    async def main():
        nonlocal it
        said = []
        it = chip.Chip(tmp_path, {"rate": 0}, 0, print, lambda: said.append("up"), lambda: said.append("down"))
        running = asyncio.create_task(it.run(Start(), Console(), lambda: said.append("runs")))
        while "runs" not in said:
            await asyncio.sleep(0)
        assert not it.ready.is_set()
        hear("link")
        assert it.ready.is_set() and it.link == (wire.HOST, 9) and said == ["runs", "up"]
        running.cancel()
        await asyncio.wait({running})
        assert not it.ready.is_set() and said == ["runs", "up", "down"]

    asyncio.run(main())
