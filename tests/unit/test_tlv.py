"""BER-TLV and command APDUs: what they take, and what they refuse. Both interpreters."""

from binascii import unhexlify

from helpers import Random, raises
from toscore import apdu, tlv
from toscore.errors import WireError

# EMV 4.3 Book 3 Annex B2: one byte of length up to 127, then 81 and 82.
SIZES = ((0, b"\x00"), (127, b"\x7f"), (128, b"\x81\x80"), (255, b"\x81\xff"), (256, b"\x82\x01\x00"))
PPSE = unhexlify("6f33840e325041592e5359532e4444463031a521bf0c1e611c4f0af0544f532b5041590001500b544f53504c5553205041")
PPSE += unhexlify("59870101")


def test_what_is_put_is_read_again_whatever_its_tag_and_length():
    for tag, head in ((0x82, b"\x82"), (0x9F36, b"\x9f\x36"), (0xDF8129, b"\xdf\x81\x29")):
        for size, length in SIZES:
            data = tlv.put(tag, bytes(size))
            assert data == head + length + bytes(size)
            assert tlv.read(b"??" + data, 2, 2 + len(data)) == (tag, 2 + len(data) - size, 2 + len(data))
    raises(ValueError, tlv.put, 0x82, bytes(65536))


def test_a_length_may_be_longer_than_it_has_to_be():
    assert tlv.read(b"\x82\x82\x00\x01\x05", 0, 5) == (0x82, 4, 5)


def test_a_template_is_walked_before_what_is_in_it_and_zeros_are_padding():
    data = b"\x00" + tlv.put(0x6F, tlv.put(0x84, b"ab") + b"\x00\x00" + tlv.put(0xA5, tlv.put(0x50, b""))) + b"\x00"
    assert [(depth, tag) for depth, tag, _, _ in tlv.walk(data)] == [(0, 0x6F), (1, 0x84), (1, 0xA5), (2, 0x50)]
    assert tlv.find(data, 0x84) == b"ab" and tlv.find(data, 0x50) == b"" and tlv.find(data, 0x87) is None
    assert tlv.find(PPSE, 0x4F) == unhexlify("f0544f532b5041590001") and tlv.find(PPSE, 0x87) == b"\x01"


def test_each_truncation_is_refused():
    for end in range(1, len(PPSE)):
        assert raises(WireError, list, tlv.walk(PPSE[:end])).code == 350
        raises(WireError, list, tlv.walk(PPSE, 0, end))


def test_what_is_no_tag_or_no_length_is_refused():
    bad = (b"", b"\x9f", b"\x9f\x36", b"\x9f\x81\x82\x01\x00", b"\x82\x80", b"\x82\x83\x00\x00\x01\x05", b"\x82\x81")
    for data in bad:
        error = raises(WireError, tlv.read, data, 0, len(data))
        assert (error.code, error.detail) == (350, 0), data
    deep = b""
    for _ in range(8):
        deep = tlv.put(0x70, deep or b"\x50\x00")
    raises(WireError, list, tlv.walk(deep))
    assert len(list(tlv.walk(deep[2:]))) == 8


def test_no_bytes_do_more_than_that():
    rng = Random(5)
    for _ in range(2000):
        data = bytearray(PPSE if rng.below(4) else rng.bytes(rng.below(60)))
        for _ in range(rng.below(4)):
            if data:
                data[rng.below(len(data))] = rng.below(256)
        try:
            for depth, _, at, end in tlv.walk(data):
                assert depth < 8 and 0 < at <= end <= len(data)
        except WireError:
            pass


# ISO/IEC 7816-4 section 5.1: the four cases, short and extended.
CASES = (
    ("00a40400", (4, 0, None)), ("00b2010c05", (5, 0, 5)), ("00b2010c00", (5, 0, 256)),
    ("00a4040002aabb", (5, 2, None)), ("00a4040002aabb00", (5, 2, 256)), ("00a4040002aabb07", (5, 2, 7)),
    ("00b0000000010a", (7, 0, 266)), ("00b00000000000", (7, 0, 65536)),
    ("00a40400000002aabb", (7, 2, None)), ("00a40400000002aabb0000", (7, 2, 65536)),
    ("00a40400000002aabb0102", (7, 2, 258)),
)  # fmt: skip


def test_iso7816_4_section_5_1_all_cases():
    for text, parsed in CASES:
        assert apdu.parse(unhexlify(text)) == parsed, text
        assert apdu.parse(memoryview(unhexlify(text))) == parsed


def test_what_is_no_command_is_refused():
    whole = unhexlify("00a4040002aabb00")
    for end in range(len(whole)):
        if end not in (4, 5, 7):
            assert raises(WireError, apdu.parse, whole[:end]).code == 350
    assert raises(WireError, apdu.parse, whole[:6]).detail == 4
    whole = unhexlify("00a40400000002aabb0102")
    for end in range(5, len(whole)):
        if end not in (5, 7, 9):
            assert raises(WireError, apdu.parse, whole[:end]).detail == 5
    for text in ("00a4040002aabb0000", "00a404000000000000", "00a4040003aabb", "00a40400000002aabb010203"):
        raises(WireError, apdu.parse, unhexlify(text))


def test_a_command_is_written_in_the_short_form():
    assert apdu.command(0, 0xA4, 4, 0, b"\xaa\xbb", 256) == unhexlify("00a4040002aabb00")
    assert apdu.command(0, 0xB2, 1, 12, b"", 256) == unhexlify("00b2010c00")
    assert apdu.command(0, 0xA4, 4, 0) == unhexlify("00a40400")
    raises(ValueError, apdu.command, 0, 0xA4, 4, 0, bytes(256))
