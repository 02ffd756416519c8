"""From the bytes in flash to an application that may run: what ROM and second-stage bootloader look at.

Image format, partition table and messages are those of ESP-IDF. The choice is the factory application, or else the
first OTA slot.
"""

import functools
import hashlib
import operator
import struct
from dataclasses import dataclass

from .chips import Chip
from .nor import Nor

_MAGIC = 0xE9
_SEED = 0xEF
_HEADER_B = 24  # with the extension that all but the ESP8266 have
_CHIP_ID = 12
_HASH_APPENDED = 23
_MOST_SEGMENTS = 16

_TABLE, _TABLE_B, _ENTRY_B = 0x8000, 0xC00, 32
_ENTRY = struct.Struct("<2sBBII16sI")
_ENTRY_MAGIC, _MD5_MAGIC, _END = b"\xaa\x50", b"\xeb\xeb", b"\xff\xff"
_APP, _DATA = 0, 1
_FACTORY, _OTA_0, _FAT = 0x00, 0x10, 0x81
_NO_TABLE = "E (46) boot: load partition table error!"


class NoBoot(Exception):
    """In the words of whoever finds it."""


@dataclass(frozen=True)
class Partition:
    label: str
    type: int
    subtype: int
    offset: int
    size: int


def check(nor: Nor, chip: Chip) -> Partition:
    """Everything on the way to the application -> the partition of its file system. Raises NoBoot."""
    first = nor.read(chip.boot_offset, 4)
    if first[0] != _MAGIC:
        raise NoBoot(f"invalid header: 0x{int.from_bytes(first, 'little'):08x}")
    try:
        _verify(nor, chip, chip.boot_offset, _TABLE - chip.boot_offset)
    except NoBoot as e:
        raise NoBoot(f"{e}\r\nets_main.c 371") from None
    partitions = _partitions(nor)
    apps = [p for p in partitions if p.type == _APP and p.subtype in (_FACTORY, _OTA_0)]
    if not apps:
        raise NoBoot("E (48) boot: No bootable app partitions in the partition table")
    app = min(apps, key=lambda p: p.subtype)
    try:
        _verify(nor, chip, app.offset, app.size)
    except NoBoot as e:
        raise NoBoot(
            f"E (88) esp_image: {e}\r\nE (90) boot: Factory app partition is not bootable\r\n"
            "E (96) boot: No bootable app partitions in the partition table"
        ) from None
    end = max(p.offset + p.size for p in partitions)
    # Without a partition for it, MicroPython takes what is behind the last one.
    rest = Partition("vfs", _DATA, _FAT, end, nor.size_b - end)
    return next((p for p in partitions if p.type == _DATA and p.subtype == _FAT), rest)


def _verify(nor: Nor, chip: Chip, offset: int, room: int) -> None:
    """One image: header, segments, checksum, and its SHA-256 if it has one."""
    image = nor.read(offset, min(room, nor.size_b - offset))
    if image[0] != _MAGIC:
        raise NoBoot(f"image at {offset:#x} has invalid magic byte (nothing flashed here?)")
    if image[1] > _MOST_SEGMENTS:
        raise NoBoot(f"image at {offset:#x} segment count {image[1]} exceeds max {_MOST_SEGMENTS}")
    (chip_id,) = struct.unpack_from("<H", image, _CHIP_ID)
    if chip_id != chip.chip_id:
        raise NoBoot(f"mismatch chip ID, expected {chip.chip_id}, found {chip_id}")
    at = _HEADER_B
    checksum = _SEED
    for number in range(image[1]):
        (size,) = struct.unpack_from("<4xI", image.ljust(at + 8, b"\xff"), at)
        at += 8
        if at + size > len(image):
            raise NoBoot(f"Segment {number} end address past end of partition")
        checksum = functools.reduce(operator.xor, image[at : at + size], checksum)
        at += size
    at += 16 - at % 16  # the checksum is the last byte of a line of 16
    found = image[at - 1 : at]
    if found != bytes((checksum,)):
        raise NoBoot(f"Checksum failed. Calculated 0x{checksum:02x} read 0x{found.hex()}")
    if image[_HASH_APPENDED] and hashlib.sha256(image[:at]).digest() != image[at : at + 32]:
        raise NoBoot("Image hash failed - image is corrupt")


def _partitions(nor: Nor) -> list[Partition]:
    table = nor.read(_TABLE, _TABLE_B)
    partitions = []
    is_checked = False
    for at in range(0, _TABLE_B, _ENTRY_B):
        magic, type, subtype, offset, size, label, _ = _ENTRY.unpack_from(table, at)
        if magic == _MD5_MAGIC:
            is_checked = True
            if hashlib.md5(table[:at]).digest() != table[at + 16 : at + 32]:
                raise NoBoot(f"E (44) flash_parts: calculated and read MD5 differ\r\n{_NO_TABLE}")
            continue
        if magic == _END:
            break
        if magic != _ENTRY_MAGIC:
            number = int.from_bytes(magic, "little")
            raise NoBoot(
                f"E (42) flash_parts: partition {at // _ENTRY_B} invalid magic number 0x{number:x}\r\n{_NO_TABLE}"
            )
        if offset + size > nor.size_b:
            raise NoBoot(
                f"E (42) flash_parts: partition {at // _ENTRY_B} invalid - offset 0x{offset:x} size 0x{size:x} exceeds "
                f"flash chip size 0x{nor.size_b:x}\r\n{_NO_TABLE}"
            )
        partitions.append(Partition(label.rstrip(b"\0").decode(errors="replace"), type, subtype, offset, size))
    if not is_checked:
        raise NoBoot(f"E (44) flash_parts: No MD5 found in partition table\r\n{_NO_TABLE}")
    return partitions
