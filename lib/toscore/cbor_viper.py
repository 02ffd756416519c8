"""CBOR, RFC 8949: the fast twin of cbor.py, with the same names and results. MicroPython only, little-endian.

What is rare on the wire is left to the plain twin, imported when it first comes: tags, bignums, indefinite lengths,
simple values, subnormal floats, map keys that are not integers or strings, and everything that is wrong, so that the
codes and offsets of errors are one and the same. The buffers below are shared: one thread only. Each direction is one
function, because a call would cost more than what it does; that is why this file is longer than others may be.
"""

from array import array

import micropython
from micropython import const
from toscore.errors import WireError

_CBOR_TRAILING = const(306)
_CBOR_NO_ROOM = const(307)
_CBOR_TOO_MANY = const(308)

_DEPTH = const(16)
_FIRST_B = const(256)  # the room that dumps tries first
_VIEWS = const(24)

# viper reads `int(x)` as a cast; by another name it is the builtin, which makes an object of a native number.
_int = int
_str = str
_bytes = bytes
_bytearray = bytearray
_float = float
_bool = bool
_none = None
_simple = (False, True, None)
_binary = (bytes, bytearray, memoryview)
_dict = dict
_list_or_tuple = (list, tuple)
_len = len
_type = type
_isinstance = isinstance
_append = list.append
_copy = dict.copy
_from_bytes = int.from_bytes
_to_bytes = int.to_bytes
_low = -(1 << 30)
_high = 1 << 30
_max = (1 << 64) - 1

_out = memoryview(bytearray(_FIRST_B))
_short = bytearray(_VIEWS)  # a short string on its way into an object; _views[n] are its first n bytes
_views = [memoryview(_short)[:n] for n in range(_VIEWS)]
# Empty, but with room for eight pairs: its copies need not grow five times on the way there.
_roomy = dict.fromkeys(bytes(8))
del _roomy[0]
_single = array("f", [0])
_double = array("d", [0])


def __getattr__(name):
    """Tag, Simple and undefined are the plain twin's."""
    from toscore import cbor

    return getattr(cbor, name)


def dumps(value):
    """As cbor.dumps."""
    out = _out
    while True:
        end = _dump(out, 0, len(out), (value,), 0, _DEPTH)
        if end >= 0:
            return bytes(out[:end])
        out = memoryview(bytearray(2 * len(out)))


def dump_into(buf, offset, value):
    """As cbor.dump_into."""
    if offset < 0:
        raise ValueError(offset)
    room = len(buf)
    if offset < room:
        buf[offset] = 0  # viper would write to what is read-only
    end = _dump(buf, offset, room, (value,), 0, _DEPTH)
    if end < 0:
        raise WireError(_CBOR_NO_ROOM, offset)
    return end


def loads(data, depth=_DEPTH, length=None, items=None):
    """As cbor.loads."""
    # Few locals: a frame of more than 11 words comes from the heap, and costs as much as the decoding itself.
    if items is not None:
        _bound(data, length, items)
    if length is None:
        length = len(data)
    value, end = load_from(data, 0, depth, length)
    if end != length:
        raise WireError(_CBOR_TRAILING, end)
    return value


def load_from(data, offset, depth=_DEPTH, length=None):
    """As cbor.load_from."""
    end = len(data) if length is None else length
    if not 0 <= offset <= end <= len(data):
        raise ValueError(offset)
    return _load(data, offset, end, depth)


def _bound(data, length, items):
    """WireError for more items than that; so many bytes hold no more."""
    end = len(data) if length is None else length
    if items < end <= len(data):
        _count(data, end, items)


def _dump_rare(value, depth):
    from toscore import cbor

    out = bytearray()
    cbor.append(out, value, depth)
    return out


def _load_rare(data, offset, end, depth):
    from toscore import cbor

    return cbor.load_from(data, offset, depth, end)


def _is_utf8(text):
    """RFC 3629 section 4. MicroPython's own check lets overlong forms and surrogates pass."""
    more = 0  # bytes that the character still lacks; the next one is in low..high
    low = 0x80
    high = 0xBF
    for byte in text:
        if more:
            if not low <= byte <= high:
                return False
            low = 0x80
            high = 0xBF
            more -= 1
        elif byte > 0x7F:
            if not 0xC2 <= byte <= 0xF4:
                return False
            more = 1 + (byte > 0xDF) + (byte > 0xEF)
            low = {0xE0: 0xA0, 0xF0: 0x90}.get(byte, 0x80)
            high = {0xED: 0x9F, 0xF4: 0x8F}.get(byte, 0xBF)
    return not more


def _count(data, end, items):
    """As cbor.count."""
    p = 0
    while p < end:
        at = p
        major = data[p] >> 5
        n = data[p] & 31
        p += 1
        if data[at] == 0xFF:
            continue
        if n > 23:
            width = 1 << n - 24
            if n == 31 and 1 < major < 6:
                n = 0
            elif n > 27 or p + width > end:
                return
            else:
                n = _from_bytes(data[p : p + width], "big")
                p += width
        items -= 1
        if items < 0:
            raise WireError(_CBOR_TOO_MANY, at)
        if 1 < major < 4:
            p += n


@micropython.viper
def _dump(out, p: int, room: int, items, pairs: int, depth: int) -> int:
    """items, of a map (pairs 1) the values too, into out[p:room] -> offset behind them, -1 when out is too small."""
    b = ptr8(out)
    short = ptr8(_short)
    number = ptr8(_double)
    type_of = _type
    int_type = _int
    str_type = _str
    low_int = _low
    high_int = _high
    for x in items:
        turn = pairs
        while True:
            # An item is its first byte, `width` bytes of n, and source[i:m].
            first = 0
            major = -1  # what begins with n in as few bytes as it needs
            width = 0
            n = 0
            i = 0
            m = 0
            inner = -1  # the pairs of a container's items
            rare = 0
            source = short
            kind = type_of(x)
            if kind is int_type:
                if low_int < x and x < high_int:
                    n = int(x)
                    major = 0
                    if n < 0:
                        major = 0x20
                        n = -1 - n
                else:  # more than a native number holds
                    raw = x
                    first = 0x1A
                    if x < high_int:
                        raw = ~x
                        first = 0x3A
                    if raw > _max:
                        rare = 1
                    else:
                        raw = _to_bytes(raw, 8, "big")
                        source = ptr8(raw)
                        m = 8
                        if source[0] | source[1] | source[2] | source[3]:
                            first += 1
                        else:
                            i = 4
            elif kind is str_type:
                major = 0x60
                source = ptr8(x)
                # Count the characters off; the NUL that MicroPython keeps behind every string ends the last one.
                left = int(_len(x))
                while left or source[n] & 0xC0 == 0x80:
                    if source[n] & 0xC0 != 0x80:
                        left -= 1
                    n += 1
                m = n
            elif kind is _dict:
                inner = 1
            elif kind is _bool:
                first = 0xF4
                if x:
                    first = 0xF5
            elif kind is _float:
                _single[0] = x
                n = ptr32(_single)[0]
                if x == _single[0]:
                    first = 0xFA
                    width = 4
                    mantissa = n & 0x7FFFFF
                    if mantissa & 0x1FFF == 0:
                        exponent = (n >> 23) & 0xFF
                        half = exponent - 112
                        if exponent == 0xFF:
                            half = 31
                        elif half > 30:
                            half = 32
                        elif exponent | mantissa == 0:
                            half = 0
                        elif half < 1:  # a subnormal half, or a single
                            rare = 1
                        if half < 32:
                            first = 0xF9
                            width = 2
                            n = (n >> 16) & 0x8000 | half << 10 | mantissa >> 13
                elif x == x:
                    first = 0xFB
                    _double[0] = x
                    while m < 8:
                        short[m] = number[7 - m]
                        m += 1
                else:
                    first = 0xF9
                    width = 2
                    n = 0x7E00
            elif x is _none:
                first = 0xF6
            elif _isinstance(x, _binary):
                major = 0x40
                source = ptr8(x)
                n = int(_len(x))
                m = n
            elif _isinstance(x, _list_or_tuple):
                inner = 0
            elif _isinstance(x, _dict):
                inner = 1
            else:
                rare = 1
            if inner >= 0:
                major = 0x80 | inner << 5
                n = int(_len(x))
                if depth < 1:
                    rare = 1
            if rare:
                raw = _dump_rare(x, depth)
                source = ptr8(raw)
                first = source[0]
                width = 0
                i = 1
                m = int(_len(raw))
            if major >= 0:
                first = major | n
                if n > 23:
                    first = major | 24
                    width = 1
                    while n >> (4 * width) >> (4 * width):  # a shift by 32 at once would be none on 32 bits
                        first += 1
                        width *= 2

            if p + width + m - i >= room:
                return -1
            b[p] = first
            p += 1 + width
            q = p
            while width:
                q -= 1
                b[q] = n
                n >>= 8
                width -= 1
            while i < m:
                b[p] = source[i]
                p += 1
                i += 1
            if inner >= 0:
                p = int(_dump(out, p, room, x, inner, depth - 1))
                if p < 0:
                    return -1
            if turn == 0:
                break
            turn = 0
            x = items[x]
    return p


@micropython.viper
def _load(data, p: int, end: int, depth: int):
    """The item at data[p], which ends by end -> (value, next offset). What is rare or wrong goes to the plain twin."""
    b = ptr8(data)
    number = ptr8(_double)
    word = ptr32(_double)
    level = 0  # how many containers are open; the innermost is box
    box = _none
    left = 0  # how many items, or pairs, it still lacks
    pairs = 0  # whether it is a map
    keyed = 0  # whether the map's latest key waits for its value
    key = _none
    at_box = 0  # its offset
    outer = _none  # the containers around it, a chain of tuples
    while True:
        at = p
        rare = 1
        major = 0
        value = _none
        wide = 0  # whether 31 bits are too few for n, so that it is in _double only
        if p < end:
            major = b[p] >> 5
            info = b[p] & 31
            p += 1
            n = info
            if info > 23 and info < 28:
                width = 1 << (info - 24)
                if width > end - p:
                    info = 31
                else:
                    n = 0
                    word[1] = 0
                    while width:
                        if n > 0x7FFFFF:
                            wide = 1
                        width -= 1
                        number[width] = b[p]
                        n = n << 8 | b[p]
                        p += 1
            if info > 27:
                pass
            elif major < 2:
                rare = 0
                if wide:
                    value = _from_bytes(_double, "little")
                    if major:
                        value = ~value
                elif major:
                    value = _int(-1 - n)
                else:
                    value = _int(n)
            elif major < 4:
                if wide == 0 and n <= end - p:
                    if n < _VIEWS:
                        raw = _views[n]
                    else:
                        raw = _bytearray(n)
                    copy = ptr8(raw)
                    bits = 0
                    i = 0
                    while i < n:
                        copy[i] = b[p]
                        bits |= b[p]
                        p += 1
                        i += 1
                    if major == 2:
                        value = _bytes(raw)
                        rare = 0
                    elif bits < 0x80 or _is_utf8(raw):
                        value = _str(raw, "utf-8")
                        rare = 0
            elif major < 6:
                if wide == 0 and n <= (end - p) >> (major - 4) and level < depth and (keyed or pairs == 0):
                    rare = 0
                    if major == 4:
                        value = []
                    elif n < 3:
                        value = {}
                    else:
                        value = _copy(_roomy)
                    if n:
                        if level:
                            outer = (outer, box, key, left, pairs, at_box)
                        level += 1
                        box = value
                        left = n
                        pairs = major - 4
                        keyed = 0
                        at_box = at
                        continue
            elif major == 7 and (keyed or pairs == 0):
                rare = 0
                if info > 19 and info < 23:
                    value = _simple[info - 20]
                elif info == 25 and (n & 0x7C00 or n & 0x3FF == 0):
                    exponent = (n >> 10) & 31
                    if exponent == 31:
                        exponent = 255
                    elif exponent:
                        exponent += 112
                    ptr32(_single)[0] = (n & 0x8000) << 16 | exponent << 23 | (n & 0x3FF) << 13
                    value = _single[0]
                elif info == 26:
                    ptr32(_single)[0] = n
                    value = _single[0]
                elif info == 27:
                    value = _double[0]
                else:
                    rare = 1

        if rare:
            spare = depth - level
            if pairs and keyed == 0:  # an odd key: the plain twin takes the whole map
                at = at_box
                spare += 1
                left = 0
            item = _load_rare(data, at, end, spare)
            value = item[0]
            p = int(item[1])

        while True:
            if left:
                if pairs == 0:
                    _append(box, value)
                elif keyed:
                    box[key] = value
                else:
                    if value in box:
                        _load_rare(data, at_box, end, depth - level + 1)  # raises
                    key = value
                    keyed = 1
                    break
                keyed = 0
                left -= 1
                if left:
                    break
                value = box
            # value is complete.
            if level == 0:
                return (value, _int(p))
            level -= 1
            if level:
                box = outer[1]
                key = outer[2]
                left = int(outer[3])
                pairs = int(outer[4])
                at_box = int(outer[5])
                outer = outer[0]
                keyed = pairs
