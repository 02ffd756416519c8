"""Reports to a hub on a bench, under a manual clock; tests/host has them with a real one. Unix port."""

import asyncio
import time

import chip
from rig import bound
from tos import App
from tos.hub import ASLEEP, NEXT_MS, STATE, Hub
from tos.link import Link
from toscore import cbor, coap

chip.args = {"parent": 0}
from tos.ports import unix  # noqa: E402  (it asks chip.args)

IO_QUEUE = asyncio.core.IOQueue
HUB = "hub port 5"
CHANGED, REFUSED, TOO_MANY = 68, 137, 157


class Config(dict):
    def watch(self, fn):
        self.told = fn

    def update(self, changes):
        super().update(changes)
        self.told(changes)


class Bench:
    """A device with link and reporter running, and a hub that answers each report with `code`, or not when None."""

    def __init__(self, clock, config):
        self.app, self.board = bound(App("lamp"))
        self.clock = self.app.clock = clock
        self.app.boot = 7
        self.board.plain = True
        self.app.config = Config(config)
        self.link = Link(self.app)
        self.reporter = Hub(self.app, self.link)
        self.udp = self.board.radio.endpoint
        self.udp.send = self._sent
        self.code = CHANGED
        self.options = ()
        self.heard = []  # (ms, peer, message) of each datagram

    def _sent(self, datagram, peer):
        message = coap.decode(datagram)
        self.heard.append((self.clock.ms(), peer, message))
        if self.code:
            self.udp.put(coap.encode(coap.ACK, self.code, message[2], message[3], self.options), peer)

    def times(self):
        return [ms for ms, _, _ in self.heard]

    def codes(self):
        return [entry[1:3] for entry in self.app.log.entries() if entry[1] in (207, 337, 338, 413)]


def lives(test, **config):
    """Run test(bench)."""

    async def main():
        bench = Bench(unix.Clock(0, None), config)
        bench.link_task = asyncio.create_task(bench.link.run(bench.app))
        task = asyncio.create_task(bench.reporter.run(bench.app))
        await bench.clock.advance(1)
        await test(bench)
        bench.link_task.cancel()
        task.cancel()

    unix.Clock(0, None)  # takes asyncio over before there is a loop
    try:
        asyncio.run(main())
    finally:
        asyncio.core.ticks = time.ticks_ms
        asyncio.core.IOQueue = IO_QUEUE
        asyncio.core.new_event_loop()


def test_it_reports_from_the_links_socket_at_boot_and_then_every_30_s():
    async def test(bench):
        await bench.clock.advance(60000)
        assert bench.times() == [0, 30000, 60000] and bench.codes() == [[207, 0]]
        _, peer, (kind, code, _, token, options, payload) = bench.heard[0]
        assert (peer, kind, code, len(token)) == (HUB, coap.CON, 2, 4)
        assert options == [(11, b"r"), (11, b"lamp-000102030405"), (12, b"\x3c")]
        assert cbor.loads(payload) == {0: 7}

    lives(test, hub="hub:5")


def test_a_clock_that_was_set_is_told():
    async def test(bench):
        bench.clock.set_wall(1000)
        await bench.clock.advance(30000)
        assert cbor.loads(bench.heard[-1][2][5]) == {0: 7, 1: 1030}

    lives(test, hub="hub:5")


def test_without_a_hub_in_config_nothing_is_sent():
    async def test(bench):
        await bench.clock.advance(200000)
        assert bench.heard == [] and bench.codes() == []

    lives(test)
    lives(test, hub="")


def test_a_hub_that_is_silent_is_asked_again_and_again_and_less_and_less():
    async def test(bench):
        bench.code = None
        bench.heard.clear()
        await bench.clock.advance(1200000)
        began = bench.times()[::5]  # CoAP itself sends each five times, in 62 to 93 s
        pauses = [after - before for before, after in zip(began, began[1:])]
        for pause, own in zip(pauses, (1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000)):
            assert 62000 + own <= pause <= 93001 + own, pauses
        assert len(pauses) >= 8 and bench.codes() == [[207, 0], [337, 0]]
        bench.code = CHANGED
        await bench.clock.advance(160000)
        bench.heard.clear()
        await bench.clock.advance(90000)
        assert len(bench.heard) == 3 and bench.codes()[-1] == [207, 0]

    lives(test, hub="hub:5")


def test_a_change_of_config_starts_it_at_once_and_leaves_a_silent_hub():
    async def test(bench):
        bench.app.config.update({"port": 5})
        await bench.clock.advance(10)
        assert bench.heard == []
        bench.code = None
        bench.app.config.update({"hub": "hub:5"})
        await bench.clock.advance(10)
        bench.code = CHANGED
        bench.app.config.update({"hub": "other:6"})
        await bench.clock.advance(10)
        assert [(ms, peer) for ms, peer, _ in bench.heard] == [(11, HUB), (21, "other port 6")]
        await bench.clock.advance(29995)
        assert [peer for _, peer, _ in bench.heard if peer != HUB] == ["other port 6"] * 2
        bench.app.config.update({"hub": ""})
        await bench.clock.advance(200000)
        assert [peer for _, peer, _ in bench.heard if peer != HUB] == ["other port 6"] * 2

    lives(test)


def test_a_refusal_is_an_answer_and_one_with_max_age_says_when_to_come_back():
    async def test(bench):
        bench.code = REFUSED
        await bench.clock.advance(30000)
        assert bench.times() == [0, 30000] and bench.codes() == [[207, 0], [338, 409]]
        bench.code = TOO_MANY
        for seconds, wait_ms in ((b"\x05", 5000), (b"", 1000), (b"\xff\xff\xff\xff", 600000)):
            bench.options = ((coap.MAX_AGE, seconds),)
            bench.app.config.update({"hub": "hub:5"})
            await bench.clock.advance(1)
            bench.heard.clear()
            began = bench.clock.ms()
            await bench.clock.advance(wait_ms)
            assert [ms - began + 1 for ms in bench.times()] == [wait_ms], seconds

    lives(test, hub="hub:5")


def test_an_address_that_cannot_be_one_is_logged_once_and_tried_on():
    for hub in ("", "5683", "hub", "hub:port", ":5683", "a:b:5"):

        async def test(bench, hub=hub):
            await bench.clock.advance(100000)
            assert bench.heard == [] and bench.codes() == ([[413, 0]] if hub else [])

        lives(test, hub=hub)


def test_a_sleeper_awaits_its_last_report_and_learns_whether_it_was_heard():
    async def test(bench):
        last = {STATE: {0: 5}, NEXT_MS: 60000, ASLEEP: True}
        heard = []

        async def report(advance_ms):
            async def sleeper():
                heard.append(await bench.reporter.report(last))

            task = asyncio.create_task(sleeper())
            await bench.clock.advance(advance_ms)
            task.cancel()

        await report(1)
        assert heard == [30000] and cbor.loads(bench.heard[-1][2][5]) == {0: 7, 2: {0: 5}, 3: 60000, 4: True}
        bench.code = None
        await report(100000)
        assert heard == [30000, None]

    lives(test, hub="hub:5")


def test_a_report_outlives_a_link_that_is_started_again():
    async def test(bench):
        bench.link_task.cancel()
        answers = []
        bench.link.ask(HUB, coap.POST, "r/x", b"\xa0", lambda *answer: answers.append(answer[0]))
        await bench.clock.advance(5000)
        assert bench.heard == [] and answers == []
        task = asyncio.create_task(bench.link.run(bench.app))
        await bench.clock.advance(1)
        task.cancel()
        assert answers == [CHANGED]

    lives(test)
