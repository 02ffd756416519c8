"""The flashing itself: what is refused, what is kept, in which order it is written, and what the board then says."""

import re
import time
from dataclasses import dataclass

import serial

from ..build import partitions
from ..build.chip import chips
from ..build.partitions import Partition
from ..errors import HostError, Unreachable
from ..paths import shown
from .connection import Connection
from .contents import Contents, file_system_of, settings_of
from .keep import Mirror, Safe, install, own_files

_CODE = re.compile(rb"Pairing code: (tos:v1:\S+)[\r\n]")
_FAILED = re.compile(rb"((?:invalid header|No bootable app|load partition table error)[^\r\n]*)[\r\n]")


@dataclass(frozen=True)
class Done:
    """written: (offset, size) of what was sent; own: the paths of the files that were kept."""

    written: list[tuple[int, int]]
    own: list[str]


def put(contents: Contents, connection: Connection, erase_all: bool) -> Done:
    """Writes everything that differs. Without erase_all, what is the board's own stays: its settings and its files.

    The partition table goes first and comes back last: a board that has none does not start, and was not finished.
    Raises HostError before the first byte is written, when that cannot be; Unreachable when the connection ends.
    """
    _check_chip(contents, connection)
    safe = Safe(connection.mac)
    sector = connection.read(partitions.TABLE_OFFSET, partitions.TABLE_B)
    table = _table(sector)
    mirror = Mirror()
    own: dict[str, bytes] = {}
    is_new = True
    if not erase_all:
        _check_table(contents, connection, table)
        mirror, own, is_new = _found(contents, connection, table, safe)
    elif not contents.parts:
        raise HostError("--erase-all erases the firmware too: name what to write then with --firmware FILE")
    if contents.files:
        install(mirror, contents.vfs.size, contents.files, own, is_new)
    safe.write(own)
    firmware = [part for part in contents.parts if part[0] != partitions.TABLE_OFFSET]
    last = [part for part in contents.parts if part not in firmware] or [(partitions.TABLE_OFFSET, sector)]
    files = [(contents.vfs.offset + offset, data) for offset, data in mirror.changed()]
    try:
        if erase_all:
            connection.erase_all()
        else:
            connection.erase(partitions.TABLE_OFFSET, partitions.TABLE_B)
        for parts, what in ((firmware, "the firmware"), (files, "the file system"), (last, "the partition table")):
            if parts:
                connection.write(parts, what)
    except Unreachable as e:
        raise Unreachable(
            f"{e}\nThe board can be flashed again, at any time: its ROM cannot be overwritten. Plug it in and run the "
            f"same command here; what it had of its own is kept in {shown(safe.path)} until then."
        ) from None
    safe.forget()
    return Done([(offset, len(data)) for offset, data in firmware + files + last], sorted(own))


def _check_chip(contents: Contents, connection: Connection) -> None:
    if contents.mcu != connection.mcu:
        family = chips()[contents.mcu].family
        raise HostError(f"{contents.what} is for {family}, and this is an {connection.name}; nothing was written")
    end = max(contents.vfs.end, *(part.end for part in contents.table), 0)
    if end > connection.flash_b:
        raise HostError(
            f"{contents.what} is for {end >> 20} MB of flash, and this board has {connection.flash_b >> 20} MB; "
            "nothing was written"
        )


def _table(sector: bytes) -> list[Partition]:
    """The board's own; empty when it has none."""
    try:
        return partitions.from_binary(sector)
    except HostError:
        return []


def _check_table(contents: Contents, connection: Connection, table: list[Partition]) -> None:
    """The app goes with the firmware that the board has, and new firmware with the settings that it has."""
    if contents.table:
        have, wanted = settings_of(table), settings_of(contents.table)
        if have and have != wanted:
            raise HostError(
                f"{contents.what} keeps the chip's settings elsewhere, and the board would lose its keys; nothing was "
                "written\n--erase-all erases them, and the board begins as a new one."
            )
        return
    if not table:
        raise HostError(
            "there is no MicroPython on this board yet; name its firmware with --firmware FILE\n"
            f"MicroPython's download page has it by board: take the .bin of {chips()[connection.mcu].generic}."
        )
    vfs = file_system_of(table, connection.flash_b)
    if (vfs.offset, vfs.size) != (contents.vfs.offset, contents.vfs.size):
        raise HostError(
            f"the firmware on this board has its file system of {vfs.size} B at {vfs.offset:#x}, {contents.what} has "
            f"{contents.vfs.size} B at {contents.vfs.offset:#x}\nName the right firmware with --firmware FILE."
        )


def _found(
    contents: Contents, connection: Connection, table: list[Partition], safe: Safe
) -> tuple[Mirror, dict[str, bytes], bool]:
    """-> the file system to change, what is the board's own, whether that file system is a new one."""
    if not table:
        return Mirror(), safe.read() or {}, True
    old = file_system_of(table, connection.flash_b)
    there = Mirror(lambda offset, size: connection.read(old.offset + offset, size))
    own = own_files(there, old.size)
    if own is None and not there.is_blank:
        raise HostError(
            "the board's file system cannot be read, and something of its owner's may be in it; nothing was written\n"
            "--erase-all writes a new one, and the board begins as a new one."
        )
    if own is not None and (old.offset, old.size) == (contents.vfs.offset, contents.vfs.size):
        return there, own, False
    return Mirror(), own or {}, True


def pairing_code(port: serial.SerialBase, timeout_s: float) -> str | None:
    """Reads the console until the board shows its code; None when it does not, as with an owner it does not.

    Raises HostError when the chip says that it cannot start.
    """
    heard = b""
    deadline = time.monotonic() + timeout_s
    port.timeout = 0.1
    while time.monotonic() < deadline:
        heard += port.read(max(1, port.in_waiting))
        if code := _CODE.search(heard):
            return code[1].decode(errors="replace")
        if failed := _FAILED.search(heard):
            raise HostError(f"the board does not start: {failed[1].decode(errors='replace')}\nFlash it again.")
    return None
