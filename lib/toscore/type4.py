"""An NFC Forum Type 4 Tag, T4T 2.0: one command in, one answer out. Pure: what it shows and takes, its owner says.

What is written never reads back. It is handed on when its length is there, and the length is written last (section
7.5.5): a write that was torn is none.
"""

from micropython import const

SIZE_B = const(400)  # of the NDEF file, with the two bytes of its length

_NAME = b"\xd2\x76\x00\x00\x85\x01\x01"
_CONTAINER = b"\xe1\x03"
_FILE = b"\xe1\x04"

_SELECT = const(0xA4)
_READ = const(0xB0)
_UPDATE = const(0xD6)

_OK = const(0x9000)
_WRONG_LENGTH = const(0x6700)
_NOT_ALLOWED = const(0x6982)
_NOT_NOW = const(0x6985)
_WRONG_DATA = const(0x6A80)
_NOT_FOUND = const(0x6A82)
_WRONG_P1P2 = const(0x6A86)
_NO_INS = const(0x6D00)
_NO_CLA = const(0x6E00)

# What is selected.
_NOTHING = const(0)
_APPLICATION = const(1)
_CC = const(2)
_NDEF = const(3)


class Type4:
    """owner: shows() -> the message to be read, bytes, b"" for none; takes() -> whether it may be written now;
    wrote(message) -> whether that can be used. The first two are asked for each command anew."""

    def __init__(self, owner):
        self._owner = owner
        self._state = _NOTHING
        self._written = bytearray(SIZE_B)
        self._until = 0  # the bytes before it were written since the length was made 0

    def reset(self):
        """The field is gone."""
        self._state = _NOTHING
        self._forget()

    def _forget(self):
        for n in range(SIZE_B):
            self._written[n] = 0
        self._until = 0

    def step(self, command, out):
        """command: bytes or memoryview. out: bytearray(258), reused. Returns how many bytes were written, status word
        included. Raises nothing."""
        n = len(command)
        if n < 4:
            return _status(out, 0, _WRONG_LENGTH)
        if command[0]:
            return _status(out, 0, _NO_CLA)
        ins = command[1]
        offset = command[2] << 8 | command[3]
        if ins == _READ:
            if n != 5:
                return _status(out, 0, _WRONG_LENGTH)
            return self._read(offset, command[4] or 256, out)
        size = command[4] if n > 4 else 0
        if ins not in (_SELECT, _UPDATE):
            return _status(out, 0, _NO_INS)
        if not size or n - 5 - size not in (0, 1 if ins == _SELECT else 0):
            return _status(out, 0, _WRONG_LENGTH)
        data = bytes(command[5 : 5 + size])
        return _status(out, 0, self._select(offset, data) if ins == _SELECT else self._update(offset, data))

    def _select(self, parameters, name):
        if parameters in (0x0400, 0x040C):
            self.reset()
            if name != _NAME or not (self._owner.takes() or self._owner.shows()):
                return _NOT_FOUND
            self._state = _APPLICATION
            return _OK
        if parameters not in (0x0000, 0x000C):
            return _WRONG_P1P2
        if self._state == _NOTHING or name not in (_CONTAINER, _FILE):
            return _NOT_FOUND
        self._state = _CC if name == _CONTAINER else _NDEF
        return _OK

    def _read(self, offset, size, out):
        if self._state == _CC:
            content = b"\x00\x0f\x20\x00\xff\x00\xff\x04\x06" + _FILE + SIZE_B.to_bytes(2, "big") + b"\x00"
            content += b"\x00" if self._owner.takes() else b"\xff"
        elif self._state == _NDEF:
            message = self._owner.shows()
            content = len(message).to_bytes(2, "big") + message
            content += bytes(SIZE_B - len(content))
        else:
            return _status(out, 0, _NOT_NOW)
        if offset >= len(content):
            return _status(out, 0, _WRONG_P1P2)
        part = content[offset : offset + size]
        out[: len(part)] = part
        return _status(out, len(part), _OK)

    def _update(self, offset, data):
        if self._state != _NDEF:
            return _NOT_NOW
        if not self._owner.takes():
            self._forget()
            return _NOT_ALLOWED
        end = offset + len(data)
        if end > SIZE_B:
            return _WRONG_P1P2
        if offset > self._until or (offset < 2 and (offset or end < 2)):  # a gap, or half a length
            return _WRONG_DATA
        self._written[offset:end] = data
        if offset:
            self._until = max(self._until, end)
            return _OK
        size = self._written[0] << 8 | self._written[1]
        if not size:
            self._until = end
            return _OK
        is_whole = 2 + size <= max(self._until, end)
        message = bytes(self._written[2 : 2 + size])
        self._forget()
        return _OK if is_whole and self._owner.wrote(message) else _WRONG_DATA


def _status(out, n, status):
    out[n] = status >> 8
    out[n + 1] = status & 255
    return n + 2
