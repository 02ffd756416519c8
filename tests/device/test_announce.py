"""The service that announces a device, on a bench. Unix port."""

import asyncio
import sys

from rig import bound
from tos import App
from tos.announce import Announce
from toscore.mdns import GROUP

MDNS = "%s port 5353" % GROUP
NEIGHBOUR = "192.0.2.9 port 5353"


class Link:
    """What it asks of the real one."""

    port = 5683
    owned = False

    def is_owned(self):
        return self.owned


class Bench:
    def __init__(self, app=None):
        self.app, self.board = bound(app or App("lamp"))
        self.link = self.app.link = Link()
        self.group = self.board.radio.group
        self.service = Announce(self.app)

    def codes(self):
        return [tuple(entry[1:3]) for entry in self.app.log.entries() if entry[1] in (218, 376, 377)]

    def steps(self, ms):
        """Without its loop: -> what it sends in this time."""
        end = self.board.clock.now + ms
        before = len(self.group.sent)
        self.service._udp = self.group
        while self.board.clock.now < end:
            self.board.clock.now += min(self.service._step(), end - self.board.clock.now)
        return [sent for sent, _ in self.group.sent[before:]]


def test_it_announces_the_device_to_the_group():
    bench = Bench()
    sent = bench.steps(5000)
    assert len(sent) == 5 and {peer for _, peer in bench.group.sent} == {MDNS}
    for text in (b"id=lamp-000102030405", b"model=lamp", b"version=0.1.0", b"paired=0"):
        assert text in sent[-1]
    assert b"\xc0\x00\x02\x07" in sent[-1] and b"\x16\x33" in sent[-1]  # address and port


def test_a_first_owner_and_a_new_address_are_announced_soon():
    bench = Bench()
    bench.steps(5000)
    bench.link.owned = True
    sent = bench.steps(2001)
    assert sent and b"paired=1" in sent[0]
    bench.steps(5000)
    bench.board.radio.own_ip = "192.0.2.8"
    sent = bench.steps(5000)
    assert len(sent) == 5 and all([b"\xc0\x00\x02\x08" in packet for packet in sent])


def test_nothing_is_sent_before_the_link_has_a_port_and_without_an_address():
    bench = Bench()
    bench.link.port = None
    assert bench.steps(5000) == []
    bench.link.port = 40000
    bench.board.radio.own_ip = None
    assert bench.steps(5000) == []
    bench.board.radio.own_ip = "192.0.2.7"
    assert bench.steps(5000)[-1].count(b"\x9c\x40") == 1


def test_where_the_port_is_taken_the_device_lives_on_and_says_so_once():
    bench = Bench()
    bench.board.radio.error = 112
    asyncio.run(bench.service.run(bench.app))
    assert bench.codes() == [(218, 112)] and bench.group.sent == []
    bench.service.end()


def test_of_malformed_packets_the_first_is_logged():
    bench = Bench()
    bench.steps(5000)
    for _ in range(5):
        bench.service._receive(b"\x00" * 5, NEIGHBOUR, 5353)
    assert bench.codes() == [(376, 0)]


def test_a_name_that_is_taken_is_logged_with_the_number_of_the_next():
    bench = Bench()
    bench.steps(300)
    other = b"\x11lamp-000102030405\x05local\x00\x00\x01\x80\x01\x00\x00\x00\x78\x00\x04\x01\x01\x01\x01"
    bench.service._receive(b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00" + other, NEIGHBOUR, 5353)
    assert b"\x13lamp-000102030405-2" in bench.steps(5000)[-1]
    assert bench.codes() == [(377, 2)]


def test_its_end_is_a_goodbye_and_comes_once():
    bench = Bench()
    bench.steps(5000)
    before = len(bench.group.sent)
    bench.service.end()
    bench.service.end()
    assert len(bench.group.sent) == before + 1


def test_it_hears_answers_and_says_goodbye_when_it_is_cancelled():
    bench = Bench()
    bench.steps(5000)
    bench.group.sent.clear()
    ask = b"\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x11lamp-000102030405\x05local\x00\x00\x01\x00\x01"

    async def main():
        task = asyncio.create_task(bench.service.run(bench.app))
        bench.group.put(ask, NEIGHBOUR)
        bench.group.put(ask, "192.0.2.9 port 1024")
        for _ in range(50):
            await asyncio.sleep_ms(0)
        task.cancel()
        await asyncio.sleep_ms(0)

    asyncio.run(main())
    asyncio.new_event_loop()
    assert [peer for _, peer in bench.group.sent] == [MDNS, "192.0.2.9 port 1024", MDNS]


ASK = b"\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x13lamp-000102030405-2\x05local\x00\x00\x01\x00\x01"


def test_when_all_is_said_what_says_it_is_dropped_and_a_question_brings_it_back_as_it_was():
    bench = Bench()
    bench.steps(300)
    other = b"\x11lamp-000102030405\x05local\x00\x00\x01\x80\x01\x00\x00\x00\x78\x00\x04\x01\x01\x01\x01"
    bench.service._receive(b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00" + other, NEIGHBOUR, 5353)
    assert bench.steps(30_000) and "toscore.mdns" in sys.modules
    assert bench.steps(30_000) == [] and "toscore.mdns" not in sys.modules
    assert not bench.service._is_for_us(ASK.replace(b"lamp-", b"tree-")) and bench.service._is_for_us(ASK)
    bench.service._receive(ASK, "192.0.2.9 port 1024", 1024)
    [(answer, peer)] = bench.group.sent[-1:]
    assert b"\x13lamp-000102030405-2" in answer and b"\xc0\x00\x02\x07" in answer and "1024" in peer
    assert bench.steps(60_000) == [] and "toscore.mdns" not in sys.modules
    bench.link.owned = True
    sent = bench.steps(5000)
    assert len(sent) == 2 and b"paired=1" in sent[0]  # the name is still ours
    assert bench.steps(60_000) == []
    bench.service.end()
    assert b"\x13lamp-000102030405-2" in bench.group.sent[-1][0]


class Sleeper:
    sleeps = True


def test_a_device_that_sleeps_has_no_such_service():
    for service, announces in ((Sleeper(), False), (object(), True)):
        app = App("lamp")
        app.use(service)
        bound(app)
        services = app._boot()
        assert (app.announce is not None) == announces
        assert any([isinstance(one, Announce) for one in services]) == announces
