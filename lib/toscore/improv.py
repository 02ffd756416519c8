"""Improv Wi-Fi over a serial port, improv-wifi.com/serial, the device's side. Pure: bytes in, bytes out.

A packet is "IMPROV", version 1, type, length, data, and the sum of all of that modulo 256.
"""

from micropython import const
from toscore.errors import WireError

_IMPROV_MALFORMED = const(379)
_IMPROV_CHECKSUM = const(380)

# Types of packets.
_STATE = const(1)
_ERROR = const(2)
_RPC = const(3)
_RESULT = const(4)

# Current states.
READY = 2
PROVISIONING = 3
PROVISIONED = 4

# Error states.
NO_ERROR = 0
INVALID = 1
UNKNOWN_COMMAND = 2
NO_CONNECTION = 3

# RPC commands.
SETTINGS = 1
CURRENT_STATE = 2
INFO = 3
NETWORKS = 4

START = b"IMPROV\x01"
_GAP_MS = const(3000)  # longer than a chip's scan, in which nothing is read
_SSID_B = const(32)  # IEEE 802.11 section 9.4.2.2
_PASSWORD_B = const(64)  # 63 characters, or a key of 64 hexadecimal digits

# What comes of a byte.
LATE = 0  # the packet had ended before, cut off, and this is no byte of it
MORE = 1
DONE = 2


class Packet:
    """What follows START, byte by byte."""

    def __init__(self, now_ms):
        self._got = bytearray(START)
        self._at_ms = now_ms

    def feed(self, byte, now_ms):
        """-> LATE, MORE or DONE. A packet that does not go on for 3 s has ended."""
        if now_ms - self._at_ms > _GAP_MS:
            return LATE
        self._at_ms = now_ms
        got = self._got
        got.append(byte)
        return DONE if len(got) > 9 and len(got) == 10 + got[8] else MORE

    def rpc(self):
        """Of a packet that is DONE: its data; None when it is no RPC command. Raises WireError."""
        got = self._got
        if sum(memoryview(got)[:-1]) & 255 != got[-1]:
            raise WireError(_IMPROV_CHECKSUM)
        return bytes(got[9:-1]) if got[7] == _RPC else None


def command(data):
    """Data of an RPC packet -> (command, its own data). Raises WireError."""
    if len(data) < 2 or data[1] != len(data) - 2:
        raise WireError(_IMPROV_MALFORMED, 1)
    return data[0], data[2:]


def settings(data):
    """Data of SETTINGS -> (ssid, password), the password "" for none. Raises WireError."""
    ssid, at = _string(data, 0, _SSID_B)
    password, at = _string(data, at, _PASSWORD_B)
    if not ssid or at != len(data):
        raise WireError(_IMPROV_MALFORMED, at)
    return ssid, password


def _string(data, at, most_b):
    if at >= len(data) or data[at] > most_b or at + 1 + data[at] > len(data):
        raise WireError(_IMPROV_MALFORMED, at)
    end = at + 1 + data[at]
    try:
        return str(data[at + 1 : end], "utf-8"), end
    except UnicodeError:
        raise WireError(_IMPROV_MALFORMED, at)


def state(value):
    return _packet(_STATE, bytes((value,)))


def error(value):
    return _packet(_ERROR, bytes((value,)))


def result(command, strings=()):
    """strings: text, together at most 253 B with one more for each. ValueError for more."""
    data = b"".join([bytes((len(text),)) + text for text in [s.encode() for s in strings]])
    return _packet(_RESULT, bytes((command, len(data))) + data)


def _packet(kind, data):
    """With a line of its own: clients look for packets where a line begins."""
    if len(data) > 255:
        raise ValueError(len(data))
    packet = START + bytes((kind, len(data))) + data
    return b"\n" + packet + bytes((sum(packet) & 255, 10))
