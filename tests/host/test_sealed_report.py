"""Secured reports of simulated devices to aiocoap's OSCORE server: Echo, answers, the time, commands, loss."""

import asyncio
import socket

import aiocoap
import cbor2
import pytest
from aiocoap_hub import HUB, Hub
from lossy import HOST, Counting, Relay, relayed
from soon import soon
from tosplus.link.client import Client
from tosplus.link.secure import Credentials
from tosplus.sim.device import Device
from tosplus.sim.peer import put_in
from trust import credentials, pair_with

WALL = 1_900_000_000
BOOT, CLOCK, DONE = 0, 1, 5  # keys of a report
ANSWERS, SILENT, COMMANDED, CLOCK_SET, UNSEALED, BAD, REFUSED, NOT_A_PEER = 207, 337, 214, 215, 372, 373, 374, 375
TRAIL = """
from tos import App
app = App("trail")
app.value("trail", initial="", maximum=4000)

@app.write("step", initial=0)
def step(dev, n):
    app.set("trail", app.get("trail") + "%d " % n)
"""


def reporting(tmp_path, test, app="kettle", hub=None, **about):
    """Run test(device, hub, as_hub): it is told of the hub as pairing would; as_hub is a client with the hub's key."""

    async def main():
        heard = hub or Hub(HUB, tmp_path / "hub")
        async with Device(app, state_dir=tmp_path / "device", **about) as device:
            await device.ready()
            await put_in(device, "hub", HUB)
            (tmp_path / "sent").write_text("1000000")  # the server counts on its own, from 0
            key = Credentials(HUB, tmp_path / "sent")
            async with Client(*device.link, credentials=key) as as_hub, heard:
                await tell(device, heard.address)
                await test(device, heard, as_hub)

    asyncio.run(main())


async def tell(device, address):
    await device.control("config", changes={"hub": address, "hub_peer": "hub"})


async def codes(as_hub):
    return [entry.code for entry in (await as_hub.log()).ring]


async def until(as_hub, code):
    async def is_there():
        return code in await codes(as_hub)

    await soon(is_there)


async def said(folder, code):
    """The device, on its console."""
    while f" {code} " not in (folder / "console.log").read_text():
        await asyncio.sleep(0.02)


def test_a_report_is_sealed_and_its_answer_sets_the_clock(tmp_path):
    async def test(device, hub, as_hub):
        hub.inbox.answer = {0: WALL}
        _, where, report = await hub.next()
        assert where == device.link and report.keys() == {BOOT}
        await until(as_hub, CLOCK_SET)
        await tell(device, "")
        await tell(device, hub.address)
        report = (await hub.next())[2]
        assert WALL <= report[CLOCK] <= WALL + 5
        assert (await codes(as_hub)).count(CLOCK_SET) == 1  # it was less than 2 s off
        hub.inbox.answer = {0: WALL - 5000}  # back, by who may
        await tell(device, "")
        await tell(device, hub.address)
        await hub.next()
        while (await codes(as_hub)).count(CLOCK_SET) == 1:
            await asyncio.sleep(0.02)
        assert not {UNSEALED, BAD, SILENT} & set(await codes(as_hub))

    reporting(tmp_path, test)


def test_a_hub_that_has_paired_says_where_it_is_and_hears_of_the_device(tmp_path):
    async def main():
        async with Device("watch", state_dir=tmp_path / "device") as device:
            await device.ready()
            context = await pair_with(device, name="hub")
            hub = Hub(context, tmp_path / "hub")
            async with hub, Client(*device.link, credentials=credentials(context, tmp_path)) as as_hub:
                await as_hub.identity()
                hub.inbox.answer = {0: WALL}
                await as_hub.write("r", {0: ":" + hub.address.split(":")[1]})
                assert (await hub.next())[1:] == (device.link, {BOOT: (await as_hub.events()).boot})
                await until(as_hub, CLOCK_SET)
            async with hub:
                await device.kill()
                await device.restarted()
                await hub.next()

    asyncio.run(main())


def test_who_controls_sets_no_clock(tmp_path):
    async def main():
        async with Hub(HUB, tmp_path / "hub") as hub, Device("kettle", state_dir=tmp_path / "device") as device:
            await device.ready()
            hub.inbox.answer = {0: WALL, 1: [[1, 2, True]]}
            await put_in(device, "hub", HUB, "control")
            await tell(device, hub.address)
            await hub.next()
            await said(tmp_path / "device", ANSWERS)
            await asyncio.sleep(0.3)
            console = (tmp_path / "device" / "console.log").read_text()
            assert f" {CLOCK_SET} " not in console and f" {COMMANDED} " not in console

    asyncio.run(main())


def test_nothing_of_a_report_is_in_the_clear(tmp_path):
    async def main():
        heard = asyncio.Queue()

        class Socket(asyncio.DatagramProtocol):
            def datagram_received(self, data, addr):
                heard.put_nowait(data)

        listening, _ = await asyncio.get_running_loop().create_datagram_endpoint(Socket, local_addr=(HOST, 0))
        async with Device("kettle", state_dir=tmp_path / "device") as device:
            await device.ready()
            await put_in(device, "hub", HUB)
            await tell(device, "{}:{}".format(*listening.get_extra_info("sockname")))
            first = await asyncio.wait_for(heard.get(), 30)
            again = await asyncio.wait_for(heard.get(), 30)
        assert first == again  # a retransmission has the same number, so it must be the same bytes
        message = aiocoap.Message.decode(first)
        assert message.code == aiocoap.POST and message.mtype == aiocoap.CON
        assert [option.number for option in message.opt.option_list()] == [9]
        assert b"kettle" not in first and len(first) <= 40
        listening.close()

    asyncio.run(main())


def test_a_hub_that_lost_its_window_sees_an_echo_and_once(tmp_path, caplog):
    caplog.set_level("INFO", "coap-server")
    hub = Hub(HUB, tmp_path / "hub")

    async def test(device, hub, as_hub):
        await hub.next()
        await until(as_hub, ANSWERS)
        hub.forgets = True
        await hub.__aexit__()
        await hub.__aenter__()
        relay = Counting
        async with relayed(hub.address, relay) as address:
            await tell(device, address)
            await hub.next()
            while len(relay.last.passed) < 4:
                await asyncio.sleep(0.01)
            await tell(device, "")
            await tell(device, address)
            await hub.next()
            while len(relay.last.passed) < 6:
                await asyncio.sleep(0.01)
            # A 4.01 and an answer to the same report again; afterwards numbers alone tell.
            assert [to_hub for to_hub, _ in relay.last.passed] == [True, False, True, False, True, False]
        assert not {UNSEALED, SILENT} & set(await codes(as_hub))

    reporting(tmp_path, test, hub=hub)


def test_a_slow_hub_acknowledges_and_answers_later(tmp_path):
    async def test(device, hub, as_hub):
        hub.inbox.delay_s = 0.3
        hub.inbox.answer = {0: WALL}
        await hub.next()
        await until(as_hub, CLOCK_SET)
        assert hub.inbox.heard.empty() and ANSWERS in await codes(as_hub)

    reporting(tmp_path, test)


def test_what_is_late_sets_no_clock(tmp_path):
    async def test(device, hub, as_hub):
        hub.inbox.delay_s = 0.5  # 15 s of the device's
        hub.inbox.answer = {0: WALL}
        await hub.next()
        await until(as_hub, ANSWERS)
        assert CLOCK_SET not in await codes(as_hub)

    reporting(tmp_path, test, rate=30)


@pytest.mark.parametrize("answer", [(aiocoap.CHANGED, {0: WALL, 1: [[1, 1, True]]}), (aiocoap.UNAUTHORIZED, {})])
def test_an_answer_in_the_clear_counts_for_nothing(tmp_path, answer):
    code, body = answer

    async def test(device, hub, as_hub):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((HOST, 0))
            other.setblocking(False)
            await tell(device, "{}:{}".format(*other.getsockname()))
            loop = asyncio.get_running_loop()
            asked, where = await asyncio.wait_for(loop.sock_recvfrom(other, 1500), 60)
            asked = aiocoap.Message.decode(asked)
            reply = aiocoap.Message(code=code, payload=cbor2.dumps(body) if body else b"")
            reply.mtype, reply.mid, reply.token = aiocoap.ACK, asked.mid, asked.token
            reply.opt.content_format = 60
            await loop.sock_sendto(other, reply.encode(), where)
            await until(as_hub, SILENT)
        assert UNSEALED in await codes(as_hub) and CLOCK_SET not in await codes(as_hub)
        assert await as_hub.get("power") is False

    reporting(tmp_path, test)


def test_who_is_no_peer_any_more_gets_no_report(tmp_path):
    async def main():
        async with Hub(HUB, tmp_path / "hub") as hub, Device("kettle", state_dir=tmp_path / "device") as device:
            await device.ready()
            await tell(device, hub.address)
            await said(tmp_path / "device", NOT_A_PEER)
            assert hub.inbox.heard.empty()
            await put_in(device, "hub", HUB)
            await hub.next()  # the next try
            await device.control("unpair", name="hub")
            await asyncio.sleep(0.2)
            while not hub.inbox.heard.empty():
                await hub.next()
            await tell(device, "")
            await tell(device, hub.address)
            await asyncio.sleep(0.5)
            assert hub.inbox.heard.empty()

    asyncio.run(main())


class Queue:
    """Commands as a hub keeps them: sent until acknowledged, at most `most` at a time."""

    def __init__(self, hub, commands, most=3):
        self.waits = list(commands)
        self.most = most
        self.acknowledged = []
        hub.inbox.answer = self.answer
        self._hub = hub

    def answer(self):
        report = self._hub.inbox.heard._queue[-1][2]
        if DONE in report:
            self.acknowledged.append(report[DONE])
            self.waits = [command for command in self.waits if command[0] > report[DONE]]
        return {0: WALL, 1: self.waits[: self.most]} if self.waits else {0: WALL}


def test_commands_are_done_in_order_and_acknowledged_once_they_are(tmp_path):
    async def test(device, hub, as_hub):
        commands = [[7, 2, False], [8, 2, 5], [9, 99, True], [12, 2, None], [13, 1, 20], [14, 2, True]]
        queue = Queue(hub, commands[::-1], most=9)  # whatever their order there
        while queue.waits:
            await tell(device, "")
            await tell(device, hub.address)
            await hub.next()
        ring = (await as_hub.log()).ring
        said = {code: [(entry.a, entry.b) for entry in ring if entry.code == code] for code in (REFUSED, COMMANDED)}
        assert said == {REFUSED: [(8, 334), (9, 331), (12, 334), (13, 332)], COMMANDED: [(14, 6)]}
        assert await as_hub.get("power") is True
        assert queue.acknowledged[0] == 14

    reporting(tmp_path, test)


@pytest.mark.parametrize(
    "answer", [[], {1: 5}, {1: [5]}, {1: [[1, 1]]}, {1: [["1", 1, True]]}, {1: [[-1, 1, True]]}, {1: {1: 2}}]
)
def test_an_answer_that_is_none_does_nothing(tmp_path, answer):
    async def test(device, hub, as_hub):
        hub.inbox.answer = lambda: answer or [1]
        await hub.next()
        await until(as_hub, BAD)
        assert await as_hub.get("power") is False and COMMANDED not in await codes(as_hub)

    reporting(tmp_path, test)


@pytest.mark.parametrize(("loss", "commands"), [(0.01, 40), (0.1, 40), (0.5, 12)])
def test_a_network_that_loses_loses_and_repeats_no_command(tmp_path, loss, commands):
    app = tmp_path / "trail.py"
    app.write_text(TRAIL)

    class Lossy(Relay):
        """Loses, doubles, and lets one datagram overtake another."""

        def __init__(self, server):
            super().__init__(server, loss, 0.001, 5)

        def datagram_received(self, data, address):
            super().datagram_received(data, address)
            if self._random.random() < 0.3:
                self._delay_s, was = self._random.random() * 0.1, self._delay_s
                super().datagram_received(data, address)
                self._delay_s = was

    async def test(device, hub, as_hub):
        queue = Queue(hub, [[n, 1, n] for n in range(1, commands + 1)])
        async with relayed(hub.address, Lossy) as address:
            await tell(device, address)
            for _ in range(1200):
                if not queue.waits:
                    break
                await asyncio.sleep(0.03)
                if hub.inbox.heard.qsize() and queue.waits:
                    while hub.inbox.heard.qsize() > 1:
                        hub.inbox.heard.get_nowait()
        assert queue.waits == []
        trail = [int(n) for n in (await as_hub.get("trail")).split()]
        assert trail[-commands:] == list(range(1, commands + 1)) and set(trail[:-commands]) <= {0}
        assert queue.acknowledged == sorted(queue.acknowledged)

    reporting(tmp_path, test, str(app), rate=120)


def test_a_command_is_not_done_again_after_a_restart(tmp_path):
    app = tmp_path / "trail.py"
    app.write_text(TRAIL)

    async def test(device, hub, as_hub):
        hub.inbox.answer = {1: [[3, 1, 30], [4, 1, 40]]}
        assert DONE not in (await hub.next())[2]
        await until(as_hub, COMMANDED)
        assert (await as_hub.get("trail")).endswith("30 40 ")
        await device.kill()
        await device.restarted()
        assert (await hub.next())[2][DONE] == 4
        await until(as_hub, ANSWERS)
        assert "40" not in await as_hub.get("trail")

    reporting(tmp_path, test, str(app))


