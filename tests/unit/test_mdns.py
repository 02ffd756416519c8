"""The announcing of a device, RFC 6762 and RFC 6763. Packets are made by hand. Both interpreters."""

import struct
from binascii import unhexlify

from helpers import Random, raises
from toscore.errors import WireError
from toscore.mdns import PORT, Responder

A, PTR, TXT, SRV, AAAA, NSEC, ANY = 1, 12, 16, 33, 28, 47, 255
IN, FLUSH, QU = 1, 0x8000, 0x8000
ANSWER, CUT = 0x8400, 0x0200
PEER = "peer"
IP = b"\xc0\x00\x02\x07"
ID = "kettle-c0ffee"


def name(text):
    return b"".join([bytes((len(label),)) + label.encode() for label in text.split(".")]) + b"\x00"


SERVICE = name("_tos._udp.local")
SERVICES = name("_services._dns-sd._udp.local")
HOST = name("kettle-c0ffee.local")
INSTANCE = name("kettle-c0ffee._tos._udp.local")
SRV_DATA = b"\x00\x00\x00\x00\x16\x33" + HOST
TXT_DATA = b"\x10id=kettle-c0ffee\x08paired=0"


def record(owner, kind, where, ttl, data):
    return owner + struct.pack(">HHIH", kind, where, ttl, len(data)) + data


def question(owner, kind, where=IN):
    return owner + struct.pack(">HH", kind, where)


def packet(questions=(), answers=(), authorities=(), more=(), flags=0, mid=0):
    sections = (questions, answers, authorities, more)
    return struct.pack(">6H", mid, flags, *[len(s) for s in sections]) + b"".join([b"".join(s) for s in sections])


def taken(packet):
    """A response as we send them, nothing compressed -> (questions, answers, additional), of each (name, type)."""
    _, flags, asked, answers, none, more = struct.unpack(">6H", packet[:12])
    assert flags == ANSWER and none == 0
    at = 12
    found = []
    for i in range(asked + answers + more):
        end = packet.index(b"\x00", at) + 1
        kind = struct.unpack(">H", packet[end : end + 2])[0]
        found.append((packet[at:end], kind))
        at = end + 4
        if i >= asked:
            at += 6 + struct.unpack(">H", packet[end + 8 : end + 10])[0]
    assert at == len(packet)
    return found[:asked], found[asked : asked + answers], found[asked + answers :]


class Bench:
    """A responder and its time. said: [(ms, packet, peer)]"""

    def __init__(self, label=ID, seed=1, owned=True):
        self.now = 0
        self.said = []
        self.responder = Responder(label, 5683, Random(seed).bytes)
        self.say()
        if owned:
            self.passes(10000)
            self.said = []

    def say(self, ip=IP, paired=0):
        self.responder.say(self.now, ip, ("id=" + ID, "paired=%d" % paired))
        return self.passes(0)

    def passes(self, ms):
        """Run on; -> what was sent in this time."""
        before = len(self.said)
        end = self.now + ms
        while True:
            wait = self.responder.tick(self.now)
            self.collect()
            if wait is None or self.now + wait > end:
                break
            assert wait > 0 or self.responder.tick(self.now) != 0, "it would spin"
            self.now += wait
        self.now = end
        return self.said[before:]

    def collect(self):
        for sent, peer in self.responder.out:
            self.said.append((self.now, sent, peer))
        self.responder.out.clear()

    def hear(self, data, port=PORT, ms=200, peer=PEER):
        """A packet comes; -> what is sent until ms later."""
        before = len(self.said)
        self.responder.receive(self.now, peer, port, data)
        self.collect()
        self.passes(ms)
        return self.said[before:]

    def answered(self, data, **how):
        """Like hear, of one answer: -> (answers, additional, peer)."""
        ((_, sent, peer),) = self.hear(data, **how)
        _, answers, more = taken(sent)
        return answers, more, peer


# Section 8: probing and announcing

PROBE = unhexlify(
    "000000000002000000030000"
    "0d6b6574746c652d633066666565045f746f73045f756470056c6f63616c0000ff0001"  # ANY of the instance
    "0d6b6574746c652d633066666565056c6f63616c0000ff0001"  # and of the host
    "0d6b6574746c652d633066666565045f746f73045f756470056c6f63616c000021000100000078001b"
    "0000000016330d6b6574746c652d633066666565056c6f63616c00"  # SRV, port 5683
    "0d6b6574746c652d633066666565045f746f73045f756470056c6f63616c000010000100001194001a"
    "1069643d6b6574746c652d633066666565087061697265643d30"  # TXT
    "0d6b6574746c652d633066666565056c6f63616c000001000100000078" + "0004c0000207"  # A
)
ANNOUNCEMENT = unhexlify(
    "000084000000000400000000"
    "045f746f73045f756470056c6f63616c00000c000100001194001f"
    "0d6b6574746c652d633066666565045f746f73045f756470056c6f63616c00"  # PTR, shared: no cache-flush bit
    "0d6b6574746c652d633066666565045f746f73045f756470056c6f63616c000021800100000078001b"
    "0000000016330d6b6574746c652d633066666565056c6f63616c00"
    "0d6b6574746c652d633066666565045f746f73045f756470056c6f63616c000010800100001194001a"
    "1069643d6b6574746c652d633066666565087061697265643d30"
    "0d6b6574746c652d633066666565056c6f63616c0000018001000000780004c0000207"
)


def test_section_8_three_probes_250_ms_apart_then_two_announcements_a_second_apart():
    bench = Bench(owned=False)
    said = bench.passes(60000)
    first = said[0][0]
    assert 0 <= first <= 250
    assert [ms - first for ms, _, _ in said] == [0, 250, 500, 750, 1750]
    assert [sent for _, sent, _ in said] == 3 * [PROBE] + 2 * [ANNOUNCEMENT]
    assert {peer for _, _, peer in said} == {None}


def test_the_first_probe_comes_at_a_random_time():
    assert len({Bench(seed=seed, owned=False).passes(1000)[0][0] for seed in range(20)}) > 10


def test_nothing_is_said_without_an_address_and_all_begins_again_with_another():
    bench = Bench(owned=False)
    bench.say(ip=None)
    assert bench.passes(5000) == [] and bench.hear(packet([question(SERVICE, PTR)])) == []
    bench.say()
    assert len(bench.passes(5000)) == 5
    bench.say(ip=b"\xc0\x00\x02\x08")
    said = bench.passes(5000)
    assert len(said) == 5 and b"\xc0\x00\x02\x08" in said[0][1] and IP not in said[4][1]


def test_nothing_is_answered_before_the_name_is_ours():
    bench = Bench(owned=False)
    bench.passes(300)
    bench.hear(packet([question(SERVICE, PTR), question(HOST, A), question(HOST, A, IN | QU)]), ms=400)
    bench.hear(packet([question(HOST, A)]), port=40000, ms=0)
    assert {sent for _, sent, _ in bench.said} == {PROBE}


def test_section_8_4_a_new_txt_is_announced_twice_without_probes():
    bench = Bench()
    said = bench.say(paired=1) + bench.passes(5000)
    assert [ms - said[0][0] for ms, _, _ in said] == [0, 1000]
    assert all([sent == ANNOUNCEMENT.replace(b"paired=0", b"paired=1") for _, sent, _ in said])
    assert bench.say(paired=1) + bench.passes(5000) == []
    bench.say(paired=0)
    again = bench.say(paired=1) + bench.passes(5000)
    assert again[0][0] - bench.said[-1 - len(again)][0] >= 1000, "a record is multicast once a second at most"


def test_section_10_1_goodbye_is_an_announcement_with_a_ttl_of_zero():
    bench = Bench()
    bench.responder.goodbye()
    bench.collect()
    ((_, sent, peer),) = bench.said
    gone = ANNOUNCEMENT.replace(b"\x00\x00\x11\x94", bytes(4)).replace(b"\x00\x00\x00\x78", bytes(4))
    assert sent == gone and peer is None
    bench.responder.goodbye()
    assert bench.passes(5000) == [] and not bench.responder.out and bench.hear(packet([question(SERVICE, PTR)])) == []


def test_who_has_not_announced_says_no_goodbye():
    bench = Bench(owned=False)
    bench.passes(300)
    before = len(bench.said)
    bench.responder.goodbye()
    assert bench.passes(1000) == [] and len(bench.said) == before


# Section 6: answering


def test_a_pointer_brings_all_that_is_needed_after_20_to_120_ms():
    waits = set()
    for seed in range(1, 20):
        bench = Bench(seed=seed)
        ((ms, sent, peer),) = bench.hear(packet([question(SERVICE, PTR)]), ms=120)
        _, answers, more = taken(sent)
        assert answers == [(SERVICE, PTR)] and peer is None
        assert more == [(INSTANCE, SRV), (INSTANCE, TXT), (HOST, A)]
        waits.add(ms - 10000)
    assert min(waits) >= 20 and max(waits) < 120 and len(waits) > 10


def test_what_is_ours_alone_is_answered_at_once():
    for owner, kind, answers, more in (
        (INSTANCE, SRV, [(INSTANCE, SRV)], [(HOST, A)]),
        (INSTANCE, TXT, [(INSTANCE, TXT)], []),
        (HOST, A, [(HOST, A)], []),
        (HOST, ANY, [(HOST, A), (HOST, NSEC)], []),
        (INSTANCE, ANY, [(INSTANCE, SRV), (INSTANCE, TXT), (INSTANCE, NSEC)], [(HOST, A)]),
    ):
        bench = Bench()
        assert bench.answered(packet([question(owner, kind)]), ms=0) == (answers, more, None)


def test_rfc6763_section_9_the_kinds_of_services_can_be_listed():
    bench = Bench()
    ((_, sent, _),) = bench.hear(packet([question(SERVICES, PTR)]))
    assert sent == packet(answers=[record(SERVICES, PTR, IN, 4500, SERVICE)], flags=ANSWER)


def test_section_6_1_what_our_names_have_not_is_denied():
    bench = Bench()
    ((_, sent, _),) = bench.hear(packet([question(HOST, AAAA)]))
    none = record(HOST, NSEC, IN | FLUSH, 120, HOST + b"\x00\x01\x40")
    assert sent == packet(answers=[none], flags=ANSWER)
    ((_, sent, _),) = bench.hear(packet([question(INSTANCE, A)]))
    none = record(INSTANCE, NSEC, IN | FLUSH, 120, INSTANCE + b"\x00\x05\x00\x00\x80\x00\x40")
    assert sent == packet(answers=[none], flags=ANSWER)


def test_what_is_not_ours_is_not_answered():
    bench = Bench()
    for owner in (name("_http._tcp.local"), name("kettle-c0ffe.local"), name("x._tos._udp.local"), name("local")):
        for kind in (A, PTR, SRV, ANY):
            assert bench.hear(packet([question(owner, kind)])) == []
    assert bench.hear(packet([question(SERVICE, A)])) == [], "a shared name is not ours to deny for"
    assert bench.hear(packet([question(HOST, A, 3)])) == [], "class CHAOS"
    assert bench.hear(packet([question(HOST, A, ANY)])) != []


def test_section_16_names_are_compared_without_case():
    assert Bench().hear(packet([question(name("_TOS._Udp.LOCAL"), PTR)]))
    assert Bench().hear(packet([question(name("KETTLE-C0FFEE.local"), A)]))
    assert Bench(label="Kettle-C0FFEE").hear(packet([question(HOST, A)]))


def test_compressed_questions_are_read():
    both = question(SERVICE, PTR) + b"\x0dkettle-c0ffee\xc0\x0c" + struct.pack(">HH", SRV, IN)
    data = struct.pack(">6H", 0, 0, 2, 0, 0, 0) + both
    assert Bench().answered(data)[0] == [(SERVICE, PTR), (INSTANCE, SRV)]


def test_section_18_3_other_opcodes_and_errors_are_ignored():
    for flags in (0x0800, 0x7800, 0x0003):
        assert Bench().hear(packet([question(SERVICE, PTR)], flags=flags)) == []


def test_section_6_a_record_is_multicast_once_a_second_and_who_asks_meanwhile_waits():
    bench = Bench()
    ((first, _, _),) = bench.hear(packet([question(HOST, A)]), ms=0)
    said = []
    for _ in range(5000):
        said += bench.hear(packet([question(HOST, A), question(SERVICE, PTR)]), ms=1)
    times = [ms for ms, sent, _ in said if (HOST, A) in taken(sent)[1] + taken(sent)[2]]
    assert 4 <= len(times) <= 5
    assert all([b - a >= 1000 for a, b in zip([first] + times, times)])
    times = [ms for ms, sent, _ in said if (SERVICE, PTR) in taken(sent)[1]]
    assert 4 <= len(times) <= 5
    assert all([b - a >= 1000 for a, b in zip(times, times[1:])])


def test_section_6_a_name_in_danger_is_defended_after_250_ms():
    bench = Bench()
    bench.hear(packet([question(HOST, A)]), ms=249)
    rival = record(HOST, A, IN, 120, b"\xc0\x00\x02\xff")
    assert bench.answered(packet([question(HOST, ANY)], authorities=[rival]), ms=0)[0] == [(HOST, NSEC)]
    bench.passes(1000)
    bench.hear(packet([question(HOST, A)]), ms=250)
    assert len(bench.hear(packet([question(HOST, ANY)], authorities=[rival]), ms=0)) == 1
    said = []
    for _ in range(2000):
        said += bench.hear(packet([question(SERVICE, PTR), question(HOST, ANY)], authorities=[rival]), ms=1)
    assert sum([(HOST, A) in taken(sent)[1] for _, sent, _ in said]) <= 8
    assert sum([(SERVICE, PTR) in taken(sent)[1] for _, sent, _ in said]) <= 2


def known(ttl, data=INSTANCE):
    return record(SERVICE, PTR, IN, ttl, data)


def test_section_7_1_what_the_asker_knows_is_not_said_again():
    ask = [question(SERVICE, PTR)]
    assert Bench().hear(packet(ask, [known(2250)])) == []
    assert Bench().answered(packet(ask, [known(2249)]))[0] == [(SERVICE, PTR)]
    assert Bench().answered(packet(ask, [known(4500, name("other._tos._udp.local"))]))[0] == [(SERVICE, PTR)]
    assert Bench().hear(packet(ask, [known(4500, b"\x0dKettle-C0FFEE\xc0\x0c")])) == []  # compressed, in other case
    srv = record(INSTANCE, SRV, IN | FLUSH, 120, SRV_DATA)
    assert Bench().hear(packet([question(INSTANCE, SRV)], [srv])) == []
    srv = record(INSTANCE, SRV, IN | FLUSH, 120, SRV_DATA.replace(b"\x16\x33", b"\x16\x34"))
    assert Bench().answered(packet([question(INSTANCE, SRV)], [srv]))[0] == [(INSTANCE, SRV)]


def test_section_7_2_of_a_cut_query_the_rest_is_waited_for():
    ask = packet([question(SERVICE, PTR)], flags=CUT)
    bench = Bench()
    assert bench.hear(ask, ms=399) == [] and len(bench.passes(101)) == 1
    bench = Bench()
    bench.hear(ask, ms=300)
    assert bench.hear(packet(answers=[known(4500)]), ms=1000) == []


def test_section_7_4_what_another_has_just_said_is_not_said_again():
    kinds = record(SERVICES, PTR, IN, 4500, SERVICE)
    bench = Bench()
    bench.hear(packet([question(SERVICES, PTR)]), ms=0)
    assert bench.hear(packet(answers=[kinds], flags=ANSWER), ms=1000) == []
    bench.hear(packet([question(SERVICES, PTR)]), ms=0)
    assert len(bench.hear(packet(answers=[kinds], flags=ANSWER), port=1024, ms=1000)) == 1  # from a wrong port


def test_section_6_6_what_another_lets_expire_is_said_again():
    bench = Bench()
    assert bench.answered(packet(answers=[known(0)], flags=ANSWER))[0] == [(SERVICE, PTR)]
    assert bench.hear(packet(answers=[known(2250)], flags=ANSWER)) == []


# Section 5.4 and 6.7: answers to one


def test_section_5_4_who_wants_a_unicast_gets_one_unless_all_should_hear_it():
    bench = Bench()
    ask = packet([question(HOST, A, IN | QU)])
    assert bench.answered(ask, ms=0) == ([(HOST, A)], [], PEER)
    bench.passes(30000)  # a quarter of its TTL
    assert bench.answered(ask, ms=0) == ([(HOST, A)], [], None)
    assert bench.answered(ask, ms=0) == ([(HOST, A)], [], PEER)


def test_section_6_7_a_simple_resolver_is_answered_as_by_a_plain_dns_server():
    bench = Bench()
    ask = packet([question(HOST, A)], mid=0x1234)
    ((_, sent, peer),) = bench.hear(ask, port=40000, ms=0)
    address = record(HOST, A, IN, 10, IP)  # no cache-flush bit, TTL 10
    assert (peer, sent) == (PEER, packet([question(HOST, A)], [address], flags=ANSWER, mid=0x1234))
    assert bench.hear(packet([question(name("other.local"), A)]), port=40000) == []


def test_answers_to_one_are_bounded_whoever_asks():
    bench = Bench()
    said = []
    for n in range(3000):
        said += bench.hear(packet([question(HOST, A)]), port=40000, ms=1, peer=n)
    assert 20 <= len(said) <= 32
    assert {peer for _, _, peer in said} - {None}


# Section 8.2 and 9: conflicts


def theirs():
    """Another port than ours, and a greater one."""
    return record(INSTANCE, SRV, IN | FLUSH, 120, b"\x00\x00\x00\x00\x16\x34" + HOST)


def test_section_8_1_a_name_that_another_has_is_left_to_it():
    bench = Bench(owned=False)
    bench.passes(300)
    bench.hear(packet(answers=[theirs()], flags=ANSWER), ms=0)
    assert bench.responder.n == 2
    said = bench.passes(5000)
    assert len(said) == 5 and all([b"\x0fkettle-c0ffee-2" in sent and INSTANCE not in sent for _, sent, _ in said])
    assert b"id=kettle-c0ffee\x08" in said[0][1], "the id stays"
    again = record(name("kettle-c0ffee-2.local"), A, IN | FLUSH, 120, b"\xc0\x00\x02\xff")
    bench.say(ip=b"\xc0\x00\x02\x09")
    bench.passes(300)
    bench.hear(packet(answers=[again], flags=ANSWER), ms=0)
    assert bench.responder.n == 3


def test_section_9_who_loses_a_name_that_it_had_probes_again_and_then_takes_another():
    bench = Bench()
    assert bench.hear(packet(answers=[theirs()], flags=ANSWER), ms=300)[0][1] == PROBE
    assert bench.responder.n == 1
    bench.hear(packet(answers=[theirs()], flags=ANSWER), ms=0)
    assert bench.responder.n == 2
    bench = Bench()
    bench.hear(packet(answers=[theirs()], flags=ANSWER), ms=0)
    assert len(bench.passes(5000)) == 5 and bench.responder.n == 1, "the other gave way"


def test_a_goodbye_or_a_response_from_another_port_is_no_conflict():
    for data, port in (
        (packet(answers=[theirs()], flags=ANSWER), 5354),
        (packet(answers=[record(HOST, A, IN, 0, b"\xc0\x00\x02\xff")], flags=ANSWER), PORT),
        (packet(answers=[record(SERVICE, PTR, IN, 4500, name("x._tos._udp.local"))], flags=ANSWER), PORT),
    ):
        bench = Bench()
        assert bench.hear(data, port=port, ms=3000) == [] and bench.responder.n == 1


def test_section_8_1_after_fifteen_conflicts_it_tries_every_5_seconds_only():
    bench = Bench(owned=False)
    said = []
    for _ in range(100000):
        n = bench.responder.n
        host = name("kettle-c0ffee%s.local" % ("-%d" % n if n > 1 else ""))
        before = len(bench.said)
        bench.hear(packet(answers=[record(host, A, IN, 120, b"\x01\x01\x01\x01")], flags=ANSWER), ms=1)
        said += bench.said[before:]
    assert len(said) <= 15 + 100 // 5
    assert bench.responder.n <= 999


def test_section_8_2_of_two_that_ask_at_once_the_lexicographically_later_goes_on():
    for address, gives_way in ((b"\xc0\x00\x02\xff", True), (IP, False), (b"\xc0\x00\x02\x01", False)):
        bench = Bench(owned=False)
        began = bench.passes(260)[-1][0]
        rival = record(HOST, A, IN, 120, address)
        said = bench.hear(packet([question(HOST, ANY)], authorities=[rival]), ms=5000)
        assert bench.responder.n == 1
        if gives_way:
            assert 1000 <= said[0][0] - 260 <= 1250 and len(said) == 5
        else:
            assert said[0][0] <= began + 250


def test_section_8_2_1_all_records_of_a_name_are_compared_in_order():
    srv = record(INSTANCE, SRV, IN, 120, SRV_DATA)
    txt = record(INSTANCE, TXT, IN, 4500, TXT_DATA)
    ask = [question(INSTANCE, ANY)]
    for rivals, gives_way in (
        ([srv, txt], False),  # the same, in another order
        ([srv], True),  # type SRV after our TXT
        ([txt], False),  # ours has one more
        ([txt, theirs()], True),
        ([record(INSTANCE, PTR, IN, 120, HOST), srv], False),
    ):
        bench = Bench(owned=False)
        bench.passes(260)
        said = bench.hear(packet(ask, authorities=rivals), ms=5000)
        assert (said[0][0] - 260 >= 1000) == gives_way


def test_two_devices_of_one_name_part():
    benches = [Bench(seed=seed, owned=False) for seed in (3, 4)]
    benches[1].responder = Responder(ID, 5684, Random(4).bytes)
    benches[1].say()
    for _ in range(8000):
        for one, other in (benches, benches[::-1]):
            for _, sent, peer in one.passes(1):
                assert peer is None
                other.responder.receive(other.now, PEER, PORT, sent)
                one.responder.receive(one.now, PEER, PORT, sent)
    assert sorted([bench.responder.n for bench in benches]) == [1, 2]
    assert sum([len(bench.said) for bench in benches]) < 20


def test_its_own_packets_come_back_and_are_ignored():
    bench = Bench(owned=False)
    probes = bench.passes(1000)
    assert bench.hear(probes[0][1], ms=5000) == bench.said[len(probes) :]
    assert len(bench.said) == 5, "a probe of its own that came late was answered"
    for _, sent, _ in list(bench.said[-2:]):
        assert bench.hear(sent, ms=3000) == []
    bench.say(paired=1)
    assert bench.hear(bench.said[4][1], ms=3000) == bench.said[6:], "what it said before is no conflict"
    assert bench.responder.n == 1 and len(bench.said) == 7


def test_two_responders_in_a_storm_of_queries_send_a_bounded_number_of_packets():
    benches = [Bench(label, seed=n) for n, label in enumerate(("kettle-1", "kettle-2"))]
    ask = packet([question(SERVICE, PTR), question(SERVICES, PTR)])
    for _ in range(10000):  # 10 s, each hears both
        for one, other in (benches, benches[::-1]):
            for _, sent, _ in one.hear(ask, ms=1):
                other.responder.receive(other.now, PEER, PORT, sent)
                one.responder.receive(one.now, PEER, PORT, sent)
    for bench in benches:
        assert 9 <= len(bench.said) <= 20 and {peer for _, _, peer in bench.said} == {None}


# What is malformed


def refused(data):
    return raises(WireError, Bench().responder.receive, 10000, PEER, PORT, data)


def test_every_truncation_is_refused_and_changes_nothing():
    whole = packet([question(SERVICE, PTR)], [known(1), theirs()], [theirs()], [record(HOST, A, IN, 1, IP)])
    for end in range(len(whole)):
        if b"_tos" in whole[:end] or end < 12:
            assert refused(whole[:end]).code == 376
    bench = Bench()
    for flags in (0, ANSWER):
        damaged = packet([question(SERVICE, PTR)], [theirs()], [], [record(HOST, A, IN, 1, IP)], flags)
        raises(WireError, bench.responder.receive, 10000, PEER, PORT, damaged[:-1])
    assert bench.passes(5000) == []


def pointed(labels):
    """A query whose question has this name, which begins at 12."""
    return struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + struct.pack(">HH", PTR, IN) + SERVICE


def test_names_that_point_at_themselves_at_each_other_or_nowhere_are_refused():
    for labels in (b"\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\x01a\xc0\x0c", b"\xff\xff", b"\x40", b"\x80\x00"):
        assert refused(pointed(labels)).code == 376


def test_a_chain_of_pointers_is_followed_for_8_jumps():
    for jumps in (1, 8, 9, 100):
        # From the question to the first of the pointers behind it, from each to the next, and to the name at last.
        hops = b"".join([struct.pack(">H", 0xC000 | 18 + 2 * n) for n in range(jumps)])
        ask = hops[:2] + struct.pack(">HH", PTR, IN)
        data = struct.pack(">6H", 0, 0, 1, 0, 0, 0) + ask + hops[2:] + SERVICE
        if jumps > 8:
            assert refused(data).code == 376
        else:
            assert Bench().hear(data)


def test_names_have_255_bytes_at_most():
    long = name(".".join(63 * ["aaa"]))
    assert len(long) == 253
    ask = [question(long, A), question(SERVICE, PTR)]
    assert Bench().hear(packet(ask))
    assert refused(packet([question(b"\x03aaa" + long, A), question(SERVICE, PTR)])).code == 376


def test_a_packet_has_128_items_at_most():
    ask = [question(SERVICE, PTR)]
    assert Bench().hear(packet(128 * ask))
    assert refused(packet(129 * ask)).code == 376
    assert refused(struct.pack(">6H", 0, 0, 65535, 65535, 65535, 65535) + SERVICE).code == 376


def test_data_longer_than_the_packet_or_than_its_name_is_refused():
    for data in (
        record(SERVICE, PTR, IN, 1, SERVICE + b"x"),
        record(SERVICE, PTR, IN, 1, SERVICE[:-1]),
        record(SERVICE, SRV, IN, 1, b"\x00"),
        record(SERVICE, A, IN, 1, b"")[:-2] + b"\x00\x01",
    ):
        assert refused(packet(answers=[data], flags=ANSWER)).code == 376


def test_a_long_name_keeps_its_end_and_a_long_item_of_txt_its_beginning():
    bench = Bench(label="x" * 100 + "-c0ffee", owned=False)
    sent = bench.passes(1000)[0][1]
    assert sent[12] == 59 and sent[13:72].endswith(b"x-c0ffee")
    bench.responder.n = 999
    bench.say(ip=b"\x01\x01\x01\x01")
    assert bench.passes(1000)[0][1][12] == 63
    bench.responder.say(bench.now, IP, ("model=" + 300 * "y",))
    assert b"\xffmodel=" + 249 * b"y" in bench.passes(2000)[-1][1]
