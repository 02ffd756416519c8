"""Records of a fixed size: the fast twin of packed.py, with the same names and results. MicroPython, little-endian."""

from array import array

import micropython
from micropython import const
from toscore.errors import WireError

_CBOR_TRUNCATED = const(301)
_CBOR_MALFORMED = const(302)

_TELEMETRY = const(0x20584ED8)  # its head, as a word

TELEMETRY_B = 36
PAD_B = 11

SEQUENCE, BUTTONS, LEFT_X, LEFT_Y, RIGHT_X, RIGHT_Y, LEFT_TRIGGER, RIGHT_TRIGGER = range(8)

_head = b"\xd8\x4e\x58\x20"
_len = len


def newer(a, b):
    """As packed.newer."""
    return 0 < (a - b & 0xFFFF) < 0x8000


def record():
    """As packed.record."""
    return array("i", (0, 0, 0, 0, 0, 0, 0, 0))


@micropython.viper
def dump_telemetry(buf, offset: int, values) -> int:
    """As packed.dump_telemetry."""
    if offset < 0:
        raise ValueError(offset)
    buf[offset + 35] = 0  # raises, where viper would write past the end or to what is read-only
    at = int(ptr8(buf)) + offset
    if at & 3:  # Xtensa stores words at multiples of four only
        _copy(ptr8(_head), ptr8(at), 4)
        _copy(ptr8(values), ptr8(at + 4), 32)
    else:
        words = ptr32(at)
        numbers = ptr32(values)
        words[0] = _TELEMETRY
        words[1] = numbers[0]
        words[2] = numbers[1]
        words[3] = numbers[2]
        words[4] = numbers[3]
        words[5] = numbers[4]
        words[6] = numbers[5]
        words[7] = numbers[6]
        words[8] = numbers[7]
    return offset + 36


@micropython.viper
def load_telemetry(data, offset: int, values) -> int:
    """As packed.load_telemetry."""
    if offset < 0:
        raise ValueError(offset)
    if offset > int(_len(data)) - 36:
        raise WireError(_CBOR_TRUNCATED, offset)
    at = int(ptr8(data)) + offset
    if at & 3:
        b = ptr8(at)
        if b[0] | b[1] << 8 | b[2] << 16 | b[3] << 24 != _TELEMETRY:
            raise WireError(_CBOR_MALFORMED, offset)
        _copy(ptr8(at + 4), ptr8(values), 32)
    else:
        words = ptr32(at)
        if words[0] != _TELEMETRY:
            raise WireError(_CBOR_MALFORMED, offset)
        numbers = ptr32(values)
        numbers[0] = words[1]
        numbers[1] = words[2]
        numbers[2] = words[3]
        numbers[3] = words[4]
        numbers[4] = words[5]
        numbers[5] = words[6]
        numbers[6] = words[7]
        numbers[7] = words[8]
    return offset + 36


@micropython.viper
def _copy(source: ptr8, target: ptr8, n: int):
    i = 0
    while i < n:
        target[i] = source[i]
        i += 1


def _too_much(values):
    """ValueError with the first that is more than its field."""
    for i, n in enumerate(values):
        least, most = (0, 0xFFFF) if i < LEFT_X else (-128, 127) if i < LEFT_TRIGGER else (0, 0xFF)
        if not least <= n <= most:
            raise ValueError(n)


@micropython.viper
def dump_pad(buf, offset: int, values) -> int:
    """As packed.dump_pad."""
    if offset < 0:
        raise ValueError(offset)
    words = ptr32(values)
    sequence = words[0]
    buttons = words[1]
    left_x = words[2]
    left_y = words[3]
    right_x = words[4]
    right_y = words[5]
    left = words[6]
    right = words[7]
    # A word comes with its sign on 32 bits, without on 64.
    axes = left_x + 128 | left_y + 128 | right_x + 128 | right_y + 128
    if (sequence | buttons) >> 16 | axes >> 8 & 0xFFFFFF | (left | right) >> 8:
        _too_much(values)
    buf[offset + 10] = 0  # raises, as above
    b = ptr8(int(ptr8(buf)) + offset)
    b[0] = 0x4A
    b[1] = sequence
    b[2] = sequence >> 8
    b[3] = buttons
    b[4] = buttons >> 8
    b[5] = left_x
    b[6] = left_y
    b[7] = right_x
    b[8] = right_y
    b[9] = left
    b[10] = right
    return offset + 11


@micropython.viper
def load_pad(data, offset: int, values) -> int:
    """As packed.load_pad."""
    if offset < 0:
        raise ValueError(offset)
    if offset > int(_len(data)) - 11:
        raise WireError(_CBOR_TRUNCATED, offset)
    b = ptr8(int(ptr8(data)) + offset)
    if b[0] != 0x4A:
        raise WireError(_CBOR_MALFORMED, offset)
    numbers = ptr32(values)
    numbers[0] = b[1] | b[2] << 8
    numbers[1] = b[3] | b[4] << 8
    i = 2
    while i < 8:
        n = b[3 + i]
        if i < 6 and n & 0x80:
            n -= 256
        numbers[i] = n
        i += 1
    return offset + 11
