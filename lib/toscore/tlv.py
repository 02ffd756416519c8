"""BER-TLV as cards write it, EMV 4.3 Book 3 Annex B. Pure: bytes in, bytes out.

A tag is an int as it stands in the bytes: 0x9F36. At most three bytes of tag and two of length, as EMV says.
"""

from micropython import const
from toscore.errors import WireError

_CARD_MALFORMED = const(350)

_CONSTRUCTED = const(0x20)
_DEPTH = const(8)


def put(tag, value):
    """One data object -> bytes. value: at most 65,535 B, for a template the objects in it."""
    size = len(value)
    if size > 0xFFFF:
        raise ValueError(size)
    head = _uint(tag)
    if size > 0xFF:
        head += b"\x82"
    elif size > 0x7F:
        head += b"\x81"
    return head + _uint(size) + value


def read(data, offset, end):
    """The object at data[offset] -> (tag, where its value begins, where it ends). WireError(350, offset)."""
    at = offset
    if at >= end:
        raise WireError(_CARD_MALFORMED, offset)
    tag = data[at]
    at += 1
    if tag & 0x1F == 0x1F:
        for n in range(3):
            if n == 2 or at >= end:
                raise WireError(_CARD_MALFORMED, offset)
            tag = tag << 8 | data[at]
            at += 1
            if not tag & 0x80:
                break
    if at >= end:
        raise WireError(_CARD_MALFORMED, offset)
    size = data[at]
    at += 1
    if size & 0x80:
        width = size & 0x7F
        if not 0 < width < 3 or at + width > end:
            raise WireError(_CARD_MALFORMED, offset)
        size = int.from_bytes(data[at : at + width], "big")
        at += width
    if at + size > end:
        raise WireError(_CARD_MALFORMED, offset)
    return tag, at, at + size


def walk(data, offset=0, end=None, depth=0):
    """Yields (depth, tag, where its value begins, where it ends) of each object, a template before what is in it.

    Zeros between objects are padding. WireError(350, offset), also for templates more than eight deep.
    """
    end = len(data) if end is None else end
    while offset < end:
        if not data[offset]:
            offset += 1
            continue
        if depth == _DEPTH:
            raise WireError(_CARD_MALFORMED, offset)
        first = data[offset]
        tag, at, offset = read(data, offset, end)
        yield depth, tag, at, offset
        if first & _CONSTRUCTED:
            yield from walk(data, at, offset, depth + 1)


def find(data, wanted):
    """The value of the first object with this tag, however deep, as a slice of data; None without one. WireError."""
    for _, tag, at, end in walk(data):
        if tag == wanted:
            return data[at:end]


def _uint(n):
    size = 1
    while n >> 8 * size:
        size += 1
    return n.to_bytes(size, "big")
