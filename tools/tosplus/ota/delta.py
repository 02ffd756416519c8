"""Deltas: detools' patch of type sequential, compression none (github.com/eerimoq/detools), then raw deflate.

What two releases have in common is found by bsdiff4. detools would write the same bytes, but comes as source alone.
"""

import zlib

from bsdiff4 import core

WINDOW_BITS = 10  # what a device keeps while it inflates is 1 KB; more would make a patch hardly smaller


def make(base: bytes, new: bytes) -> bytes:
    """What makes new of base. The same bytes each time."""
    return deflate(patch(base, new))


def deflate(data: bytes) -> bytes:
    """RFC 1951, with nothing around it."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -WINDOW_BITS, 9)
    return stream.compress(data) + stream.flush()


def inflate(data: bytes) -> bytes:
    """ValueError: this is not what deflate makes."""
    stream = zlib.decompressobj(-WINDOW_BITS)
    try:
        out = stream.decompress(data)
    except zlib.error as e:
        raise ValueError(str(e)) from None
    if not stream.eof or stream.unused_data:
        raise ValueError("deflate")
    return out


def patch(base: bytes, new: bytes) -> bytes:
    """make() before it is deflated."""
    controls, added, extra = core.diff(base, new)
    out = bytearray(b"\0" + _number(len(new)))
    if new:
        out += _number(0)  # no data format of its own
    at_added = at_extra = 0
    for at in range(0, len(controls), 24):
        to_add, to_copy, move = (_offset(controls[at + i : at + i + 8]) for i in (0, 8, 16))
        out += _number(to_add) + added[at_added : at_added + to_add]
        out += _number(to_copy) + extra[at_extra : at_extra + to_copy] + _number(move)
        at_added += to_add
        at_extra += to_copy
    return bytes(out)


def _offset(data: bytes) -> int:
    """As bsdiff stores it: 63 bits, the lowest byte first, and a sign."""
    number = int.from_bytes(data, "little")
    return -(number & ~(1 << 63)) if number >> 63 else number


def _number(number: int) -> bytes:
    """6 bits in the first byte, with the sign in bit 6, and 7 in each further one; bit 7 says that more come."""
    rest = abs(number)
    out = bytearray([rest & 0x3F | (0x40 if number < 0 else 0)])
    rest >>= 6
    while rest:
        out[-1] |= 0x80
        out.append(rest & 0x7F)
        rest >>= 7
    return bytes(out)
