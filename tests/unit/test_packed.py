"""Records of a fixed size, both twins: their bytes and bounds, that they allocate nothing, and that the twins agree."""

import gc
import random
import sys

from helpers import raises
from toscore import cbor, packed
from toscore.errors import WireError

TWINS = [packed]
if sys.implementation.name == "micropython":
    from toscore import packed_viper

    TWINS.append(packed_viper)

TRUNCATED, MALFORMED = 301, 302
LEAST, MOST = -(1 << 31), (1 << 31) - 1

# Values and their bytes, put together by hand.
TELEMETRY = (
    (0, 1, -1, 256, -256, MOST, LEAST, 0x12345678),
    b"\xd8\x4e\x58\x20\0\0\0\0\1\0\0\0\xff\xff\xff\xff\0\1\0\0\0\xff\xff\xff\xff\xff\xff\x7f\0\0\0\x80\x78\x56\x34\x12",
)
PAD = ((0x1234, 0x8001, -128, 127, -1, 1, 255, 128), b"\x4a\x34\x12\x01\x80\x80\x7f\xff\x01\xff\x80")
FIELDS = ((0, 65535), (0, 65535), (-128, 127), (-128, 127), (-128, 127), (-128, 127), (0, 255), (0, 255))


def records():
    """Yields (dump, load, values that the record can hold, their bytes) of each kind and twin."""
    for twin in TWINS:
        yield (twin.dump_telemetry, twin.load_telemetry) + TELEMETRY
        yield (twin.dump_pad, twin.load_pad) + PAD


def of(values):
    made = packed.record()
    for i in range(8):
        made[i] = values[i]
    return made


def refused(fn, *args):
    e = raises(WireError, fn, *args)
    return e.code, e.detail


def test_the_bytes_of_each_record_both_ways():
    for dump, load, values, data in records():
        for offset in (0, 1, 2, 3, 4, 7):
            buf = bytearray(b"\xaa" * (offset + len(data) + 3))
            for target in (buf, memoryview(buf)):
                assert dump(target, offset, of(values)) == offset + len(data)
                assert buf == b"\xaa" * offset + data + b"\xaa" * 3, buf
            for source in (bytes(buf), buf, memoryview(buf)):
                read = packed.record()
                assert load(source, offset, read) == offset + len(data)
                assert tuple(read) == values, read


def test_a_record_is_one_cbor_item():
    for twin in TWINS:
        whole = cbor.loads(TELEMETRY[1])
        assert whole.number == 78 and whole.value == TELEMETRY[1][4:] and len(TELEMETRY[1]) == twin.TELEMETRY_B
        assert cbor.loads(PAD[1]) == PAD[1][1:] and len(PAD[1]) == twin.PAD_B


def test_the_names_are_the_fields_in_their_order():
    names = "SEQUENCE BUTTONS LEFT_X LEFT_Y RIGHT_X RIGHT_Y LEFT_TRIGGER RIGHT_TRIGGER"
    for twin in TWINS:
        assert [getattr(twin, name) for name in names.split()] == list(range(8))


def test_each_truncation_is_refused_and_leaves_the_values_as_they_were():
    for _dump, load, values, data in records():
        for n in range(len(data)):
            read = of(values)
            assert refused(load, data[:n], 0, read) == (TRUNCATED, 0)
            assert refused(load, b"\0" + data[:n], 1, read) == (TRUNCATED, 1)
            assert tuple(read) == values


def test_another_item_is_refused_and_leaves_the_values_as_they_were():
    for _dump, load, _values, data in records():
        for offset in (0, 1):
            for at in range(len(data) - (32 if data[0] == 0xD8 else 10)):
                for bit in range(8):
                    wrong = bytearray(b"\0" * offset + data)
                    wrong[offset + at] ^= 1 << bit
                    read = of((7,) * 8)
                    assert refused(load, wrong, offset, read) == (MALFORMED, offset)
                    assert tuple(read) == (7,) * 8


def test_a_buffer_that_is_too_short_stays_as_it_was():
    for dump, _load, values, data in records():
        around = bytearray(b"\xaa" * 60)
        for n in range(len(data)):
            for buf in (bytearray(b"\xaa" * n), memoryview(around)[:n]):
                raises(IndexError, dump, buf, 0, of(values))
                raises(IndexError, dump, buf, n + 1, of(values))
                assert bytes(buf) == b"\xaa" * n
        assert around == b"\xaa" * 60


def test_an_offset_is_not_negative_nor_far_beyond():
    for dump, load, values, _data in records():
        for offset in (-1, -(1 << 29)):
            raises(ValueError, dump, bytearray(50), offset, of(values))
            raises(ValueError, load, bytearray(50), offset, of(values))
        raises(IndexError, dump, bytearray(50), 1 << 29, of(values))
        raises(WireError, load, bytearray(50), 1 << 29, of(values))


def test_what_cannot_be_written_to_is_refused():
    for dump, _load, values, _data in records():
        for target in (bytes(50), memoryview(bytes(50))):
            raises(TypeError, dump, target, 0, of(values))
            assert bytes(target) == bytes(50)


def test_a_value_beyond_its_field_is_refused_and_the_buffer_stays_as_it_was():
    for twin in TWINS:
        for i in range(8):
            low, high = FIELDS[i]
            pad = packed.record()
            read = packed.record()
            buf = bytearray(11)
            for value in (low, high):
                pad[i] = value
                twin.dump_pad(buf, 0, pad)
                twin.load_pad(buf, 0, read)
                assert read == pad
            for value in (low - 1, high + 1, low - 256, high + 256, high + 65536, LEAST, MOST, LEAST + 5, 1 << 24):
                pad[i] = value
                buf = bytearray(11)
                raises(ValueError, twin.dump_pad, buf, 0, pad)
                assert buf == bytes(11), (i, value)


def test_the_newer_of_two_is_known_around_the_end_of_the_numbers():
    for twin in TWINS:
        for a, b in ((1, 0), (0, 65535), (5, 65530), (0x7FFF, 0), (100, 99), (0x8000, 1), (0x8000, 0x7FFF)):
            assert twin.newer(a, b) and not twin.newer(b, a), (a, b)
        for n in (0, 1, 0x7FFF, 0x8000, 65535):
            assert not twin.newer(n, n)
            half = n + 0x8000 & 0xFFFF  # RFC 1982 leaves these two without an order
            assert not twin.newer(n, half) and not twin.newer(half, n)


def test_a_record_on_its_way_allocates_nothing():
    if sys.implementation.name != "micropython":
        return
    newer = packed_viper.newer
    buf = bytearray(40)
    values = packed.record()
    for dump, load in (
        (packed_viper.dump_telemetry, packed_viper.load_telemetry),
        (packed_viper.dump_pad, packed_viper.load_pad),
    ):
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        for offset in (0, 1, 2):
            dump(buf, offset, values)
            load(buf, offset, values)
            newer(5, 3)
        allocated_b = gc.mem_alloc() - before
        gc.enable()
        assert allocated_b == 0, allocated_b


def outcome(load, data, offset):
    values = packed.record()
    try:
        return load(data, offset, values), tuple(values)
    except WireError as e:
        return e.code, e.detail


def test_damaged_records_are_read_alike_by_both_twins_and_written_as_they_were():
    random.seed(7)
    for kind, good in (("telemetry", TELEMETRY[1]), ("pad", PAD[1])):
        accepted = 0
        for _ in range(3000):
            data = bytearray(good)
            for _ in range(random.getrandbits(2)):
                data[random.randrange(len(data))] = random.getrandbits(8)
            data = data[: random.randrange(len(data) // 2, len(data) + 30)]
            offset = random.getrandbits(1)
            data = b"\0" * offset + data
            found = [outcome(getattr(twin, "load_" + kind), data, offset) for twin in TWINS]
            assert found.count(found[0]) == len(found), (data, found)
            if isinstance(found[0][1], tuple):
                accepted += 1
                for twin in TWINS:
                    buf = bytearray(len(data))
                    getattr(twin, "dump_" + kind)(buf, offset, of(found[0][1]))
                    assert buf[offset : offset + len(good)] == data[offset : offset + len(good)]
        assert 100 < accepted < 2900
