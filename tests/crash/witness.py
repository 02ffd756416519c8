"""A third party that reads the flash of a device: littlefs-python, zlib and cbor2, none of them ours. CPython."""

import struct
import zlib

import cbor2
from littlefs import LittleFS, LittleFSError, UserContext

from .lab import ERASED, FLASH_B, RECORD_BAD

_SECTOR_B = 4096


class Nor(UserContext):
    """The image as NOR flash, once more and apart from chip.NorFlash: programming what is not erased is an error."""

    def read(self, cfg, block, off, size):
        at = block * _SECTOR_B + off
        return self.buffer[at : at + size]

    def prog(self, cfg, block, off, data):
        at = block * _SECTOR_B + off
        if self.buffer.count(ERASED, at, at + len(data)) != len(data):
            return LittleFSError.Error.LFS_ERR_IO
        self.buffer[at : at + len(data)] = data
        return 0

    def erase(self, cfg, block):
        self.buffer[block * _SECTOR_B : (block + 1) * _SECTOR_B] = ERASED * _SECTOR_B
        return 0


def mounted(image):
    """The image's file system in littlefs-python's own build of littlefs; its buffer is a copy."""
    context = Nor(buffer=bytearray(image))
    geometry = {"block_size": _SECTOR_B, "read_size": 32, "prog_size": 32, "cache_size": 128, "lookahead_size": 32}
    # Left to itself it formats what it cannot mount.
    fs = LittleFS(context, mount=False, block_count=FLASH_B // _SECTOR_B, **geometry)
    fs.mount()
    return fs


def found(scenario, image):
    """The stored version according to littlefs-python, zlib and cbor2; None on `bare`, which only the device reads.

    Raises LittleFSError or ValueError when the file system is not consistent: every folder and file is read, the
    space in use is counted, and a file is written and read back from a fresh mount.
    """
    if scenario.medium != "flash":
        return None
    fs = mounted(image)
    for folder, _, names in fs.walk("/"):
        for name in names:
            _slurp(fs, f"{folder.rstrip('/')}/{name}")
    if not 0 < fs.used_block_count <= FLASH_B // _SECTOR_B:
        raise ValueError(f"{fs.used_block_count} sectors in use")
    if not scenario.full:
        with fs.open("/third", "wb") as file:
            file.write(b"party")
        fs.unmount()
        fs.mount()
        if _slurp(fs, "/third") != b"party":
            raise ValueError("what littlefs-python writes is not read back")
    try:
        return _version(scenario.kind, _slurp(fs, scenario.path))
    except FileNotFoundError:
        return 0


def _slurp(fs, path):
    with fs.open(path, "rb") as file:
        return file.read()


def _version(kind, data):
    """The version in a record's file, taken apart without our code."""
    if len(data) <= 12:
        return {"code": RECORD_BAD}
    magic, counter, crc = struct.unpack_from("<4sII", data)
    if magic != b"TOS1" or crc != zlib.crc32(data[4:8] + data[12:]):
        return {"code": RECORD_BAD}
    value = cbor2.loads(data[12:])
    if kind == "keystore":
        return struct.unpack_from("<I", value)[0]
    return value[0][3] if kind == "rules" else value["version"]


def stored(scenario, image):
    """The bytes of the record's file."""
    return _slurp(mounted(image), scenario.path)


def edited(scenario, image, data):
    """The image with other bytes in the record's file: what other hands did while the device was off."""
    fs = mounted(image)
    with fs.open(scenario.path, "wb") as file:
        file.write(data)
    fs.unmount()
    return bytes(fs.context.buffer)
