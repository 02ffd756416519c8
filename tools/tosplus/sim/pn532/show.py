"""A frame of the field in words: ISO/IEC 14443-3 and -4."""

_START = {b"\x26": "REQA: is there a card", b"\x52": "WUPA: is there a card, asleep too"}


def words(frame: bytes, is_protocol: bool) -> str:
    """is_protocol: whether RATS was answered, so that frames are blocks."""
    if not is_protocol:
        if frame in _START:
            return _START[frame]
        if frame[:1] == b"\xe0" and len(frame) == 4:
            return "RATS: from now on ISO/IEC 14443-4"
        if frame[:2] == b"\x93\x20":
            return "anticollision"
        if frame[:2] == b"\x93\x70":
            return "SELECT " + frame[2:6].hex()
        return {2: "ATQA", 3: "SAK", 5: "UID " + frame[:4].hex()}.get(len(frame), "")
    pcb, data = frame[0], frame[1:-2]
    if pcb & 0xE2 == 0x02:
        return f"I({pcb & 1}) {'part of ' if pcb & 0x10 else ''}APDU {data.hex()}"
    if pcb & 0xE6 == 0xA2:
        return f"R({'NAK' if pcb & 0x10 else 'ACK'} {pcb & 1})"
    if pcb & 0xF7 == 0xF2:
        return f"S(WTX {data.hex()})"
    return "S(DESELECT)" if pcb & 0xF7 == 0xC2 else ""


class Shown:
    """Frame by frame, the way back to the beginning included."""

    def __init__(self) -> None:
        self._is_protocol = self._is_next = False

    def line(self, from_reader: bool, frame: bytes, whole: bool = True) -> str:
        if frame in _START:
            self._is_protocol = self._is_next = False
        is_ats = self._is_next and not from_reader
        said = "ATS" if is_ats else words(frame, self._is_protocol) if frame else ""
        if is_ats:
            self._is_protocol, self._is_next = True, False
        elif said.startswith("RATS"):
            self._is_next = True
        elif said == "S(DESELECT)" and not from_reader:
            self._is_protocol = False
        lost = "" if whole else "  (lost)"
        return f"{'reader' if from_reader else 'card  '}  {frame.hex()}{'  ' if said else ''}{said}{lost}"
