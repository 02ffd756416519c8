"""SLIP framing (RFC 1055), as the serial protocol of the ROM uses it: END both opens and closes a frame."""

_END, _ESCAPE = b"\xc0", b"\xdb"
_ESCAPED = ((_ESCAPE, b"\xdb\xdd"), (_END, b"\xdb\xdc"))
_LONGEST_B = 0x10000  # of a frame, escaped; what is longer is noise


def encode(packet: bytes) -> bytes:
    for plain, escaped in _ESCAPED:
        packet = packet.replace(plain, escaped)
    return _END + packet + _END


class Decoder:
    """Bytes in, frames out. What lies between frames comes out as a frame too; a wrong escape drops its frame."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        *whole, self._held = (self._held + data).split(_END)
        if len(self._held) > _LONGEST_B:
            self._held = b""
        return [packet for piece in whole if (packet := _decode(piece))]


def _decode(piece: bytes) -> bytes:
    packet, *others = piece.split(_ESCAPE)
    for other in others:
        if other[:1] not in (b"\xdc", b"\xdd"):
            return b""
        packet += (_END if other[:1] == b"\xdc" else _ESCAPE) + other[1:]
    return packet
