"""What a chip's print does and the Unix port's does not: lines end with \\r\\n."""

_START = b"IMPROV\x01"
_HEAD_B = 9  # the start, type, length


class Lines:
    """Ends lines with \\r\\n, and leaves alone what a chip writes as it is: packets of Improv."""

    def __init__(self) -> None:
        self._last = 0
        self._matched = 0  # bytes of a packet's head so far
        self._left = 0  # bytes of a packet to come

    def ended(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if self._left:
                self._left -= 1
            elif self._matched >= len(_START):
                self._matched += 1
                if self._matched == _HEAD_B:
                    self._matched = 0
                    self._left = byte + 1  # and the checksum
            else:
                if byte == 10 and self._last != 13:
                    out.append(13)
                self._matched = self._matched + 1 if byte == _START[self._matched] else int(byte == _START[0])
            out.append(byte)
            self._last = byte
        return bytes(out)
