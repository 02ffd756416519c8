"""Two partitions for firmware, and romfs: esp32.Partition as MicroPython documents it, and ESP-IDF's bootloader, which
chooses between the two, with its rollback on. Unix port only; plays the part of the module esp32 for chip.py.

What runs is this process, whatever the image says; one whose first segment begins with STUCK resets before MicroPython
is up. The choice, as ESP-IDF keeps it: two sectors with (number, state, CRC), the higher number is what starts.
"""

import binascii
import hashlib
import struct

from micropython import const

STUCK = b"this firmware does not start"
_WORDS_B = const(28)

_SECTOR = const(4096)
_ENTRY = "<I20sII"
_ENTRY_B = const(32)
_NEW, _PENDING, _VALID, _INVALID, _ABORTED = range(5)
_IMAGE_MAGIC = const(0xE9)
_IMAGE_HEADER_B = const(24)
_SHA256_B = const(32)
_ENOENT = const(2)
_VALIDATE_FAILED = const(-5379)  # MicroPython negates ESP_ERR_OTA_VALIDATE_FAILED


class Region:
    """Some of the sectors of a flash, as a block device."""

    def __init__(self, flash, offset, size):
        self._flash = flash
        self._first = offset // _SECTOR
        self._sectors = size // _SECTOR

    def readblocks(self, sector, buf, offset=0):
        self._flash.readblocks(self._first + sector, buf, offset)

    def writeblocks(self, sector, buf, offset=None):
        if sector * _SECTOR + (offset or 0) + len(buf) > self._sectors * _SECTOR:
            raise OSError(22)
        self._flash.writeblocks(self._first + sector, buf, offset)

    def ioctl(self, op, arg):
        if op == 4:
            return self._sectors
        return self._flash.ioctl(op, self._first + arg)


class Partition(Region):
    BOOT, RUNNING = range(2)

    def __init__(self, id):
        self._label = _running if id == self.RUNNING else _chosen() if id == self.BOOT else id
        if self._label not in _places:
            raise OSError(_ENOENT)
        super().__init__(_flash, *_places[self._label])

    def info(self):
        kind = (1, 0x8F) if self._label == "romfs" else (0, 0x10 + _index(self._label))
        return kind + _places[self._label] + (self._label, False)

    def writeblocks(self, sector, buf, offset=None):
        super().writeblocks(sector, buf, offset)
        self._changed(sector)

    def ioctl(self, op, arg):
        done = super().ioctl(op, arg)
        if op == 6:
            self._changed(arg)
        return done

    def _changed(self, sector):
        if self._label == "romfs" and changed:
            changed(sector)

    def get_next_update(self):
        return Partition("ota_%d" % (1 - _index(self._label)))

    def set_boot(self):
        if not _is_image(self._label):
            raise OSError(_VALIDATE_FAILED)
        wanted = _index(self._label)
        entry = _active()
        if entry is None:
            _put(0, wanted + 1, _NEW)
        else:
            number = _entry(entry)[0]
            _put(1 - entry, number + (wanted - number + 1) % 2, _NEW)

    @classmethod
    def mark_app_valid_cancel_rollback(cls):
        entry = _active()
        if entry is not None and _entry(entry)[1] != _VALID:
            _put(entry, _entry(entry)[0], _VALID)


changed = None  # told of a sector of romfs that is written


def boot(flash, choice, ota_0, ota_1, size, romfs, romfs_size, woke):
    """As the bootloader: -> whether what it starts gets as far as MicroPython. All in bytes; woke: from deep sleep, in
    which it remembers what ran."""
    global _flash, _choice, _places, _running
    _flash, _choice = flash, choice // _SECTOR
    _places = {"ota_0": (ota_0, size), "ota_1": (ota_1, size), "romfs": (romfs, romfs_size)}
    for n in range(2):
        number, state, _ = _entry(n)
        if state == _PENDING and not woke:
            _put(n, number, _ABORTED)
    label = _chosen()
    entry = _active()
    if entry is not None and _entry(entry)[1] == _NEW:
        _put(entry, _entry(entry)[0], _PENDING)
    for _running in (label, "ota_%d" % (1 - _index(label))):
        if _is_image(_running):
            break
    else:
        return False
    if not any([_entry(n)[2] for n in range(2)]):
        _put(0, _index(_running) + 1, _VALID)
    return words() != STUCK


def words():
    """With what the first segment of that begins which runs."""
    first = bytearray(_WORDS_B)
    _flash.readblocks(_places[_running][0] // _SECTOR, first, _IMAGE_HEADER_B + 8)
    return bytes(first)


def is_kept():
    """Whether the bootloader will start it again."""
    entry = _active()
    return entry is not None and _entry(entry)[1] == _VALID and _chosen() == _running


def _index(label):
    return int(label[-1])


def _chosen():
    entry = _active()
    return "ota_0" if entry is None else "ota_%d" % ((_entry(entry)[0] - 1) % 2)


def _active():
    """Which entry counts, or None."""
    rows = [(_entry(n), n) for n in range(2)]
    good = [(number, n) for (number, state, is_whole), n in rows if is_whole and state not in (_INVALID, _ABORTED)]
    return max(good)[1] if good else None


def _entry(n):
    """-> number, state, whether they are one."""
    data = bytearray(_ENTRY_B)
    _flash.readblocks(_choice + n, data)
    number, _, state, crc = struct.unpack(_ENTRY, data)
    return number, state, number != 0xFFFFFFFF and crc == binascii.crc32(data[:4])


def _put(n, number, state):
    _flash.ioctl(6, _choice + n)
    crc = binascii.crc32(struct.pack("<I", number))
    _flash.writeblocks(_choice + n, struct.pack(_ENTRY, number, b"\xff" * 20, state, crc), 0)


def _is_image(label):
    """Whether it has a header, segments within the partition, and the SHA-256 that is appended to it."""
    digest = hashlib.sha256()
    offset, size = _places[label]
    at = 0

    def take(n):
        nonlocal at
        data = b""
        if at + n > size:
            raise ValueError
        while len(data) < n:
            piece = bytearray(min(n - len(data), _SECTOR - at % _SECTOR))
            _flash.readblocks((offset + at) // _SECTOR, piece, at % _SECTOR)
            data += piece
            at += len(piece)
        return data

    try:
        header = take(_IMAGE_HEADER_B)
        if header[0] != _IMAGE_MAGIC:
            return False
        digest.update(header)
        for _ in range(header[1]):
            head = take(8)
            digest.update(head)
            left = struct.unpack("<4xI", head)[0]
            while left:
                piece = take(min(left, _SECTOR))
                digest.update(piece)
                left -= len(piece)
        digest.update(take(16 - at % 16))
        return take(_SHA256_B) == digest.digest()
    except ValueError:
        return False
