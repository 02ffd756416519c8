"""Deltas made by detools, applied in pieces of any size; and what is none. Both interpreters."""

import json
from binascii import unhexlify

from helpers import Random, raises
from toscore.errors import WireError
from toscore.patch import Patch

with open("tests/vectors/patches.json") as f:
    VECTORS = [[row[0]] + [unhexlify(part) for part in row[1:]] for row in json.load(f)]

BASE = b"0123456789"


def applied(base, patch, new_b, size=None):
    """What comes of it. Never more than 256 bytes are read or written at once."""
    out = bytearray()

    def read(offset, n):
        assert offset >= 0 and 0 < n <= 256 and offset + n <= len(base)
        return base[offset : offset + n]

    def write(data):
        assert 0 < len(data) <= 256
        out.extend(bytes(data))
        assert len(out) <= new_b

    patching = Patch(read, write, len(base), new_b)
    size = size or len(patch) + 1
    for i in range(0, len(patch), size):
        patching.feed(patch[i : i + size])
    patching.finish()
    assert patching.written == len(out)
    return bytes(out)


def refused(patch, base=BASE, new_b=4):
    e = raises(WireError, applied, base, patch, new_b)
    assert e.code == 430
    return e.detail


def test_patches_of_detools_in_pieces_of_any_size():
    assert len(VECTORS) == 13
    for name, base, new, patch in VECTORS:
        for size in (None, 1, 7, 255, 256, 257):
            assert applied(base, patch, len(new), size) == new, (name, size)


def test_a_patch_byte_by_byte():
    # diff of 2: "01" + 1 + 2; extra "xy"; move by 0
    assert applied(BASE, b"\0\4\0" + b"\2\1\2" + b"\2xy" + b"\0", 4) == b"13xy"
    # Back and forth in the base; sums are modulo 256.
    assert applied(BASE, b"\0\4\0" + b"\0\0\5" + b"\2\0\0\0\x47" + b"\2\0\xff\0\0", 4) == b"5600"


def test_every_truncation_is_refused():
    for name, base, new, patch in VECTORS:
        for n in range(0, len(patch), max(1, len(patch) // 100)):
            e = raises(WireError, applied, base, patch[:n], len(new))
            assert e.code == 430 and e.detail == n, name
        e = raises(WireError, applied, base, patch + b"\0", len(new))
        assert e.code == 430 and e.detail == len(patch)


def test_a_patch_is_of_the_one_type_for_the_one_length():
    right = b"\0\4\0" + b"\0\4wxyz\0"
    assert applied(BASE, right, 4) == b"wxyz"
    assert refused(b"\x01" + right[1:]) == 0  # lzma
    assert refused(b"\x10" + right[1:]) == 0  # in place
    assert refused(b"\x80\x01" + right[1:]) == 1
    assert refused(b"\0\3\0" + b"\0\3xyz\0") == 1
    assert refused(b"\0\5\0" + b"\0\5vwxyz\0") == 1
    assert refused(b"\0\4\1" + right[3:]) == 2  # a data format


def test_no_more_is_written_than_was_promised():
    assert refused(b"\0\4\0" + b"\5\0\0\0\0\0") == 3
    assert refused(b"\0\4\0" + b"\2\0\0\3xyz\0") == 6
    assert refused(b"\0\4\0" + b"\0\4wxyz\0" + b"\0\0\0") == 10


def test_the_base_is_read_within_its_ends():
    assert applied(BASE, b"\0\4\0" + b"\0\0\6" + b"\4\0\0\0\0\0\0", 4) == b"6789"
    assert refused(b"\0\4\0" + b"\0\0\7" + b"\4\0\0\0\0\0\0") == 6
    assert refused(b"\0\4\0" + b"\0\0\x41" + b"\1\0\3xyz\0") == 6
    assert refused(b"\0\4\0" + b"\1\0\0\4" + b"\3\0\0\0\0\0", base=b"01") == 7
    # To go where nothing is read is what bsdiff may do at the end.
    assert applied(BASE, b"\0\4\0" + b"\0\4wxyz\x7f", 4) == b"wxyz"


def test_a_base_that_is_shorter_than_it_said_is_noticed():
    patching = Patch(lambda offset, n: b"0", lambda data: None, 10, 4)
    assert raises(WireError, patching.feed, b"\0\4\0" + b"\4\0\0\0\0").code == 430


def test_numbers_have_one_form_and_a_bound():
    assert refused(b"\0\4\0" + b"\x40") == 3  # minus nothing
    assert refused(b"\0\4\0" + b"\x41") == 3  # a length below 0
    assert refused(b"\0\4\0" + b"\x80\0") == 4  # longer than need be
    assert refused(b"\0\4\0" + b"\0\0" + b"\xff\xff\xff\xff\x08") == 9
    assert refused(b"\0\4\0" + b"\0\0" + b"\xff\xff\xff\xff\x87") == 9
    assert refused(b"\0\4\0" + b"\0\0" + b"\xbf\xff\xff\xff\7" + b"\0\0\1") == 12  # beyond 1 << 30


def test_damaged_patches_are_refused_or_give_what_was_promised():
    rng = Random(5)
    right = 0
    for name, base, new, patch in VECTORS:
        for _ in range(40):
            broken = bytearray(patch)
            for _ in range(1 + rng.below(3)):
                broken[rng.below(min(len(broken), 40) if rng.below(2) else len(broken))] = rng.below(256)
            try:
                assert len(applied(base, bytes(broken), len(new))) == len(new), name
                right += 1
            except WireError as e:
                assert e.code == 430
    assert 20 < right < 500
