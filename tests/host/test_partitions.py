"""Partition tables: ESP-IDF's CSV and binary form, against vectors and an independent reader (mp-image-tool-esp32)."""

import random
from pathlib import Path

import pytest
from mp_image_tool_esp32.partition_table import PartitionTable
from tosplus.build import partitions
from tosplus.build.partitions import Partition
from tosplus.errors import HostError

ROOT = Path(__file__).parents[2]
TABLES = sorted(ROOT.glob("boards/*/partitions.csv"))

# ESP-IDF Programming Guide, "Partition Tables", its table "Factory app, two OTA definitions".
GUIDE = """\
# Name,   Type, SubType, Offset,  Size, Flags
nvs,      data, nvs,     0x9000,  0x4000
otadata,  data, ota,     0xd000,  0x2000
phy_init, data, phy,     0xf000,  0x1000
factory,  app,  factory, 0x10000, 1M
ota_0,    app,  ota_0,   ,        1M
ota_1,    app,  ota_1,   ,        1M
"""
# The entry of nvs, by "Binary Partition Table": magic, type, subtype, offset, size, label, flags; little-endian.
NVS = bytes.fromhex("aa500102 00900000 00400000 6e7673 00000000000000000000000000 00000000")


def parsed(text):
    table, faults = partitions.from_csv(text)
    assert faults == []
    return table


def test_the_guides_example():
    table = parsed(GUIDE)
    assert [(part.name, part.offset, part.size, part.line) for part in table] == [
        ("nvs", 0x9000, 0x4000, 2),
        ("otadata", 0xD000, 0x2000, 3),
        ("phy_init", 0xF000, 0x1000, 4),
        ("factory", 0x10000, 0x100000, 5),
        ("ota_0", 0x110000, 0x100000, 6),
        ("ota_1", 0x210000, 0x100000, 7),
    ]
    assert [(part.type, part.subtype) for part in table] == [(1, 2), (1, 0), (1, 1), (0, 0), (0, 0x10), (0, 0x11)]
    assert list(partitions.check(table, 4 << 20)) == []
    assert partitions.to_binary(table)[:32] == NVS


def test_what_a_field_may_be():
    table = parsed(
        "a, 0x40, 0x01, 36K, 64k\nb, data,, , 0x1000, encrypted:readonly\nc, app, test, , 1M\nd,app,ota_15,,-4M"
    )
    assert table[0] == Partition("a", 0x40, 1, 0x9000, 0x10000, 0, 1)
    assert table[1] == Partition("b", 1, 6, 0x19000, 0x1000, 3, 2)
    assert table[2] == Partition("c", 0, 0x20, 0x20000, 0x100000, 0, 3)  # an app goes to the next 64 KB
    assert (table[3].subtype, table[3].end) == (0x1F, 4 << 20)  # a negative size is the address of the end


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (", data, nvs, , 4K", "Name"),
        ("n" * 16 + ", data, nvs, , 4K", "n" * 16),
        ("a, , nvs, , 4K", "a.Type"),
        ("a, dat, nvs, , 4K", "a.Type"),
        ("a, 255, 1, , 4K", "a.Type"),
        ("a, app, , , 4K", "a.SubType"),
        ("a, app, ota_16, , 4K", "a.SubType"),
        ("a, data, nvs, x, 4K", "a.Offset"),
        ("a, data, nvs, -1, 4K", "a.Offset"),
        ("a, data, nvs, ,", "a.Size"),
        ("a, data, nvs, , 0", "a.Size"),
        ("a, data, nvs, , 5G", "a.Size"),
        ("a, data, nvs, , -4K", "a.Size"),
        ("a, data, nvs, , 4K, hidden", "a.Flags"),
        ("a, data, nvs, , 4K, , more", "a"),
        ("a", "a.Type"),
    ],
)
def test_a_row_that_cannot_be_understood_is_told_and_the_others_stay(row, field):
    table, faults = partitions.from_csv(f"# ours\n{row}\nlast, data, nvs, , 4K\n")
    assert [part.name for part in table] == ["last"]
    assert [(fault.line, fault.field) for fault in faults] == [(2, field)]


def test_a_table_has_94_entries_at_most():
    rows = [Partition(f"p{n}", 1, 6, 0x9000 + n * 0x1000, 0x1000) for n in range(95)]
    assert [fault.field for fault in partitions.check(rows, 16 << 20)] == ["entries"]
    assert list(partitions.check(rows[:94], 16 << 20)) == []
    assert partitions.from_binary(partitions.to_binary(rows[:94])) == rows[:94]


@pytest.mark.parametrize("text", [GUIDE, *[path.read_text() for path in TABLES]])
def test_another_reader_sees_the_same(text):
    table = parsed(text)
    seen = PartitionTable.from_bytes(partitions.to_binary(table))
    assert [(p.name, p.type, p.subtype, p.offset, p.size) for p in seen] == [tuple(part[:5]) for part in table]


def test_another_writer_is_read():
    seen = PartitionTable(4 << 20)
    for part in parsed(GUIDE):
        seen.add_part(part.name, next(k for k, v in _SUBTYPES.items() if v == part[1:3]), part.size, part.offset)
    assert [p[:5] for p in partitions.from_binary(seen.to_bytes())] == [p[:5] for p in parsed(GUIDE)]


_SUBTYPES = {"nvs": (1, 2), "ota": (1, 0), "phy": (1, 1), "factory": (0, 0), "ota_0": (0, 16), "ota_1": (0, 17)}


def test_a_damaged_table_is_refused():
    good = partitions.to_binary(parsed(GUIDE))
    assert [part[:5] for part in partitions.from_binary(good)] == [part[:5] for part in parsed(GUIDE)]
    for length in range(8 * 32):  # up to and with the end mark
        with pytest.raises(HostError):
            partitions.from_binary(good[:length])
    for bit in range(7 * 32 * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        if bit // 8 // 32 == 6 and 2 <= bit // 8 % 32 < 16:
            continue  # padding of the checksum's entry, in which nothing is
        with pytest.raises(HostError):
            partitions.from_binary(bytes(bad))


def test_noise_is_refused_in_words():
    noise = random.Random(6)
    for _ in range(2000):
        text = "".join(noise.choice("abdtnvsoapp0x1_9,,,,-KM# \n\t:é") for _ in range(noise.randrange(60)))
        table, faults = partitions.from_csv(text)
        list(partitions.check(table, 4 << 20))
        assert all(fault.text for fault in faults)
        with pytest.raises(HostError):
            partitions.from_binary(noise.randbytes(noise.randrange(200)))
