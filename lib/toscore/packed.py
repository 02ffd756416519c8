"""Records of a fixed size, as CBOR: telemetry and controller input. Pure. packed_viper.py is the fast twin.

A record is eight integers in an array('i'), made once by `record()`; it goes into a caller's buffer and back with
nothing allocated. On the wire it is little-endian, as in the memory of every chip that we build for.

Telemetry, 36 B: d8 4e 58 20 and eight int32, a typed array of RFC 8746 (tag 78). Any CBOR reader sees where it ends and
what it is; an array of eight integers of fixed width would be 41 B, and would have to be put together number by number.

Pad, 11 B: 4a and ten bytes, a plain byte string, because an event must fit 32 B with OSCORE around it:

    0  SEQUENCE        uint16, one more with each record sent
    2  BUTTONS         uint16, bit n is pressed button n of W3C's "standard gamepad": A B X Y, shoulders left and
                       right, triggers left and right, back, start, sticks left and right, up, down, left, right
    4  LEFT_X LEFT_Y RIGHT_X RIGHT_Y   int8 each, right and down are positive; full throw is 127
    8  LEFT_TRIGGER RIGHT_TRIGGER      uint8 each

A record is the whole state, so the newest is enough: a receiver drops each that is not `newer` than the last. Whoever
was silent for ten seconds may start anew: by then no record is still on its way.
"""

import struct
from array import array

from micropython import const
from toscore.errors import WireError

_CBOR_TRUNCATED = const(301)
_CBOR_MALFORMED = const(302)

_TELEMETRY = b"\xd8\x4e\x58\x20"
_PAD = b"\x4a"
_PAD_BOUNDS = ((0, 0xFFFF),) * 2 + ((-128, 127),) * 4 + ((0, 255),) * 2

TELEMETRY_B = 36
PAD_B = 11

SEQUENCE, BUTTONS, LEFT_X, LEFT_Y, RIGHT_X, RIGHT_Y, LEFT_TRIGGER, RIGHT_TRIGGER = range(8)


def newer(a, b):
    """Whether sequence number a comes after b; each 0..65535, around the end too (RFC 1982 section 3.2)."""
    return 0 < (a - b & 0xFFFF) < 0x8000


def record():
    """-> array('i') of eight zeros. The viper twin takes such an array unseen: another type would be overrun."""
    return array("i", (0, 0, 0, 0, 0, 0, 0, 0))


def dump_telemetry(buf, offset, values):
    """values into buf (bytearray or writable memoryview) -> offset behind it.

    IndexError: buf is too short, and stays as it was.
    """
    return _dump(buf, offset, _TELEMETRY, "<8i", values)


def load_telemetry(data, offset, values):
    """The record at data[offset] into values -> offset behind it.

    WireError(301, offset): data is too short; 302: another item. values then stay as they were.
    """
    return _load(data, offset, _TELEMETRY, "<8i", values)


def dump_pad(buf, offset, values):
    """As dump_telemetry. ValueError: a value that its field has no room for; buf then stays as it was."""
    for value, (low, high) in zip(values, _PAD_BOUNDS):
        if not low <= value <= high:
            raise ValueError(value)
    return _dump(buf, offset, _PAD, "<HH4b2B", values)


def load_pad(data, offset, values):
    """As load_telemetry."""
    return _load(data, offset, _PAD, "<HH4b2B", values)


def _dump(buf, offset, head, form, values):
    if offset < 0:
        raise ValueError(offset)
    body = offset + len(head)
    end = body + struct.calcsize(form)
    buf[end - 1] = 0
    buf[offset:body] = head
    struct.pack_into(form, buf, body, *values)
    return end


def _load(data, offset, head, form, values):
    if offset < 0:
        raise ValueError(offset)
    body = offset + len(head)
    end = body + struct.calcsize(form)
    if end > len(data):
        raise WireError(_CBOR_TRUNCATED, offset)
    if data[offset:body] != head:
        raise WireError(_CBOR_MALFORMED, offset)
    for i, value in enumerate(struct.unpack_from(form, data, body)):
        values[i] = value
    return end
