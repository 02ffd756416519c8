"""DNS of a captive portal: queries written out by hand from RFC 1035 section 4.1."""

from binascii import unhexlify

from helpers import raises
from toscore import dns
from toscore.errors import WireError

IP = b"\xc0\xa8\x04\x01"
# id 1234, RD, one question: captive.apple.com, type A, class IN.
NAME = "0763617074697665" + "056170706c65" + "03636f6d" + "00"
QUERY = unhexlify("1234" + "0100" + "0001" + "0000" + "0000" + "0000" + NAME + "0001" + "0001")
# QR, AA, RD, RA; the question; a pointer to its name, A, IN, 5 s, 4 B.
ANSWER = unhexlify(
    "1234" + "8580" + "0001" + "0001" + "0000" + "0000" + NAME + "0001" + "0001" + "c00c" + "0001" + "0001"
    + "00000005" + "0004" + "c0a80401"
)  # fmt: skip
EDNS = unhexlify("00" + "0029" + "1000" + "00000000" + "0000")  # RFC 6891: an OPT record behind the question


def query(name, kind=1, where=1, flags=0x0100, questions=1):
    counts = bytes((questions >> 8, questions & 255)) + bytes(6)
    return b"\x12\x34" + bytes((flags >> 8, flags & 255)) + counts + name + bytes((kind >> 8, kind & 255, 0, where))


def test_every_name_has_our_address():
    assert dns.answer(QUERY, IP) == ANSWER
    for name in (b"\x00", b"\x01a\x00", (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"b" * 61 + b"\x00"):
        assert dns.answer(query(name), IP).endswith(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04" + IP)


def test_what_is_no_address_is_answered_by_none():
    for kind in (28, 65, 16, 15, 12):  # AAAA, HTTPS, TXT, MX, PTR
        answer = dns.answer(query(b"\x01a\x00", kind), IP)
        assert answer[2:12] == unhexlify("8580" + "0001" + "0000" + "0000" + "0000")
        assert answer[12:] == query(b"\x01a\x00", kind)[12:]
    assert dns.answer(query(b"\x01a\x00", 255), IP)[6:8] == b"\x00\x01"
    assert dns.answer(query(b"\x01a\x00", 1, 3), IP)[6:8] == b"\x00\x00"  # class CH


def test_additional_records_are_left_out():
    counted = bytearray(QUERY)
    counted[11] = 1
    assert dns.answer(bytes(counted) + EDNS, IP) == ANSWER


def test_recursion_that_is_not_asked_for_is_not_said_to_be():
    assert dns.answer(query(b"\x01a\x00", flags=0), IP)[2:4] == unhexlify("8480")


def test_other_operations_are_not_implemented():
    for opcode in (1, 2, 4, 5, 15):
        assert dns.answer(query(b"\x01a\x00", flags=opcode << 11), IP) == b"\x12\x34" + bytes(
            (0x80 | opcode << 3, 4)
        ) + bytes(8)


def test_an_answer_is_not_answered():
    raises(WireError, dns.answer, ANSWER, IP)


def test_every_truncation_is_refused():
    for n in range(len(QUERY)):
        raises(WireError, dns.answer, QUERY[:n], IP)


def test_a_pointer_in_a_question_is_refused_and_leads_in_no_circle():
    for name in (b"\xc0\x0c", b"\x01a\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\x40a\x00", b"\x80a\x00"):
        raises(WireError, dns.answer, query(name), IP)
        raises(WireError, dns.answer, query(name) + bytes(300), IP)


def test_a_name_or_a_datagram_that_is_too_long_and_more_questions_are_refused():
    raises(WireError, dns.answer, query((b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"b" * 62 + b"\x00"), IP)
    raises(WireError, dns.answer, QUERY + bytes(513 - len(QUERY)), IP)
    raises(WireError, dns.answer, query(b"\x01a\x00", questions=0), IP)
    raises(WireError, dns.answer, query(b"\x01a\x00", questions=2), IP)
