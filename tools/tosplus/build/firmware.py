"""A firmware file of MicroPython, as it is published for a chip: is it whole, is it for this board, where is its flash.

Such a .bin is bootloader, partition table and app in one, and begins at the bootloader's place (chips.toml, `image`).
"""

import struct
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from esptool import FatalError, merge_bin
from esptool.bin_image import LoadFirmwareImage
from esptool.logger import log

from ..errors import HostError
from ..paths import shown
from . import board as boards
from . import partitions
from .board import Board
from .chip import chips

_MAGIC = 0xE9  # ESP-IDF, "App Image Format"; the chip's number is at offset 12
_TABLE_MAGIC = b"\xaa\x50"
_CHIP_ID = struct.Struct("<12xH")
_HOW = "MicroPython's download page has them by board; take the .bin of"

log.set_verbosity("silent")  # it would write on the output of `tos build --json`


class Firmware(NamedTuple):
    """data goes to the flash at offset. vfs_offset, vfs_size: where this firmware keeps its file system."""

    data: bytes
    offset: int
    vfs_offset: int
    vfs_size: int


def read(path: Path, board: Board) -> Firmware:
    """Raises HostError: it is no firmware file, damaged, for another chip, or does not go with the board's flash."""
    chip = board.chip
    try:
        data = path.read_bytes()
    except OSError as e:
        raise HostError(f"{shown(path)}: {e.strerror}") from None
    try:
        check_image(data, board, "bootloader")
        at = partitions.TABLE_OFFSET - chip.image
        if len(data) < at + partitions.TABLE_B:
            raise HostError(f"it ends before the partition table. {_HOW} {chip.generic}, not an app alone")
        table = partitions.from_binary(data[at : at + partitions.TABLE_B])
        apps = [part for part in table if part.type == partitions.APP]
        if not apps:
            raise HostError("its partition table has no app")
        end = chip.image + len(data)
        app = data[apps[0].offset - chip.image :]
        if apps[0].offset >= end or end > apps[0].end:
            raise HostError(
                f"it ends at {end:#x}, outside of its app's partition {apps[0].name}: it is cut short or padded"
            )
        check_image(app, board, "app")
        vfs = next((part for part in table if part.name == "vfs"), None)
        last = max(part.end for part in table)
        # A newer one has no such partition: it makes one of what the flash has left.
        offset, size_b = (vfs.offset, vfs.size) if vfs else (last, board.flash_size - last)
        if (offset, size_b) != (board.vfs_offset, board.vfs_size):
            raise HostError(
                f"its file system is {size_b} B at {offset:#x}; {board.name} has {board.vfs_size} B at "
                f"{board.vfs_offset:#x}\nTake the variant for {board.flash_size >> 20} MB of flash, or write its "
                f"numbers into tos.flash of {shown(board.file('board.json'))}."
            )
    except HostError as e:
        raise HostError(f"{shown(path)}: {e}") from None
    return Firmware(data, chip.image, board.vfs_offset, board.vfs_size)


def application(path: Path, board: Board) -> bytes:
    """The application alone, from a file that has only that or from one as it is published. HostError as of read(), and
    when it is larger than the board's slots for firmware of its own."""
    data = path.read_bytes()
    room_b = boards.firmware_b(board)
    if board.mcu == "unix":
        board = replace(board, mcu="esp32")  # what the simulator takes for firmware is in this chip's format
    at = partitions.TABLE_OFFSET - board.chip.image
    try:
        if data[at : at + 2] == _TABLE_MAGIC:
            table = partitions.from_binary(data[at : at + partitions.TABLE_B])
            apps = [part for part in table if part.type == partitions.APP]
            data = data[apps[0].offset - board.chip.image :] if apps else b""
        check_image(data, board, "app")
        if len(data) > room_b:
            raise HostError(f"its app has {len(data)} B, and {board.name} has {room_b} B for it")
    except HostError as e:
        raise HostError(f"{shown(path)}: {e}") from None
    return data


def check_image(data: bytes, board: Board, what: str) -> None:
    """One image, bootloader or app: magic, chip, segments, checksum and hash, as esptool reads them."""
    if len(data) < _CHIP_ID.size or data[0] != _MAGIC:
        raise HostError(f"there is no {what} where one should be. {_HOW} {board.chip.generic}")
    (chip_id,) = _CHIP_ID.unpack_from(data)
    if chip_id != board.chip.chip_id:
        other = next((c.family for c in chips().values() if c.chip_id == chip_id), f"chip {chip_id}")
        raise HostError(f"it is for {other}, {board.name} has an {board.chip.family}. {_HOW} {board.chip.generic}")
    try:
        image = LoadFirmwareImage(board.mcu, data)
    except (FatalError, struct.error, IndexError, TypeError, ValueError) as e:  # what esptool meets at a cut
        raise HostError(f"its {what} is damaged: {e}") from None
    whole = image.checksum == image.calculate_checksum()
    if not whole or (image.append_digest and image.stored_digest != image.calc_digest):
        raise HostError(f"its {what} is damaged: the checksum is wrong. Download it again")


def merged(board: Board, firmware: Firmware, vfs: bytes) -> bytes:
    """The whole flash from address 0 on, erased bytes where there is nothing."""
    parts = [(firmware.offset, firmware.data), (firmware.vfs_offset, vfs)]
    return bytes(merge_bin(parts, chip=board.mcu) or b"")
