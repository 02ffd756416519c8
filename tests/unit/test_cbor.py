"""CBOR, RFC 8949, both twins: vectors of the RFC, our limits and errors, and that the twins agree. Both interpreters."""

import gc
import json
import struct
import sys

from binascii import hexlify, unhexlify
from helpers import raises
from toscore import cbor
from toscore.cbor import Simple, Tag, undefined
from toscore.errors import WireError

CODECS = [cbor]
if sys.implementation.name == "micropython":
    from toscore import cbor_viper

    CODECS.append(cbor_viper)

TRUNCATED, MALFORMED, TOO_DEEP, KEY, TEXT, TRAILING, NO_ROOM = range(301, 308)

SINGLE_PRECISION = 1.0 + 2.0**-30 == 1.0  # the floats of a chip

with open("tests/vectors/cbor_appendix_a.json") as f:
    # f818 is simple(24) in two bytes, an example of RFC 7049; RFC 8949 section 3.3 made it malformed.
    APPENDIX_A = [v for v in json.load(f) if v["hex"] != "f818"]
with open("tests/vectors/cbor_not_well_formed.json") as f:
    NOT_WELL_FORMED = json.load(f)["hex"]

# What Appendix A gives in diagnostic notation only.
DIAGNOSTIC = {
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
    "undefined": undefined,
    "simple(16)": Simple(16),
    "simple(255)": Simple(255),
    '0("2013-03-21T20:04:00Z")': Tag(0, "2013-03-21T20:04:00Z"),
    "1(1363896240)": Tag(1, 1363896240),
    "1(1363896240.5)": Tag(1, 1363896240.5),
    "23(h'01020304')": Tag(23, b"\x01\x02\x03\x04"),
    "24(h'6449455446')": Tag(24, b"dIETF"),
    '32("http://www.example.com")': Tag(32, "http://www.example.com"),
    "h''": b"",
    "h'01020304'": b"\x01\x02\x03\x04",
    "{1: 2, 3: 4}": {1: 2, 3: 4},
    "(_ h'0102', h'030405')": b"\x01\x02\x03\x04\x05",
}

BYTES = unhexlify  # Tests give CBOR in hex, as the RFC does.


def text(data):
    return hexlify(data).decode()


def same(a, b):
    """Equal, of equal types all the way down, where NaN is itself and 0.0 is not -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack(">d", a) == struct.pack(">d", b) or (a != a and b != b)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(k in b and same(a[k], b[k]) for k in a)
    if isinstance(a, Tag):
        return a.number == b.number and same(a.value, b.value)
    return a == b


def outcome(fn, *args):
    """What fn returns, or (code, offset) of its WireError; anything else it raises is a failure."""
    try:
        return fn(*args)
    except WireError as e:
        return e.code, e.detail


def wrong(codec, data, code, offset, **limits):
    try:
        value = codec.loads(data, **limits)
    except WireError as e:
        assert (e.code, e.detail) == (code, offset), (codec.__name__, text(data), e.code, e.detail)
    else:
        raise AssertionError((codec.__name__, text(data), value))


# --- RFC 8949's own examples


def test_rfc8949_appendix_a_decodes():
    for codec in CODECS:
        for vector in APPENDIX_A:
            value = codec.loads(BYTES(vector["hex"]))
            if vector.get("diagnostic") == "NaN":
                assert value != value
                continue
            expected = vector["decoded"] if "decoded" in vector else DIAGNOSTIC[vector["diagnostic"]]
            if isinstance(expected, float):
                # MicroPython reads the decimal numbers of the JSON file with an error in the last place.
                assert type(value) is float and (value == expected or abs(value / expected - 1) < 1e-6), vector
            else:
                assert same(value, expected), (vector, value)


def test_rfc8949_appendix_a_encodes():
    for codec in CODECS:
        for vector in APPENDIX_A:
            data = BYTES(vector["hex"])
            if vector["roundtrip"] and not (SINGLE_PRECISION and b"\xfb" in data):
                assert codec.dumps(cbor.loads(data)) == data, vector


def test_rfc8949_appendix_f_not_well_formed():
    for codec in CODECS:
        for data in NOT_WELL_FORMED:
            raises(WireError, codec.loads, BYTES(data))


def test_every_truncation_of_every_vector_is_rejected():
    for codec in CODECS:
        for vector in APPENDIX_A:
            data = BYTES(vector["hex"])
            for n in range(len(data)):
                assert raises(WireError, codec.loads, data[:n]).code == TRUNCATED, (vector["hex"], n)
                assert raises(WireError, codec.loads, data, 16, n).code == TRUNCATED, (vector["hex"], n)


def test_every_vector_with_a_byte_behind_it_is_rejected():
    for codec in CODECS:
        for vector in APPENDIX_A:
            data = BYTES(vector["hex"])
            wrong(codec, data + b"\x00", TRAILING, len(data))


# --- Integers


def test_an_integer_takes_as_few_bytes_as_it_can():
    for codec in CODECS:
        for bits, info in ((8, 24), (16, 25), (32, 26), (64, 27)):
            least = 24 if bits == 8 else 1 << (bits // 2)
            most = (1 << bits) - 1
            for n in (least, least + 1, most // 2, most // 2 + 1, most - 1, most):
                argument = n.to_bytes(bits // 8, "big")
                assert codec.dumps(n) == bytes([info]) + argument, n
                assert codec.dumps(-1 - n) == bytes([0x20 | info]) + argument, n
                assert same(codec.loads(bytes([info]) + argument), n)
                assert same(codec.loads(bytes([0x20 | info]) + argument), -1 - n)
        for n in range(24):
            assert codec.dumps(n) == bytes([n]) and codec.dumps(-1 - n) == bytes([0x20 | n])


def test_integers_around_each_power_of_two():
    for codec in CODECS:
        for bits in range(100):
            for n in ((1 << bits) - 1, 1 << bits, (1 << bits) + 1):
                for value in (n, -n):
                    assert same(codec.loads(codec.dumps(value)), value), value
                    assert codec.dumps(value) == cbor.dumps(value), value


def test_an_integer_beyond_64_bits_is_a_bignum():
    for codec in CODECS:
        assert text(codec.dumps(1 << 64)) == "c249010000000000000000"
        assert text(codec.dumps(-1 - (1 << 64))) == "c349010000000000000000"
        assert text(codec.dumps((1 << 72) + 5)) == "c24a01000000000000000005"


def test_bignums_need_not_be_short():
    for codec in CODECS:
        assert codec.loads(BYTES("c240")) == 0
        assert codec.loads(BYTES("c340")) == -1
        assert codec.loads(BYTES("c2420005")) == 5
        assert codec.loads(BYTES("c25f41014100ff")) == 256
        assert codec.loads(BYTES("a1c2410105")) == {1: 5}


def test_a_bignum_of_anything_but_bytes_is_malformed():
    for codec in CODECS:
        for content in ("00", "6101", "80", "a0", "f6", "c24101"):
            wrong(codec, BYTES("c2" + content), MALFORMED, 0)
            wrong(codec, BYTES("8105c3" + content)[:1] + BYTES("c3" + content), MALFORMED, 1)


def test_arguments_need_not_be_short():
    for codec in CODECS:
        for data in ("1805", "190005", "1a00000005", "1b0000000000000005"):
            assert same(codec.loads(BYTES(data)), 5)
        for data in ("3805", "390005", "3a00000005", "3b0000000000000005"):
            assert same(codec.loads(BYTES(data)), -6)
        for width in ("58", "5900", "5a000000", "5b00000000000000"):
            assert codec.loads(BYTES(width + "020102")) == b"\x01\x02"
        assert codec.loads(BYTES("9b0000000000000001f6")) == [None]
        assert codec.loads(BYTES("bb000000000000000101f6")) == {1: None}


# --- Floats


def test_every_half_float_both_ways():
    for codec in CODECS:
        for bits in range(1 << 16):
            data = b"\xf9" + struct.pack(">H", bits)
            value = codec.loads(data)
            if bits & 0x7C00 == 0x7C00 and bits & 0x3FF:
                assert value != value
                data = b"\xf9\x7e\x00"
            else:
                # A half is sign, exponent and mantissa, here in plain arithmetic.
                exponent = bits >> 10 & 31
                mantissa = bits & 0x3FF
                if exponent == 31:
                    expected = float("inf")
                elif exponent:
                    expected = (1024 + mantissa) * 2.0 ** (exponent - 25)
                else:
                    expected = mantissa * 2.0**-24
                assert same(value, -expected if bits >> 15 else expected), (hex(bits), value)
            assert codec.dumps(value) == data, hex(bits)


def test_a_float_takes_as_few_bytes_as_hold_it_exactly():
    halves = [
        ("f97bff", 65504.0),  # the largest half
        ("f90400", 2.0**-14),  # the smallest normal half
        ("f903ff", 1023 * 2.0**-24),  # the largest subnormal half
        ("f90001", 2.0**-24),  # the smallest
        ("f93c01", 1 + 2.0**-10),
    ]
    singles = [
        ("fa477fe100", 65505.0),
        ("fa47800000", 65536.0),
        ("fa33000000", 2.0**-25),
        ("fa33c00000", 1.5 * 2.0**-24),
        ("fa3f801000", 1 + 2.0**-11),
        ("fa3f800001", 1 + 2.0**-23),
        ("fa38800800", 2.0**-14 + 2.0**-26),
        ("fa7f7fffff", (2 - 2.0**-23) * 2.0**127),  # the largest single
        ("fa00800000", 2.0**-126),  # the smallest normal single
        ("fa007fffff", (2**23 - 1) * 2.0**-149),  # the largest subnormal single
        ("fa00000001", 2.0**-149),  # the smallest
    ]
    doubles = [
        ("fb3ff0000008000000", 1 + 2.0**-29 + 2.0**-30 - 2.0**-30),
        ("fb3ff0000000000001", 1 + 2.0**-52),
        ("fb47f0000000000000", 2.0**128),
        ("fb3690000000000000", 2.0**-150),
        ("fb36b8000000000000", 1.5 * 2.0**-148 * 0.5 * 0.5 * 4),
        ("fb3810000000000001", (1 + 2.0**-52) * 2.0**-126),
        ("fb0000000000000001", 2.0**-537 * 2.0**-537),
        ("fb7fefffffffffffff", (2 - 2.0**-52) * 2.0**1023),
    ]
    for codec in CODECS:
        for data, value in halves + singles + ([] if SINGLE_PRECISION else doubles):
            assert text(codec.dumps(value)) == data, (data, text(codec.dumps(value)))
            assert same(codec.loads(BYTES(data)), value), data
            negative = bytearray(BYTES(data))
            negative[1] |= 0x80
            assert codec.dumps(-value) == negative
            assert same(codec.loads(negative), -value)
