"""What goes onto a board: an image as `tos build` makes it, or an app with stock firmware or upon the board's own."""

from dataclasses import dataclass, field
from pathlib import Path

from littlefs import LittleFSError

from ..build import board as boards
from ..build import firmware, image, partitions
from ..build.chip import chips
from ..build.partitions import Partition
from ..build.product import build
from ..errors import HostError, UsageFault
from ..paths import shown

_SECTOR_B = 4096
_NVS, _FAT = 2, 0x81  # subtypes of data: the chip's settings and keys; MicroPython's file system
_HOW = "`tos build APP --board NAME --firmware FILE` makes one; stock firmware goes with --firmware"


@dataclass(frozen=True)
class Contents:
    """mcu: the chip that it is for. files: what the file system is to hold, {path: content}.

    parts: (offset, bytes) of the firmware, of which the table is `table`; without any, the board keeps its own.
    """

    mcu: str
    what: str
    files: dict[str, bytes]
    vfs: Partition
    parts: list[tuple[int, bytes]] = field(default_factory=list)
    table: list[Partition] = field(default_factory=list)


def of_image(path: Path) -> Contents:
    """Raises HostError for what is no image of a whole flash, or is damaged."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise HostError(f"{shown(path)}: {e.strerror}") from None
    try:
        mcu, base = _chip_of(data)
        table = partitions.from_binary(data[partitions.TABLE_OFFSET - base :])
        vfs = file_system_of(table, base + len(data))
        _check(data, base, mcu, table)
        region = data[vfs.offset - base :][: vfs.size]
        files = _files(region) if region.strip(b"\xff") else {}
    except HostError as e:
        raise HostError(f"{shown(path)}: {e}") from None
    return Contents(mcu, shown(path), files, vfs, _parts(data, base, table), table)


def of_app(app: str, board_name: str, stock: Path | None) -> Contents:
    """Raises HostError: it does not build, its budget is exceeded, the firmware does not go with the board."""
    report = build(app, board_name)
    report.check_budget()
    board = report.board
    if not board.chip.family:
        raise UsageFault(f"{board.name} is no chip; `tos sim {app}` runs it")
    files = image.files_of(report.out)
    what = f"{report.app} for {board.name}"
    vfs = Partition("vfs", partitions.DATA, _FAT, board.vfs_offset, board.vfs_size)
    if not stock:
        return Contents(board.mcu, what, files, vfs)
    made = firmware.read(stock, board)
    table = partitions.from_binary(made.data[partitions.TABLE_OFFSET - made.offset :])
    return Contents(board.mcu, what, files, vfs, _parts(made.data, made.offset, table), table)


def file_system_of(table: list[Partition], flash_b: int) -> Partition:
    """Where MicroPython keeps its file system: a partition, or else what is behind the last one."""
    end = max((part.end for part in table), default=0)
    rest = Partition("vfs", partitions.DATA, _FAT, end, flash_b - end)
    return next((part for part in table if part.name == "vfs"), rest)


def settings_of(table: list[Partition]) -> tuple[int, int] | None:
    """Where the chip keeps settings and keys, as (offset, size)."""
    found = [part for part in table if part.type == partitions.DATA and part.subtype == _NVS]
    return (found[0].offset, found[0].size) if found else None


def _chip_of(data: bytes) -> tuple[str, int]:
    """-> the chip, and the address that the file begins at: 0, or where the chip has its bootloader."""
    for mcu, chip in chips().items():
        for base in {0, chip.image} if chip.family else ():
            bootloader = data[chip.image - base :][:14]
            table = data[partitions.TABLE_OFFSET - base :][:2]
            is_ours = bootloader[:1] == b"\xe9" and int.from_bytes(bootloader[12:], "little") == chip.chip_id
            if is_ours and table == b"\xaa\x50":
                return mcu, base
    raise HostError(f"this is no image of a whole flash, with a bootloader and a partition table.\n{_HOW}")


def _check(data: bytes, base: int, mcu: str, table: list[Partition]) -> None:
    """Bootloader and application are whole, and for this chip."""
    generic = boards.load(chips()[mcu].generic)
    apps = [part for part in table if part.type == partitions.APP]
    if not apps:
        raise HostError("its partition table has no app")
    firmware.check_image(data[generic.chip.image - base : partitions.TABLE_OFFSET - base], generic, "bootloader")
    firmware.check_image(data[apps[0].offset - base :][: apps[0].size], generic, "app")


def _parts(data: bytes, base: int, table: list[Partition]) -> list[tuple[int, bytes]]:
    """The firmware without what is erased in it, and without what is the user's: settings, and the file system."""
    areas = [(base, partitions.TABLE_OFFSET), (partitions.TABLE_OFFSET, partitions.TABLE_OFFSET + partitions.TABLE_B)]
    vfs = file_system_of(table, base + len(data))
    parts = []
    for part in table:
        content = data[part.offset - base : part.end - base]
        if (part.type, part.subtype) == (partitions.DATA, partitions.OTA_DATA):
            parts.append((part.offset, content))  # erased it says that the first slot starts, so it is written
        elif part.offset != vfs.offset and (part.type, part.subtype) != (partitions.DATA, _NVS):
            areas.append((part.offset, part.end))
    for start, stop in areas:
        content = data[start - base : stop - base]
        used = content.rstrip(b"\xff")
        if used:
            parts.append((start, content[: -(-len(used) // _SECTOR_B) * _SECTOR_B]))
    return sorted(part for part in parts if part[1])


def _files(region: bytes) -> dict[str, bytes]:
    fs = image.littlefs(image.Flash(buffer=bytearray(region)), len(region), is_new=False)
    try:
        fs.mount()
        return image.contents(fs)
    except LittleFSError as e:
        raise HostError(f"the file system in it is damaged: {e}") from None
