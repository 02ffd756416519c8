"""Record: one CBOR value in a small file that a power cut leaves old or new, never a mixture."""

import binascii
import errno
import os
import struct

from micropython import const
from toscore import cbor_viper as cbor
from toscore.errors import StoreError

_RECORD_BAD = const(405)
_STORE_FULL = const(406)
_STORE_FAILED = const(407)

# MicroPython's errno names neither. LittleFS says the second when a folder has no room for one more name.
_FULL = (28, 36)  # ENOSPC, ENAMETOOLONG

_HEAD = "<4sII"  # magic, counter, CRC-32 over counter and payload
_HEAD_B = const(12)
_MAGIC = b"TOS1"


class Record:
    """path: the file. LittleFS renames in one atomic commit, and flushes a file when it is closed.

    counter: how often the record was ever written, known after load() or save().
    """

    def __init__(self, path):
        self._path = path
        self.counter = 0

    def load(self, default=None):
        """The value; default when there is no file.

        Raises StoreError when the file is damaged; it is then kept beside as .bad, and the next load finds none.
        """
        try:
            with open(self._path, "rb") as f:
                data = f.read()
        except OSError as e:
            if e.errno == errno.ENOENT:
                return default
            raise _store_error(e)
        if len(data) > _HEAD_B:
            magic, counter, crc = struct.unpack(_HEAD, data)
            if magic == _MAGIC and crc == _crc(counter, data[_HEAD_B:]):
                self.counter = counter
                return cbor.loads(data[_HEAD_B:])
        try:
            os.rename(self._path, self._path + ".bad")
        except OSError as e:
            raise _store_error(e)
        raise StoreError(_RECORD_BAD, self._path)

    def save(self, value):
        """Write beside, then rename over. Durable when it returns; StoreError leaves the old value."""
        payload = cbor.dumps(value)
        counter = self.counter + 1 & 0xFFFFFFFF
        new = self._path + ".new"
        try:
            with open(new, "wb") as f:
                f.write(struct.pack(_HEAD, _MAGIC, counter, _crc(counter, payload)))
                f.write(payload)
            os.rename(new, self._path)
        except OSError as e:
            _remove(new)
            raise _store_error(e)
        self.counter = counter

    def erase(self):
        """Forget the value, and what damage or a write that was cut off left of it; nothing if there is none."""
        for left in (".bad", ".new", ""):
            _remove(self._path + left)


def make_folder(path):
    """Nothing happens when there is one. Raises StoreError."""
    try:
        os.mkdir(path)
    except OSError as e:
        if e.errno != errno.EEXIST:
            raise _store_error(e)


def _crc(counter, payload):
    return binascii.crc32(payload, binascii.crc32(struct.pack("<I", counter)))


def _store_error(e):
    """What a file system's OSError means to the caller."""
    return StoreError(_STORE_FULL if e.errno in _FULL else _STORE_FAILED, e.errno)


def _remove(path):
    try:
        os.remove(path)
    except OSError as e:
        if e.errno != errno.ENOENT:
            raise _store_error(e)
