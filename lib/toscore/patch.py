"""A delta applied as it comes: detools' patch of type sequential, compression none. Pure. docs/updates.md.

A patch is a byte 0, the new length, a 0, and then, until all is written: a length and as many bytes to add to those of
the base, a length and as many new bytes, and by how much to move on in the base. A number has 6 bits in its first byte
and 7 in each further one, the lowest first; bit 7 says that more come, and bit 6 of the first that it is negative.
"""

from micropython import const
from toscore.errors import WireError

_OTA_PATCH = const(430)

_CHUNK_B = const(256)
_MOST = const(0x3FFFFFFF)  # of a number, so that it is a small one on a chip
_LAST_SHIFT = const(20)  # 6 bits and three times 7: the fifth byte would go on beyond that

# What the next number is.
_HEADER = const(0)
_NEW = const(1)
_FORMAT = const(2)
_DIFF = const(3)
_EXTRA = const(4)
_MOVE = const(5)
_NOTHING = const(6)


class Patch:
    """read(offset, n) -> n bytes of the base, which has base_b. write(data): the next bytes of what is new, of which
    there will be new_b; data is valid during the call only.
    """

    def __init__(self, read, write, base_b, new_b):
        self._read = read
        self._write = write
        self._base_b = base_b
        self._new_b = new_b
        self._sum = bytearray(_CHUNK_B)
        self._base = 0  # where in it
        self._offset = 0  # in the patch
        self._next = _HEADER
        self._left = 0  # bytes until the next number
        self._number = 0
        self._negative = False
        self._shift = 0
        self.written = 0

    def feed(self, data):
        """The next bytes of the patch. WireError(430, offset in it) when it is none for this base and this length."""
        view = memoryview(data)
        p = 0
        while p < len(view):
            if self._left:
                n = min(self._left, len(view) - p, _CHUNK_B)
                self._copy(view[p : p + n])
                self._offset += n
                p += n
            else:
                self._digit(view[p])
                self._offset += 1
                p += 1

    def finish(self):
        """WireError when more should have come."""
        if self._next != _NOTHING:
            raise self._bad()

    def _bad(self):
        return WireError(_OTA_PATCH, self._offset)

    def _copy(self, data):
        n = len(data)
        if self._next == _EXTRA:  # so these are the bytes before: to be added
            base = self._read(self._base, n)
            if len(base) != n:
                raise self._bad()
            self._base += n
            if any(data):
                total = self._sum
                for i in range(n):
                    total[i] = base[i] + data[i] & 255
                base = memoryview(total)[:n]
            data = base
        self._write(data)
        self.written += n
        self._left -= n

    def _digit(self, byte):
        """One byte of a number, in its shortest form only."""
        if self._next == _NOTHING:
            raise self._bad()
        if self._shift == 0:
            self._negative = byte & 0x40 != 0
            self._number = byte & 0x3F
            self._shift = 6
            if self._negative and byte == 0x40:
                raise self._bad()
        else:
            if byte == 0 or (self._shift > _LAST_SHIFT and byte > 7):
                raise self._bad()
            self._number |= (byte & 0x7F) << self._shift
            self._shift += 7
        if byte & 0x80 == 0:
            self._shift = 0
            self._take(-self._number if self._negative else self._number)

    def _take(self, number):
        what = self._next
        if what < _DIFF:
            if number != (self._new_b if what == _NEW else 0):
                raise self._bad()
            self._next = what + 1
        elif what == _MOVE:
            self._base += number
            if not -_MOST <= self._base <= _MOST:
                raise self._bad()
            self._next = _NOTHING if self.written == self._new_b else _DIFF
        else:
            if not 0 <= number <= self._new_b - self.written:
                raise self._bad()
            if what == _DIFF and number and not 0 <= self._base <= self._base_b - number:
                raise self._bad()
            self._left = number
            self._next = what + 1
