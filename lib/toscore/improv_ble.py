"""Improv Wi-Fi over BLE, improv-wifi.com/ble: what is written to the command, and results. Pure: bytes in, bytes out.

A packet is command, length, data, and the sum of all of that modulo 256. What does not fit into one write comes in
several.
"""

from micropython import const
from toscore.errors import WireError

_IMPROV_CHECKSUM = const(380)

_GAP_MS = const(3000)


class Written:
    """Bytes as they are written -> commands. Of a packet that does not go on for 3 s, nothing is left."""

    def __init__(self):
        self.clear()

    def clear(self):
        """Whoever wrote is gone."""
        self._got = b""
        self._at_ms = 0

    def feed(self, data, now_ms):
        if now_ms - self._at_ms > _GAP_MS:
            self._got = b""
        self._at_ms = now_ms
        self._got += data

    def take(self):
        """-> (command, its data), None when there is no whole one. WireError, and all is dropped, for a damaged one."""
        got = self._got
        if len(got) < 3 or len(got) < 3 + got[1]:
            return None
        end = 2 + got[1]
        self._got = got[end + 1 :]
        if sum(got[:end]) & 255 != got[end]:
            self._got = b""
            raise WireError(_IMPROV_CHECKSUM)
        return got[0], got[2:end]


def result(command, strings=()):
    """ValueError when strings have more than 255 B, with one more for each."""
    data = b"".join([bytes((len(text),)) + text for text in [s.encode() for s in strings]])
    if len(data) > 255:
        raise ValueError(len(data))
    data = bytes((command, len(data))) + data
    return data + bytes((sum(data) & 255,))
