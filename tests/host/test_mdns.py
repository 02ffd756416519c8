"""Multicast DNS of the device beside python-zeroconf's own packets, both ways. CPython."""

import socket

import pytest
from test_mdns import Bench
from zeroconf import DNSAddress, DNSIncoming, DNSOutgoing, DNSPointer, DNSQuestion, DNSService, DNSText, const

ID = "kettle-c0ffee"
TYPE = "_tos._udp.local."
INSTANCE = f"{ID}.{TYPE}"
HOST = f"{ID}.local."
IN, OWN = const._CLASS_IN, const._CLASS_IN | const._CLASS_UNIQUE
TXT = b"\x10id=kettle-c0ffee\x08paired=0"

POINTER = DNSPointer(TYPE, const._TYPE_PTR, IN, 4500, INSTANCE)
SERVICE = DNSService(INSTANCE, const._TYPE_SRV, OWN, 120, 0, 0, 5683, HOST)
TEXT = DNSText(INSTANCE, const._TYPE_TXT, OWN, 4500, TXT)
ADDRESS = DNSAddress(HOST, const._TYPE_A, OWN, 120, socket.inet_aton("192.0.2.7"))


def read(packet):
    incoming = DNSIncoming(packet)
    assert incoming.valid
    return incoming


def asks(*questions, known=()):
    """A query as zeroconf writes it, with names compressed."""
    out = DNSOutgoing(const._FLAGS_QR_QUERY)
    for name, kind in questions:
        out.add_question(DNSQuestion(name, kind, IN))
    for record in known:
        out.add_answer_at_time(record, 0)
    [packet] = out.packets()
    return packet


def says(*records):
    out = DNSOutgoing(const._FLAGS_QR_RESPONSE | const._FLAGS_AA)
    for record in records:
        out.add_answer_at_time(record, 0)
    [packet] = out.packets()
    return packet


def answers(bench, packet):
    return [read(sent).answers() for _, sent, _ in bench.hear(packet)]


def test_zeroconf_reads_probe_announcement_and_goodbye():
    bench = Bench(owned=False)
    said = [read(sent) for _, sent, _ in bench.passes(5000)]
    probe = said[0]
    assert probe.is_query() and probe.num_authorities == 3
    assert [(q.name, q.type, q.unicast) for q in probe.questions] == [(INSTANCE, 255, False), (HOST, 255, False)]
    assert set(said[3].answers()) == {POINTER, SERVICE, TEXT, ADDRESS}
    assert [(record.ttl, record.unique) for record in said[3].answers()] == [
        (4500, False), (120, True), (4500, True), (120, True),
    ]  # fmt: skip
    bench.responder.goodbye()
    bench.collect()
    gone = read(bench.said[-1][1]).answers()
    assert set(gone) == {POINTER, SERVICE, TEXT, ADDRESS} and {record.ttl for record in gone} == {0}


def test_zeroconf_reads_answers_and_denials():
    assert answers(Bench(), asks((TYPE, const._TYPE_PTR))) == [[POINTER, SERVICE, TEXT, ADDRESS]]
    [[kinds]] = answers(Bench(), asks(("_services._dns-sd._udp.local.", const._TYPE_PTR)))
    assert kinds.alias == TYPE
    for name, types in ((HOST, [const._TYPE_A]), (INSTANCE, [const._TYPE_TXT, const._TYPE_SRV])):
        [[denial]] = answers(Bench(), asks((name, const._TYPE_AAAA)))
        assert (denial.name, denial.next_name, denial.rdtypes) == (name, name, types)


@pytest.mark.parametrize("record", [POINTER, SERVICE, TEXT, ADDRESS])
def test_what_zeroconf_knows_is_left_out(record):
    ask = (record.name, record.type)
    assert record in answers(Bench(), asks(ask))[0]
    assert answers(Bench(), asks(ask, known=[record])) == []


def test_all_in_one_compressed_query():
    every = [(TYPE, const._TYPE_PTR), (INSTANCE, const._TYPE_SRV), (INSTANCE, const._TYPE_TXT), (HOST, const._TYPE_A)]
    packet = asks(*every, known=[POINTER, TEXT])
    assert b"\xc0" in packet
    assert answers(Bench(), packet) == [[SERVICE, ADDRESS]]


def test_zeroconfs_records_with_our_name_are_conflicts_and_equal_ones_are_not():
    other = DNSService(INSTANCE, const._TYPE_SRV, OWN, 120, 0, 0, 9, HOST)
    for records, n in (((POINTER, SERVICE, TEXT, ADDRESS), 1), ((other,), 2)):
        bench = Bench(owned=False)
        bench.passes(300)
        bench.hear(says(*records))
        assert bench.responder.n == n


def test_zeroconfs_own_goodbye_of_our_pointer_is_contradicted():
    gone = DNSPointer(TYPE, const._TYPE_PTR, IN, 0, INSTANCE)
    assert POINTER in answers(Bench(), says(gone))[0]
