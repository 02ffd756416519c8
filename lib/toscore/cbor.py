"""CBOR, RFC 8949: values to bytes and back. Pure: bytes in, bytes out. cbor_viper.py is its fast twin on MicroPython.

Python int, float, str, bytes, list, dict, bool and None are their own CBOR types. bytearray, memoryview (of bytes) and
tuple can be written, and come back as bytes and list. The rest of CBOR is Tag, Simple and undefined. Indefinite lengths
are read, never written. A map key that comes twice, or that is not a number, a string, a bool or null, is an error; so
are 1, 1.0 and True in one map, because a dict cannot hold them apart.
"""

import struct
from binascii import unhexlify

from micropython import const
from toscore.errors import WireError

_CBOR_TRUNCATED = const(301)
_CBOR_MALFORMED = const(302)
_CBOR_TOO_DEEP = const(303)
_CBOR_KEY = const(304)
_CBOR_TEXT = const(305)
_CBOR_TRAILING = const(306)
_CBOR_NO_ROOM = const(307)
_CBOR_TOO_MANY = const(308)

_DEPTH = const(16)  # arrays, maps and tags inside one another

# Major types, section 3.1, in the three high bits of an item's first byte.
_NEGATIVE = const(0x20)
_BYTES = const(0x40)
_STR = const(0x60)
_ARRAY = const(0x80)
_MAP = const(0xA0)
_TAG = const(0xC0)
_SIMPLE = const(0xE0)
_INDEFINITE = const(31)
_BREAK = const(0xFF)

# Additional information 25 to 27 of major type 7, section 3.3.
_FLOATS = ((0xF9, ">e"), (0xFA, ">f"), (0xFB, ">d"))


class Simple:
    """A simple value that Python has no name for (section 3.3). number: 0..19, 23, 32..255."""

    def __init__(self, number):
        if not (0 <= number < 20 or number == 23 or 32 <= number < 256):
            raise ValueError(number)
        self.number = number

    def __eq__(self, other):
        return isinstance(other, Simple) and self.number == other.number

    def __repr__(self):
        return "Simple(%d)" % self.number


class Tag:
    """A value with a meaning from IANA's registry of tags (section 3.4). number: 0..2**64 - 1.

    Tags 2 and 3, bignums, never show: they are plain int.
    """

    def __init__(self, number, value):
        if number < 0 or number >> 64:
            raise ValueError(number)
        self.number = number
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Tag) and self.number == other.number and self.value == other.value

    def __repr__(self):
        return "Tag(%d, %r)" % (self.number, self.value)


undefined = Simple(23)


def dumps(value):
    """value -> bytes, in preferred serialization (section 4.1), a dict in the order in which it iterates.

    TypeError: a type that CBOR has not. ValueError: more than 16 arrays, maps and tags inside one another.
    """
    out = bytearray()
    append(out, value, _DEPTH)
    return bytes(out)


def dump_into(buf, offset, value):
    """dumps(value) into buf (bytearray or writable memoryview) -> offset behind it.

    WireError(307, offset) when it does not fit; buf from offset on is then undefined.
    """
    if offset < 0:
        raise ValueError(offset)
    data = dumps(value)
    end = offset + len(data)
    if end > len(buf):
        raise WireError(_CBOR_NO_ROOM, offset)
    buf[offset:end] = data
    return end


def loads(data, depth=_DEPTH, length=None, items=None):
    """data (bytes, bytearray or memoryview), one item and nothing behind it -> value.

    depth: how many arrays, maps and tags may be inside one another. length: how many bytes of data count, all by
    default, so that a reused buffer needs no slice. items: how many items may come, at all levels together; a value
    takes its strings and at most 48 B for each on a chip, so that depth, length and items bound its memory. They are
    counted before anything is made; not by default. Whatever is wrong with the bytes is a WireError(code, byte offset).
    """
    end = len(data) if length is None else length
    if items is not None and items < end <= len(data):  # an item has a byte at least
        count(data, end, items)
    value, p = load_from(data, 0, depth, end)
    if p != end:
        raise WireError(_CBOR_TRAILING, p)
    return value


def load_from(data, offset, depth=_DEPTH, length=None):
    """The item at data[offset] -> (value, next offset). depth, length, errors: as loads; length counts from 0."""
    end = len(data) if length is None else length
    if not 0 <= offset <= end <= len(data):
        raise ValueError(offset)
    return _item(data, offset, end, depth)


def count(data, end, items):
    """WireError(308, offset) when more items begin in data[:end]. What is malformed is left for the reading."""
    p = 0
    while p < end:
        at = p
        if data[p] == _BREAK:
            p += 1
            continue
        try:
            major, _, number, p = _first(data, p, end)
        except WireError:
            return
        items -= 1
        if items < 0:
            raise WireError(_CBOR_TOO_MANY, at)
        if number > 0 and major in (_BYTES, _STR):
            p += number


def append(out, value, depth):
    """dumps(value) at the end of out, a bytearray. depth: how many arrays, maps and tags may be inside one another."""
    if value is None:
        out.append(0xF6)
    elif value is True:
        out.append(0xF5)
    elif value is False:
        out.append(0xF4)
    elif isinstance(value, int):
        _int(out, value)
    elif isinstance(value, float):
        _float(out, value)
    elif isinstance(value, str):
        value = value.encode()
        _head(out, _STR, len(value))
        out.extend(value)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        value = bytes(value)
        _head(out, _BYTES, len(value))
        out.extend(value)
    elif isinstance(value, Simple):
        _head(out, _SIMPLE, value.number)
    elif not isinstance(value, (list, tuple, dict, Tag)):
        raise TypeError("not CBOR: %s" % type(value))
    elif depth < 1:
        raise ValueError("nested too deep")
    elif isinstance(value, Tag):
        _head(out, _TAG, value.number)
        append(out, value.value, depth - 1)
    elif isinstance(value, dict):
        _head(out, _MAP, len(value))
        for key in value:
            append(out, key, depth - 1)
            append(out, value[key], depth - 1)
    else:
        _head(out, _ARRAY, len(value))
        for item in value:
            append(out, item, depth - 1)


def _head(out, major, number):
    """An item's first byte and its argument, as short as possible. number: 0..2**64 - 1."""
    if number < 24:
        out.append(major | number)
        return
    info = 24
    width = 1
    while number >> (8 * width):
        info += 1
        width *= 2
    out.append(major | info)
    out.extend(number.to_bytes(width, "big"))


def _int(out, value):
    """Major types 0 and 1; a bignum (section 3.4.3) beyond 64 bits."""
    negative = value < 0
    if negative:
        value = ~value
    if value >> 64:
        digits = "%x" % value
        raw = unhexlify("0" * (len(digits) & 1) + digits)
        out.append(_TAG | (3 if negative else 2))
        _head(out, _BYTES, len(raw))
        out.extend(raw)
    else:
        _head(out, _NEGATIVE if negative else 0, value)


def _float(out, value):
    """The shortest of half, single and double that holds the value exactly; every NaN is f97e00."""
    if value != value:
        out.extend(b"\xf9\x7e\x00")
        return
    units = abs(value) * 16777216.0  # of the smallest half; MicroPython's struct cannot write subnormal ones
    if 0 < units < 1024 and units == int(units):
        out.extend(struct.pack(">BH", 0xF9, int(units) | (0x8000 if value < 0 else 0)))
        return
    for head, form in _FLOATS:
        try:
            raw = struct.pack(form, value)
        except OverflowError:  # CPython; MicroPython makes it an infinity
            continue
        if struct.unpack(form, raw)[0] == value:
            out.append(head)
            out.extend(raw)
            return


def _item(data, offset, end, depth):
    """The item at data[offset], which ends by end -> (value, next offset). An error tells its item's first byte.

    One call for each level: a chip's stack has room for some fifty.
    """
    major, info, number, p = _first(data, offset, end)
    if major == 0:
        return number, p
    if major == _NEGATIVE:
        return ~number, p
    if major == _SIMPLE:
        return _simple(data, offset, info, number), p
    # Each element takes a byte at least, so what cannot be there is refused before memory is taken for it.
    if major < _TAG and number * (2 if major == _MAP else 1) > end - p:
        raise WireError(_CBOR_TRUNCATED, offset)
    if major < _ARRAY:
        return _string(data, offset, major, number, p, end)
    if depth < 1:
        raise WireError(_CBOR_TOO_DEEP, offset)
    depth -= 1
    if major == _TAG:
        value, p = _item(data, p, end, depth)
        return _tagged(offset, number, value), p
    items = {} if major == _MAP else []
    while number:
        if number < 0 and _broken(data, p, end):
            p += 1
            break
        at = p
        item, p = _item(data, p, end, depth)
        if major == _ARRAY:
            items.append(item)
        # NaN equals nothing, so that it could neither be looked up nor be seen to come twice.
        elif isinstance(item, (list, dict, Tag, Simple)) or item != item or item in items:
            raise WireError(_CBOR_KEY, at)
        else:
            items[item], p = _item(data, p, end, depth)
        number -= 1
    return items, p


def _first(data, offset, end):
    """-> (major type, additional information, argument, offset behind it); -1 is an indefinite length (section 3.2)."""
    if offset == end:
        raise WireError(_CBOR_TRUNCATED, offset)
    major = data[offset] & 0xE0
    info = data[offset] & 0x1F
    p = offset + 1
    if info < 24:
        return major, info, info, p
    if info == _INDEFINITE and _BYTES <= major <= _MAP:
        return major, info, -1, p
    if info > 27:
        raise WireError(_CBOR_MALFORMED, offset)
    p += 1 << (info - 24)
    if p > end:
        raise WireError(_CBOR_TRUNCATED, offset)
    return major, info, int.from_bytes(data[offset + 1 : p], "big"), p


def _broken(data, p, end):
    """Whether an indefinite length ends at p (section 3.2.1)."""
    if p == end:
        raise WireError(_CBOR_TRUNCATED, p)
    return data[p] == _BREAK


def _simple(data, offset, info, number):
    """Major type 7. number: the simple value, when it is not a float."""
    if info > 24:
        return struct.unpack_from(_FLOATS[info - 25][1], data, offset + 1)[0]
    if info == 24 and number < 32:
        raise WireError(_CBOR_MALFORMED, offset)
    if 20 <= number <= 22:
        return (False, True, None)[number - 20]
    return undefined if number == 23 else Simple(number)


def _tagged(offset, number, value):
    if number != 2 and number != 3:
        return Tag(number, value)
    if not isinstance(value, bytes):
        raise WireError(_CBOR_MALFORMED, offset)
    value = int.from_bytes(value, "big")
    return value if number == 2 else ~value


def _string(data, offset, major, number, p, end):
    """number: its length, or -1 for chunks up to a break (section 3.2.3), each of them a whole string."""
    if number < 0:
        chunks = []
        while not _broken(data, p, end):
            if data[p] & 0xE0 != major or data[p] & 0x1F == _INDEFINITE:
                raise WireError(_CBOR_MALFORMED, p)
            chunk, p = _item(data, p, end, 0)
            chunks.append(chunk)
        return (b"" if major == _BYTES else "").join(chunks), p + 1
    raw = bytes(data[p : p + number])
    return (raw if major == _BYTES else _text(raw, offset)), p + number


def _text(raw, offset):
    try:
        text = str(raw, "utf-8")
    except UnicodeError:
        raise WireError(_CBOR_TEXT, offset) from None
    if len(text) != len(raw):
        # MicroPython lets overlong forms and surrogates pass (RFC 3629 section 3 does not).
        length = 0
        for char in text:
            code = ord(char)
            if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
                raise WireError(_CBOR_TEXT, offset)
            length += 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
        if length != len(raw):
            raise WireError(_CBOR_TEXT, offset)
    return text
