"""What takes more than one request: a download into flash or RAM, and the stub's way of reading flash."""

import hashlib
import zlib

from .nor import SECTOR_B, Nor


class Refused(Exception):
    """The loader says no. The error is one of ERRORS."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


# What ROM and stub answer, in Espressif's numbers.
ERRORS = {
    "length": (0x05, 0xC0),
    "checksum": (0x07, 0xC1),
    "flash": (0x08, 0xC4),
    "order": (0x06, 0xC6),
    "deflate": (0x0B, 0xC7),
    "too little": (0x06, 0xC8),
    "too much": (0x06, 0xC9),
}


class Writing:
    """A download into flash, plain or deflated, from its FLASH_BEGIN to its FLASH_END.

    size_b: what it will be in flash. is_eager: all is erased now, as the ROM does it; else just before it is written.

    Raises Refused, and PowerCut from the flash chip.
    """

    def __init__(self, nor: Nor, offset: int, size_b: int, blocks: int, is_deflated: bool, is_eager: bool) -> None:
        self.is_deflated = is_deflated
        self._nor = nor
        self._at = offset
        self._end = offset + size_b
        self._erased_to = offset // SECTOR_B * SECTOR_B
        self._blocks = blocks
        self._seq = 0
        self._inflate = zlib.decompressobj()
        if self._end > nor.size_b:
            raise Refused("flash")
        if is_eager:
            self._erase(self._end)

    def block(self, seq: int, data: bytes) -> None:
        if seq != self._seq or seq >= self._blocks:
            raise Refused("order")
        if self.is_deflated:
            try:
                data = self._inflate.decompress(data)
            except zlib.error:
                raise Refused("deflate") from None
        # The last of the plain blocks is filled up, and what it is filled with programs nothing.
        rest = data[max(0, self._end - self._at) :]
        if rest.strip(b"\xff"):
            raise Refused("too much")
        data = data[: len(data) - len(rest)]
        self._erase(self._at + len(data))
        self._nor.program(self._at, data)
        self._at += len(data)
        self._seq += 1

    def finish(self) -> None:
        if self._at < self._end:
            raise Refused("too little")

    def _erase(self, end: int) -> None:
        if end > self._erased_to:
            self._nor.erase(self._erased_to, end - self._erased_to)
            self._erased_to = -(-end // SECTOR_B) * SECTOR_B


class Segment:
    """What is uploaded into RAM at an address."""

    def __init__(self, address: int, size: int, blocks: int) -> None:
        self._range = range(address, address + size)
        self._blocks = blocks
        self._seq = 0
        self._got = 0

    @property
    def is_whole(self) -> bool:
        return self._seq == self._blocks and self._got == len(self._range)

    def holds(self, address: int) -> bool:
        return address in self._range

    def put(self, seq: int, data: bytes) -> None:
        if seq != self._seq:
            raise Refused("order")
        self._seq += 1
        self._got += len(data)


class Reading:
    """The stub sends flash content in packets, at most `ahead` of them unacknowledged, and their MD5 at the end."""

    def __init__(self, data: bytes, packet_b: int, ahead: int) -> None:
        self.is_over = False
        self._data = data
        self._packet_b = packet_b
        self._ahead_b = packet_b * ahead
        self._sent = 0

    def begin(self) -> list[bytes]:
        return self._packets(0)

    def acknowledged(self, frame: bytes) -> list[bytes]:
        """frame: how many bytes the flasher has."""
        have = int.from_bytes(frame[:4], "little")
        if have >= len(self._data):
            self.is_over = True
            return [hashlib.md5(self._data).digest()]
        return self._packets(have)

    def _packets(self, have: int) -> list[bytes]:
        packets = []
        while self._sent < min(len(self._data), have + self._ahead_b):
            packets.append(self._data[self._sent : self._sent + self._packet_b])
            self._sent += self._packet_b
        return packets
