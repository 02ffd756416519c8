"""Frames of a PN532's host link, as the chip hears and says them: UM0701-02 section 6.2."""

from collections.abc import Iterator

ACK = b"\x00\x00\xff\x00\xff\x00"
ERROR = b"\x00\x00\xff\x01\xff\x7f\x81\x00"  # section 6.2.1.5: nothing that the chip knows

_START = b"\x00\xff"
_NACK = b"\xff\x00"
_EXTENDED = b"\xff\xff"
_MOST_B = 265  # TFI and all that follows it

Heard = bytes | None  # a frame's data from TFI on; b"" is ACK, None is NACK


def encode(data: bytes) -> bytes:
    """TFI and what follows it -> a normal frame, or an extended one when that is too short."""
    if len(data) < 256:
        head = bytes((len(data), -len(data) & 255))
    else:
        size = len(data).to_bytes(2, "big")
        head = _EXTENDED + size + bytes((-sum(size) & 255,))
    return b"\x00" + _START + head + data + bytes((-sum(data) & 255, 0))


class Ear:
    """Bytes, however they arrive, -> what they say. What is damaged says nothing: the host's acknowledge is missing."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Heard]:
        self._bytes += data
        while True:
            at = self._bytes.find(_START)
            if at < 0:
                del self._bytes[: max(0, len(self._bytes) - 1)]
                return
            del self._bytes[:at]
            head = bytes(self._bytes[2:4])
            if len(head) < 2:
                return
            if head == _START:
                del self._bytes[:4]
                yield b""
                continue
            if head == _NACK:
                del self._bytes[:4]
                yield None
                continue
            first, size = self._size(head)
            if first > len(self._bytes):
                return
            if not 0 < size <= _MOST_B:
                del self._bytes[:2]
                continue
            if len(self._bytes) < first + size + 1:
                return
            told = bytes(self._bytes[first : first + size + 1])
            if sum(told) & 255:
                del self._bytes[:2]
                continue
            del self._bytes[: first + size + 1]
            yield told[:-1]

    def _size(self, head: bytes) -> tuple[int, int]:
        """-> (where the data begins, its size; 0 when the checksum is wrong)."""
        if head != _EXTENDED:
            return 4, head[0] if not sum(head) & 255 else 0
        size = self._bytes[4:7]
        return 7, int.from_bytes(size[:2], "big") if len(size) == 3 and not sum(size) & 255 else 0
