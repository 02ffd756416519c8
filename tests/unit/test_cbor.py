"""CBOR, RFC 8949, both twins: the vectors of the RFC, our limits, our errors, and that the twins agree."""

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

TRUNCATED, MALFORMED, TOO_DEEP, KEY, TEXT, TRAILING, NO_ROOM, TOO_MANY = range(301, 309)

SINGLE_PRECISION = 1.0 + 1e-10 == 1.0  # the floats of a chip

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
            value = cbor.loads(data)
            if isinstance(value, dict):  # may iterate in any order on MicroPython
                assert same(codec.loads(codec.dumps(value)), value), vector
            elif vector["roundtrip"] and not (SINGLE_PRECISION and b"\xfb" in data):
                assert codec.dumps(value) == data, vector


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
            wrong(codec, BYTES("81c3" + content), MALFORMED, 1)


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


def exp2(n):
    """2.0**n to the bit, which a chip's own power is not."""
    value = 1.0
    for _ in range(abs(n)):
        value = value * 2 if n > 0 else value / 2
    return value


def test_every_half_float_both_ways():
    unit = [exp2(exponent - 25) for exponent in range(31)]
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
                    expected = (1024 + mantissa) * unit[exponent]
                else:
                    expected = mantissa * unit[1]
                assert same(value, -expected if bits >> 15 else expected), (hex(bits), value)
            assert codec.dumps(value) == data, hex(bits)


def test_a_float_takes_as_few_bytes_as_hold_it_exactly():
    halves = [
        ("f97bff", 65504.0),  # the largest half
        ("f90400", exp2(-14)),  # the smallest normal half
        ("f903ff", 1023 * exp2(-24)),  # the largest subnormal half
        ("f90001", exp2(-24)),  # the smallest
        ("f93c01", 1 + exp2(-10)),
    ]
    singles = [
        ("fa477fe100", 65505.0),
        ("fa47800000", 65536.0),
        ("fa33000000", exp2(-25)),
        ("fa33c00000", 1.5 * exp2(-24)),
        ("fa3f801000", 1 + exp2(-11)),
        ("fa3f800001", 1 + exp2(-23)),
        ("fa38800800", exp2(-14) + exp2(-26)),
        ("fa7f7fffff", (2 - exp2(-23)) * exp2(127)),  # the largest single
        ("fa00800000", exp2(-126)),  # the smallest normal single
        ("fa007fffff", (2**23 - 1) * exp2(-149)),  # the largest subnormal single
        ("fa00000001", exp2(-149)),  # the smallest
    ]
    doubles = [
        ("fb3ff0000010000000", 1 + exp2(-24)),
        ("fb3ff0000000000001", 1 + exp2(-52)),
        ("fb47f0000000000000", exp2(128)),
        ("fb3690000000000000", exp2(-150)),
        ("fb36a8000000000000", 1.5 * exp2(-149)),
        ("fb3810000000000001", (1 + exp2(-52)) * exp2(-126)),
        ("fb0000000000000001", exp2(-1074)),  # the smallest double
        ("fb7fefffffffffffff", (2 - exp2(-52)) * exp2(1023)),
    ]
    for codec in CODECS:
        for data, value in halves + singles + ([] if SINGLE_PRECISION else doubles):
            assert text(codec.dumps(value)) == data, (data, text(codec.dumps(value)))
            assert same(codec.loads(BYTES(data)), value), data
            negative = bytearray(BYTES(data))
            negative[1] |= 0x80
            assert codec.dumps(-value) == negative
            assert same(codec.loads(negative), -value)


def test_nan_has_one_form_and_reads_from_any():
    nan = float("inf") - float("inf")
    for codec in CODECS:
        assert text(codec.dumps(nan)) == text(codec.dumps(-nan)) == "f97e00"
        for data in (
            "f97e01",
            "f9fe00",
            "f97c01",
            "fa7f800001",
            "faffc00000",
            "fb7ff0000000000001",
            "fbfff8000000000000",
        ):
            value = codec.loads(BYTES(data))
            assert value != value and type(value) is float
            assert text(codec.dumps(value)) == "f97e00"


def test_a_double_is_read_to_the_nearest_float():
    for codec in CODECS:
        assert abs(codec.loads(BYTES("fb3ff199999999999a")) - 1.1) < 1e-6
        assert codec.loads(BYTES("fb3ff8000000000000")) == 1.5


# --- Strings


def test_strings_of_every_width_of_length():
    for codec in CODECS:
        for n, head in (
            (0, "40"),
            (1, "41"),
            (23, "57"),
            (24, "5818"),
            (255, "58ff"),
            (256, "590100"),
            (65535, "59ffff"),
            (65536, "5a00010000"),
        ):
            head = BYTES(head)
            content = bytes([i * 7 & 255 for i in range(n)])
            assert codec.dumps(content) == head + content
            assert same(codec.loads(head + content), content)
            head = bytes([head[0] | 0x20]) + head[1:]
            content = "x" * n
            assert codec.dumps(content) == head + content.encode()
            assert same(codec.loads(head + content.encode()), content)


def test_text_is_measured_in_bytes():
    for codec in CODECS:
        for value in ("\xfc", "K\xfcche", "\u6c34" * 8, "a" * 22 + "\xe9", "\U00010151", "\0", "a\0\xfc\0", "\x7f\x80"):
            raw = value.encode()
            head = bytes([0x60 + len(raw)]) if len(raw) < 24 else bytes([0x78, len(raw)])
            assert codec.dumps(value) == head + raw, value
            assert same(codec.loads(head + raw), value), value


def test_utf8_at_its_limits():
    for codec in CODECS:
        for raw in ("7f", "c280", "dfbf", "e0a080", "ed9fbf", "ee8080", "efbfbf", "f0908080", "f48fbfbf", "61c3bc62"):
            data = bytes([0x60 + len(raw) // 2]) + BYTES(raw)
            assert codec.dumps(codec.loads(data)) == data, raw


def test_what_is_not_utf8_is_rejected():
    for codec in CODECS:
        for raw in (
            "80",  # a continuation byte first
            "bf",
            "c080",  # overlong
            "c1bf",
            "e09fbf",
            "f08fbfbf",
            "eda080",  # surrogates
            "edbfbf",
            "f4908080",  # beyond U+10FFFF
            "f5808080",
            "f8808080",
            "fe",
            "ff",
            "c3",  # ends too early
            "e6b0",
            "f09085",
            "61c3",
            "c328",  # no continuation byte
            "e628b0",
            "e6b028",
            "f0288085",
            "f0908528",
            "c3bc80",
        ):
            data = bytes([0x60 + len(raw) // 2]) + BYTES(raw)
            wrong(codec, data, TEXT, 0)
            wrong(codec, b"\x82\x00" + data, TEXT, 2)


def test_bytearray_and_memoryview_are_byte_strings():
    for codec in CODECS:
        for value in (bytearray(b"abc"), memoryview(b"abc"), memoryview(bytearray(b"xabcx"))[1:4]):
            assert codec.dumps(value) == b"\x43abc"
            assert codec.dumps([value, b""]) == b"\x82\x43abc\x40"


def test_data_may_be_bytes_bytearray_or_memoryview():
    data = BYTES("a4016161024261ff03826162f5056a" + "c3bc" * 5)
    expected = {1: "a", 2: b"a\xff", 3: ["b", True], 5: "\xfc" * 5}
    for codec in CODECS:
        for given in (data, bytearray(data), memoryview(data), memoryview(b"\x00" + data + b"\x00")[1:-1]):
            assert same(codec.loads(given), expected)


def test_what_was_read_does_not_change_with_the_buffer():
    for codec in CODECS:
        for n in (3, 30):
            buf = bytearray(codec.dumps([b"a" * n, "b" * n]))
            value = codec.loads(buf)
            codec.loads(codec.dumps([b"c" * n, "d" * n]))
            buf[:] = bytes(len(buf))
            assert same(value, [b"a" * n, "b" * n])


# --- Arrays and maps


def test_containers_of_every_width_of_length():
    for codec in CODECS:
        for n, array, pairs in ((0, "80", "a0"), (23, "97", "b7"), (24, "9818", "b818"), (256, "990100", "b90100")):
            items = list(range(n))
            content = b"".join([cbor.dumps(i) for i in items])
            assert codec.dumps(items) == codec.dumps(tuple(items)) == BYTES(array) + content
            assert same(codec.loads(BYTES(array) + content), items)
            squares = {i: [i] for i in items}
            assert text(codec.dumps(squares)).startswith(pairs)
            assert same(codec.loads(codec.dumps(squares)), squares)


def test_a_map_is_written_in_the_order_of_the_dict():
    for codec in CODECS:
        for value in ({3: 1, 1: 2, 2: 3}, {"b": 1, "a": {2: 1, 1: 0}, 3: None}, {i * 37 % 101: i for i in range(100)}):
            content = b"".join([cbor.dumps(k) + cbor.dumps(value[k]) for k in value])
            assert codec.dumps(value) == cbor.dumps(value)
            assert codec.dumps(value).endswith(content)


def test_a_key_is_a_number_a_string_a_bool_or_null():
    for codec in CODECS:
        for key in (
            0,
            23,
            24,
            -1,
            1 << 40,
            -(1 << 40),
            1 << 70,
            "",
            "a",
            "\xfc",
            b"",
            b"a",
            1.5,
            -0.5,
            True,
            False,
            None,
        ):
            data = b"\xa2" + cbor.dumps(key) + b"\x81\x01\x18\x63\xf6"
            assert same(codec.loads(data), {key: [1], 99: None}), key
            assert same(codec.loads(b"\x82\x81" + data + b"\x05"), [[{key: [1], 99: None}], 5]), key
            assert same(codec.loads(codec.dumps({key: 1})), {key: 1}), key
        assert codec.loads(BYTES("a17f61616162ff05")) == {"ab": 5}


def test_what_a_dict_cannot_look_up_is_no_key():
    for codec in CODECS:
        for key in ("80", "8101", "a0", "a10102", "9fff", "bfff", "c101", "d9d9f700", "f7", "f0", "f8ff", "f97e00"):
            wrong(codec, BYTES("a1" + key + "00"), KEY, 1)
            wrong(codec, BYTES("8205a20102" + key + "00"), KEY, 5)
            wrong(codec, BYTES("bf" + key + "00ff"), KEY, 1)


def test_a_key_that_comes_twice_is_rejected():
    for codec in CODECS:
        for first, second in (
            ("01", "01"),
            ("01", "1801"),
            ("20", "20"),
            ("1a40000000", "1b0000000040000000"),
            ("1bffffffffffffffff", "c248ffffffffffffffff"),
            ("6161", "6161"),
            ("4161", "4161"),
            ("f5", "f5"),
            ("01", "f93c00"),  # a dict cannot hold these apart
            ("01", "f5"),
            ("00", "f4"),
        ):
            n = len(first) // 2
            wrong(codec, BYTES("a2" + first + "05" + second + "06"), KEY, 2 + n)
            wrong(codec, BYTES("81a3" + first + "051763" + "616263" + second + "06"), KEY, 8 + n)
            wrong(codec, BYTES("bf" + first + "05" + second + "06ff"), KEY, 2 + n)


def test_indefinite_lengths():
    for codec in CODECS:
        assert same(codec.loads(BYTES("5fff")), b"")
        assert same(codec.loads(BYTES("7fff")), "")
        assert same(codec.loads(BYTES("bfff")), {})
        assert same(codec.loads(BYTES("5f404101420203ff")), b"\x01\x02\x03")
        assert same(codec.loads(BYTES("82bf019f0203ff04a0ff05")), [{1: [2, 3], 4: {}}, 5])
        assert same(codec.loads(BYTES("a2019fff02bf0304ff")), {1: [], 2: {3: 4}})


def test_each_chunk_is_whole_text():
    for codec in CODECS:
        wrong(codec, BYTES("7f61c361bcff"), TEXT, 1)
        assert codec.loads(BYTES("7f62c3bcff")) == "\xfc"


# --- Tags and simple values


def test_tags():
    for codec in CODECS:
        for number, head in (
            (0, "c0"),
            (1, "c1"),
            (23, "d7"),
            (24, "d818"),
            (55799, "d9d9f7"),
            ((1 << 64) - 1, "db" + "f" * 16),
        ):
            tag = Tag(number, [1, {2: "x"}])
            data = BYTES(head + "8201a1026178")
            assert codec.dumps(tag) == data
            assert same(codec.loads(data), tag)
            assert same(codec.loads(b"\x82\x05" + data), [5, tag])
    assert Tag(1, 2) == Tag(1, 2)
    assert Tag(1, 2) != Tag(1, 3) and Tag(1, 2) != Tag(3, 2) and Tag(1, 2) != 2
    assert repr(Tag(1, "a")) == "Tag(1, 'a')"
    raises(ValueError, Tag, -1, 0)
    raises(ValueError, Tag, 1 << 64, 0)


def test_simple_values():
    for codec in CODECS:
        for number in range(256):
            data = bytes([0xE0 | number]) if number < 24 else bytes([0xF8, number])
            if 20 <= number <= 22:
                assert codec.loads(data) is (False, True, None)[number - 20]
                raises(ValueError, Simple, number)
            elif 24 <= number < 32:
                wrong(codec, data, MALFORMED, 0)
                raises(ValueError, Simple, number)
            else:
                assert codec.dumps(Simple(number)) == data
                assert same(codec.loads(data), Simple(number))
        assert codec.loads(b"\xf7") is undefined
        assert codec.dumps(undefined) == b"\xf7"
    assert Simple(5) != Simple(6) and Simple(5) != 5
    assert repr(Simple(5)) == "Simple(5)"
    raises(ValueError, Simple, -1)
    raises(ValueError, Simple, 256)


def test_the_twin_offers_the_types():
    for codec in CODECS:
        assert codec.Tag is Tag and codec.Simple is Simple and codec.undefined is undefined
        raises(AttributeError, getattr, codec, "nothing_of_this_name")


# --- Bounds


def nested(head, times, end="00"):
    return BYTES(head * times + end)


def test_depth_counts_arrays_maps_and_tags():
    for codec in CODECS:
        for head, tail in (
            ("81", ""),
            ("a100", ""),
            ("c1", ""),
            ("9f", "ff"),
            ("bf00", "ff"),
            ("d9d9f7", ""),
            ("a10081c1", ""),
        ):
            levels = 3 if head == "a10081c1" else 1
            for depth in (0, 1, 2, 15, 16, 17, 40):
                times = depth // levels
                codec.loads(nested(head, times, "00" + tail * times), depth)
                if levels == 1:
                    at = len(head) // 2 * depth
                    wrong(codec, nested(head, depth + 1, "00" + tail * (depth + 1)), TOO_DEEP, at, depth=depth)
        for scalar in (0, -1, 1.5, "a", b"a", None):
            assert same(codec.loads(cbor.dumps(scalar), 0), scalar)
        for empty in ("80", "a0", "9fff", "bfff", "c100", "c24101"):
            wrong(codec, BYTES(empty), TOO_DEEP, 0, depth=0)
            codec.loads(BYTES(empty), 1)


def test_depth_is_counted_anew_after_each_container():
    for codec in CODECS:
        data = BYTES("84" + "8100" * 2 + "a10081a0" + "c181bf00c100ff")
        codec.loads(data, 5)
        wrong(codec, data, TOO_DEEP, 13, depth=4)


def test_sixteen_deep_both_ways_and_no_more():
    for codec in CODECS:
        value = 0
        for wrap in (lambda v: [v], lambda v: {1: v}, lambda v: (v,), lambda v: Tag(5, v)) * 4:
            value = wrap(value)
        assert codec.loads(codec.dumps(value)) == codec.loads(cbor.dumps(value))
        for deeper in ([value], (value,), {1: value}, Tag(1, value)):
            raises(ValueError, codec.dumps, deeper)
            raises(ValueError, codec.dump_into, bytearray(100), 0, deeper)
        value = []
        value.append(value)
        raises(ValueError, codec.dumps, value)


def allocated_b(fn, *args):
    """What a call takes from the heap, garbage included; 0 where it cannot be known."""
    if sys.implementation.name != "micropython":
        fn(*args)
        return 0
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    try:
        fn(*args)
        return gc.mem_alloc() - before
    finally:
        gc.enable()


def test_a_claim_costs_nothing_before_its_bytes_are_there():
    bombs = [
        "5a7fffffff",
        "5affffffff",
        "5b0000000100000001",
        "5b7fffffffffffffff",
        "5bffffffffffffffff",
        "7affffffff61",
        "7bffffffffffffffff61",
        "9affffffff00",
        "9a8000000000",
        "9b000000010000000000",
        "9bffffffffffffffff00",
        "ba7fffffff0000",
        "ba800000000000",
        "bb00000001000000000000",
        "bbffffffffffffffff0000",
        "bb80000000000000010000",
        "5f5bffffffffffffffff00ff",
        "9f9bffffffffffffffff00ff",
        "c25bffffffffffffffff00",
        "9903e8" * 12,
    ]
    for codec in CODECS:
        for bomb in bombs:
            data = BYTES(bomb)
            refused = outcome(codec.loads, data)
            assert refused[0] == TRUNCATED, (bomb, refused)
            assert allocated_b(outcome, codec.loads, data) < 4096, bomb


def test_items_are_counted_at_all_levels():
    for codec in CODECS:
        for data, items in (
            ("00", 1),
            ("1bffffffffffffffff", 1),
            ("58036162ff", 1),  # strings hold no items; this one is not whole
            ("43a0a0a0", 1),
            ("7803a0a0a0", 1),
            ("80", 1),
            ("8300a000", 4),
            ("a20102038104", 6),
            ("9f00018102ff", 5),
            ("839fff0000", 4),  # a break is no item, and counting goes on behind it
            ("5f41004101ff", 3),
            ("c1c2410a", 3),
            ("83f6f93c00fb3ff199999999999a", 4),
            ("9800", 1),
            ("9a0000000200" + "00", 3),
            ("82001c", 2),  # malformed, and that is told by the reading
            ("821c00", 1),
        ):
            data = BYTES(data)
            alone = outcome(codec.loads, data)
            for more in (0, 1, 1000):
                assert outcome(codec.loads, data, 16, None, items + more) == alone, data
            for fewer in range(items):
                code, offset = outcome(codec.loads, data, 16, None, fewer)
                assert code == TOO_MANY and offset < len(data), (data, fewer, code)
        assert outcome(codec.loads, BYTES("8300a000"), 16, None, 3) == (TOO_MANY, 3)
        assert outcome(codec.loads, BYTES("8300a000"), 16, None, 0) == (TOO_MANY, 0)
        assert codec.loads(BYTES("8100" + "0000"), length=2, items=2) == [0]
        raises(ValueError, codec.loads, b"\x00", 16, 2, 1)


def test_what_a_datagram_makes_is_bounded_by_its_items():
    codec = CODECS[-1]  # what devices import
    for head, items in (("80", 1), ("a0", 1), ("40", 1), ("60", 1), ("f93c00", 1), ("a10080", 3), ("a1614180", 3)):
        data = BYTES("9900c7" + head * 199)
        assert allocated_b(codec.loads, data) < 200 * items * 96  # 64-bit; half of it on a chip
        data = BYTES("990200" + head * 512)
        assert outcome(codec.loads, data, 16, None, 200)[0] == TOO_MANY


def test_nested_bombs():
    for codec in CODECS:
        for head in ("81", "9f", "a100", "bf00", "c1", "5f", "7f", "d9d9f7", "8181a100c1"):
            data = nested(head, 10000)
            refused = outcome(codec.loads, data)
            assert refused[0] in (TOO_DEEP, MALFORMED), (head, refused)
            assert allocated_b(outcome, codec.loads, data) < 8192, head


# --- dump_into, load_from, arguments

MESSAGE = {1: 1234567, 2: -42, 3: True, 4: 21.5, 5: b"0123456789ab", 6: "kitchen", 7: 3}


def test_dump_into_fits_to_the_byte():
    values = [
        MESSAGE,
        0,
        24,
        256,
        65536,
        1 << 31,
        1 << 40,
        1 << 70,
        -1,
        -500,
        1.5,
        1e10,
        0.1,
        1e-7,
        None,
        True,
        "",
        "abc",
    ]
    values += [
        b"x" * 30,
        [],
        [[]],
        {},
        {1: []},
        [1, "abc"],
        [b"abc", 300],
        Tag(1, 2),
        undefined,
        "\xfc" * 3,
        [1.5],
        {1: 1e10},
    ]
    for codec in CODECS:
        for value in values:
            data = cbor.dumps(value)
            n = len(data)
            for offset in (0, 1, 7):
                buf = bytearray(b"\xaa" * (offset + n + 3))
                assert codec.dump_into(buf, offset, value) == offset + n, value
                assert buf == b"\xaa" * offset + data + b"\xaa" * 3, value
                view = memoryview(buf)[: offset + n]
                assert codec.dump_into(view, offset, value) == offset + n, value
                for short in range(n):
                    buf = bytearray(b"\xaa" * (offset + short))
                    around = bytearray(b"\xaa" * (offset + short + 20))
                    for target in (buf, memoryview(around)[: offset + short]):
                        e = raises(WireError, codec.dump_into, target, offset, value)
                        assert (e.code, e.detail) == (NO_ROOM, offset), value
                    assert around[offset + short :] == b"\xaa" * 20, value
                    assert around[:offset] == b"\xaa" * offset, value
            raises(WireError, codec.dump_into, bytearray(n), n + 1, value)


def test_dump_into_what_cannot_be_written():
    for codec in CODECS:
        raises(TypeError, codec.dump_into, b"0123456789", 0, 1)
        raises(TypeError, codec.dump_into, memoryview(b"0123456789"), 0, 1)
        raises(ValueError, codec.dump_into, bytearray(10), -1, 1)


def test_dumps_has_no_limit_of_size():
    for codec in CODECS:
        for n in (200, 254, 255, 256, 257, 511, 512, 5000):
            for value in (b"x" * n, "x" * n, list(range(n)), [b"x" * n, {1: "y" * n}]):
                assert codec.dumps(value) == cbor.dumps(value)


def test_what_cbor_has_not_cannot_be_written():
    for codec in CODECS:
        for value in (object(), set(), range(3), len, int, Exception()):
            raises(TypeError, codec.dumps, value)
            raises(TypeError, codec.dumps, [1, {2: value}])
            raises(TypeError, codec.dump_into, bytearray(50), 0, [value])


def test_items_can_be_read_one_after_another():
    items = [1, "abc", b"x" * 40, [1, {2: 3}], {}, 1 << 70, Tag(9, [1]), 1.5, None, 100000]
    data = b"\xff" + b"".join([cbor.dumps(item) for item in items]) + b"\xff"
    for codec in CODECS:
        offset = 1
        for item in items:
            value, offset = codec.load_from(data, offset)
            assert same(value, item), item
        assert offset == len(data) - 1
        assert outcome(codec.load_from, data, offset) == (MALFORMED, offset)


def test_length_says_how_many_bytes_count():
    data = BYTES("8201430203048101")
    for codec in CODECS:
        assert codec.loads(data, length=6) == [1, b"\x02\x03\x04"]
        assert codec.load_from(data, 6, length=8) == ([1], 8)
        assert codec.load_from(data, 1, length=2) == (1, 2)
        for length in range(6):
            at = 2 if length > 2 else length
            assert outcome(codec.load_from, data, 0, 16, length) == (TRUNCATED, 0 if length < 3 else at)
        wrong(codec, data, TRAILING, 6, length=7)
        wrong(codec, data, TRAILING, 6)
        assert outcome(codec.load_from, data, 8) == (TRUNCATED, 8)
        assert outcome(codec.load_from, data, 3, 16, 3) == (TRUNCATED, 3)
        for offset, length in ((-1, None), (9, None), (0, 9), (0, -1), (4, 3)):
            raises(ValueError, codec.load_from, data, offset, 16, length)
        raises(ValueError, codec.loads, data, 16, 9)


def test_an_error_tells_where():
    for codec in CODECS:
        for data, code, offset in (
            ("", TRUNCATED, 0),
            ("8201", TRUNCATED, 0),  # two items cannot be in one byte
            ("820119", TRUNCATED, 2),
            ("8201430102", TRUNCATED, 2),
            ("8201fb00000000", TRUNCATED, 2),
            ("a101", TRUNCATED, 0),
            ("a2010203", TRUNCATED, 0),
            ("a1018202", TRUNCATED, 2),
            ("9f01", TRUNCATED, 2),
            ("5f4101", TRUNCATED, 3),
            ("c1", TRUNCATED, 1),
            ("82011c", MALFORMED, 2),
            ("8201ff", MALFORMED, 2),
            ("bf01ff", MALFORMED, 2),
            ("a1013f", MALFORMED, 2),
            ("820ff81f", MALFORMED, 2),
            ("5f6101ff", MALFORMED, 1),
            ("5f5f4101ffff", MALFORMED, 1),
            ("a10182c2f600", MALFORMED, 3),
            ("00ff", TRAILING, 1),
            ("a1010203", TRAILING, 3),
        ):
            wrong(codec, BYTES(data), code, offset)


def test_the_first_error_counts():
    for codec in CODECS:
        wrong(codec, BYTES("a301020103ff"), TRUNCATED, 0)
        wrong(codec, BYTES("a301020103ff00"), KEY, 3)
        wrong(codec, BYTES("a380020103ff00"), KEY, 1)
        wrong(codec, BYTES("a2811c0203ff"), MALFORMED, 2)


# --- The twins


def rng(seed):
    """A linear congruential generator; next(n) -> 0..n - 1."""
    state = [seed]

    def below(n):
        state[0] = (state[0] * 1103515245 + 12345) & 0x7FFFFFFF
        return (state[0] >> 12) % n

    return below


def random_value(below, depth=3):
    kind = below(14 if depth else 10)
    if kind < 3:
        value = below(1 << 18) >> below(18)
        value <<= below(60) if below(3) == 0 else 0
        return ~value if below(2) else value
    if kind == 3:
        return (below(1 << 18) << 60) + below(1 << 18)
    if kind == 4:
        return (True, False, None, undefined, Simple(below(20)), Simple(32 + below(224)))[below(6)]
    if kind == 5:
        return (below(1 << 18) - (1 << 17)) / (1 << below(140)) * (1.0 if below(2) else 1.1)
    if kind < 8:
        return "".join(
            [
                "az\0\x7f\x80\xfc\u07ff\u0800\u6c34\U00010151"[below(10) if below(4) == 0 else 0]
                for _ in range(below(40))
            ]
        )
    if kind < 10:
        return bytes([below(256) for _ in range(below(40))])
    if kind == 10:
        return Tag(4 + (below(1 << 18) >> below(16)), random_value(below, depth - 1))
    if kind == 11:
        return [random_value(below, depth - 1) for _ in range(below(12))]
    # MicroPython warns about a dict with both str and bytes.
    kind = (int, str, bytes)[below(3)]
    keys = [random_value(below, 0) for _ in range(below(12))]
    return {k: random_value(below, depth - 1) for k in keys if isinstance(k, kind)}


def mutated(below, data):
    data = bytearray(data)
    for _ in range(1 + below(3)):
        at = below(len(data)) if data else 0
        what = below(4)
        if what == 0 and data:
            data[at] ^= 1 << below(8)
        elif what == 1 and data:
            data[at] = below(256)
        elif what == 2:
            data = data[:at]
        else:
            data = data[:at] + bytes([(0x9F, 0xBF, 0x5F, 0xFF, 0x81, 0xA1, 0xF9, 0xC1)[below(8)]]) + data[at:]
    return bytes(data)


def decoded(codec, data, depth):
    """(value, next offset) or (code, offset)."""
    return outcome(codec.load_from, data, 0, depth)


def test_a_random_value_comes_back():
    for codec in CODECS:
        for seed in range(1000):
            value = random_value(rng(seed))
            assert same(codec.loads(codec.dumps(value)), value), seed


if len(CODECS) > 1:

    def test_twins_write_the_same():
        for seed in range(1500):
            value = random_value(rng(seed))
            assert cbor_viper.dumps(value) == cbor.dumps(value), seed

    def test_twins_read_the_same():
        for seed in range(1500):
            below = rng(seed)
            data = cbor.dumps(random_value(below))
            for given in (
                data,
                mutated(below, data),
                mutated(below, data),
                bytes([below(256) for _ in range(below(20))]),
            ):
                depth = below(5)
                plain, fast = decoded(cbor, given, depth), decoded(cbor_viper, given, depth)
                assert same(list(plain), list(fast)), (seed, text(given), plain, fast)

    def test_common_messages_need_no_plain_twin():
        def never(*args):
            raise AssertionError(args)

        kept = cbor_viper._dump_rare, cbor_viper._load_rare
        cbor_viper._dump_rare = cbor_viper._load_rare = never
        try:
            message = {
                1: [1 << 31, (1 << 64) - 1, -(1 << 64)],
                "K\xfcche": {-2: [1e10, 0.1, 0.0, 1e-5]},
                b"k": (None, "x" * 300),
            }
            data = cbor_viper.dumps([MESSAGE, message])
            assert same(cbor_viper.loads(data), cbor.loads(data))
        finally:
            cbor_viper._dump_rare, cbor_viper._load_rare = kept
