"""Improv Wi-Fi over a serial port, the client's side, by improv-wifi.com/serial. With none of the device's code.

A port that a device's app and its prompt write to as well: what is no packet is a line of text, and is kept as one.
"""

import re
import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from .errors import HostError, Unreachable

_MAGIC = b"IMPROV"
_VERSION = 1
_HEAD_B = 9  # magic, version, type, length

# Types of packets.
_STATE, _ERROR, _RPC, _RESULT = 1, 2, 3, 4
# Commands.
_SETTINGS, _CURRENT_STATE, _INFO, _NETWORKS = 1, 2, 3, 4
# States and errors.
_PROVISIONED = 4
_NONE, _UNKNOWN, _UNABLE = 0, 2, 3

_ERRORS = {
    1: "it takes the command for malformed",
    2: "it does not know the command",
    4: "it wants its button pressed first",
    5: "its command is one for another device",
}
_ANSWER_S = 5.0
_ATTEMPTS = 3
_SCAN_S = 20.0
_TRIAL_S = 60.0
_TEXT_B = 4096  # of what is no packet, the latest
_REASON = re.compile(rb"^tos \d+ 381 (\d+) ", re.MULTILINE)


class Port(Protocol):
    """As pyserial's: read gives what has come, and waits for the first byte no longer than its own time-out."""

    def read(self, size: int) -> bytes: ...
    def write(self, data: bytes) -> int | None: ...


class Packet(NamedTuple):
    type: int
    data: bytes


class Heard(NamedTuple):
    """A network that the device hears."""

    ssid: str
    rssi_dbm: int
    secured: bool


class About(NamedTuple):
    firmware: str
    version: str
    board: str
    name: str


class Refused(HostError):
    """The network does not work. reason: as in the device's log, code 381; None when it said none."""

    def __init__(self, message: str, reason: int | None) -> None:
        super().__init__(message)
        self.reason = reason


def pack(kind: int, data: bytes) -> bytes:
    packet = _MAGIC + bytes((_VERSION, kind, len(data))) + data
    return packet + bytes((sum(packet) & 255,))


def strings(data: bytes) -> list[str]:
    """Each with its length before it. Raises HostError where they do not add up."""
    found = []
    while data:
        size = data[0]
        if size >= len(data):
            raise HostError("the device's answer is cut off")
        found.append(data[1 : 1 + size].decode(errors="replace"))
        data = data[1 + size :]
    return found


class Stream:
    """Takes packets out of what a port gives. text: the rest."""

    def __init__(self) -> None:
        self._data = b""
        self.text = b""

    def feed(self, data: bytes) -> Iterator[Packet]:
        """A start whose checksum is wrong was none; what follows it is looked at again."""
        self._data += data
        while True:
            at = self._data.find(_MAGIC)
            if at < 0:
                keep = next((n for n in range(len(_MAGIC) - 1, 0, -1) if self._data.endswith(_MAGIC[:n])), 0)
                self._set_aside(len(self._data) - keep)
                return
            self._set_aside(at)
            whole = _HEAD_B + (self._data[_HEAD_B - 1] if len(self._data) >= _HEAD_B else 0) + 1
            if len(self._data) >= len(_MAGIC) + 1 and self._data[len(_MAGIC)] != _VERSION:
                self._set_aside(1)
            elif len(self._data) < whole:
                return
            elif sum(self._data[: whole - 1]) & 255 != self._data[whole - 1]:
                self._set_aside(1)
            else:
                packet = Packet(self._data[7], self._data[_HEAD_B : whole - 1])
                self._data = self._data[whole:]
                yield packet

    def _set_aside(self, size: int) -> None:
        self.text = (self.text + self._data[:size])[-_TEXT_B:]
        self._data = self._data[size:]


class Client:
    """One device at a port. Every method raises Unreachable when nothing comes in time, HostError when it refuses."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._stream = Stream()
        self._came: list[Packet] = []

    def is_provisioned(self) -> bool:
        """Whether it is on a network. A board that has just been opened may be starting: it is asked again."""
        for attempt in range(_ATTEMPTS):
            self._send(_CURRENT_STATE)
            try:
                return self._wait(_STATE, _ANSWER_S).data == bytes((_PROVISIONED,))
            except Unreachable:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError

    def about(self) -> About:
        self._send(_INFO)
        found = self._result(_INFO, _ANSWER_S)
        return About(*(found + [""] * 4)[:4])

    def networks(self) -> list[Heard]:
        """The strongest first, each once."""
        self._send(_NETWORKS)
        found: dict[str, Heard] = {}
        while row := self._result(_NETWORKS, _SCAN_S):
            if len(row) >= 3 and re.fullmatch(r"-?\d{1,4}", row[1]):
                heard = Heard(row[0], int(row[1]), row[2] != "NO")
                if heard.ssid not in found or found[heard.ssid].rssi_dbm < heard.rssi_dbm:
                    found[heard.ssid] = heard
        return sorted(found.values(), key=lambda heard: -heard.rssi_dbm)

    def join(self, ssid: str, password: str) -> None:
        """Raises Refused when the network does not work; the device has kept nothing of it then."""
        self._stream.text = b""
        self._send(_SETTINGS, _field(ssid) + _field(password))
        ends = time.monotonic() + _TRIAL_S
        while True:
            packet = self._next(ends)
            if packet.type == _STATE and packet.data == bytes((_PROVISIONED,)):
                return
            if packet.type == _ERROR and packet.data == bytes((_UNABLE,)):
                told = _REASON.findall(self._stream.text)
                raise Refused("the device cannot join it", int(told[-1]) if told else None)
            self._check(packet)

    def _send(self, command: int, data: bytes = b"") -> None:
        self._came.clear()
        self._port.write(pack(_RPC, bytes((command, len(data))) + data))

    def _result(self, command: int, within_s: float) -> list[str]:
        while True:
            data = self._wait(_RESULT, within_s).data
            if len(data) >= 2 and data[0] == command and data[1] == len(data) - 2:
                return strings(data[2:])

    def _wait(self, kind: int, within_s: float) -> Packet:
        ends = time.monotonic() + within_s
        while True:
            packet = self._next(ends)
            if packet.type == kind:
                return packet
            self._check(packet)

    def _check(self, packet: Packet) -> None:
        if packet.type == _ERROR and packet.data[:1] not in (b"", bytes((_NONE,))):
            error = packet.data[0]
            raise HostError(f"the device refuses: {_ERRORS.get(error, f'error {error}')}")

    def _next(self, ends: float) -> Packet:
        while not self._came:
            if time.monotonic() > ends:
                raise Unreachable("nothing at this port answers to Improv")
            self._came.extend(self._stream.feed(self._port.read(256)))
        return self._came.pop(0)


def _field(text: str) -> bytes:
    data = text.encode()
    return bytes((len(data),)) + data
