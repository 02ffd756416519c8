"""The file system of a board as its flash holds it: a littlefs as MicroPython makes them."""

import os
from pathlib import Path
from typing import Any

from littlefs import LittleFS, LittleFSError, UserContext

from ..errors import HostError
from ..paths import shown
from .board import Board

_SECTOR_B = 4096
_ERASED = b"\xff"
STARTS = ("boot.py", "main.py")  # stock firmware starts them as text only
MARK = "tree"  # which device tree was put there
_DISK_VERSION = 0x00020000  # every MicroPython mounts it; the device itself raises it when it first writes


class Flash(UserContext):
    """A flash in memory. As UserContext, which formats a line for a log at each of tens of thousands of accesses."""

    def read(self, cfg: Any, block: int, off: int, size: int) -> bytearray:
        at = block * _SECTOR_B + off
        return self.buffer[at : at + size]

    def prog(self, cfg: Any, block: int, off: int, data: bytes) -> int:
        at = block * _SECTOR_B + off
        self.buffer[at : at + len(data)] = data
        return 0

    def erase(self, cfg: Any, block: int) -> int:
        self.buffer[block * _SECTOR_B : (block + 1) * _SECTOR_B] = _ERASED * _SECTOR_B
        return 0


def fresh(tree: Path, size_b: int, what: str) -> bytes:
    """A new file system of this size with a device tree in it; the same tree gives the same bytes.

    It is as long as its partition: of a file system that was there before, nothing may show through.
    Raises HostError if it does not fit; what: the tree, as a person names it.
    """
    region = bytearray(_ERASED * size_b)
    fs = littlefs(Flash(buffer=region), size_b, is_new=True)
    try:
        fs.format()
        fs.mount()
        replace_code(fs, files_of(tree))
        fs.unmount()
    except LittleFSError as e:
        if e.code != LittleFSError.Error.LFS_ERR_NOSPC:
            raise
        raise HostError(f"{what} does not fit into a file system of {size_b} B") from None
    return bytes(region)


def littlefs(flash: UserContext, size_b: int, is_new: bool) -> LittleFS:
    """Of this size, and not mounted yet; a new one is to be formatted first."""
    return LittleFS(
        flash,
        mount=False,
        block_count=size_b // _SECTOR_B,
        disk_version=_DISK_VERSION if is_new else 0,
        # As MicroPython's vfs.VfsLfs2. The cache bounds the files that littlefs keeps inside a directory.
        block_size=_SECTOR_B,
        read_size=32,
        prog_size=32,
        cache_size=128,
        lookahead_size=32,
    )


def update(image: Path, tree: Path, board: Board) -> None:
    """Makes the flash of a simulated device, a file, hold the code of a device tree.

    A new image is formatted and filled. In an existing one only code, see is_code, is replaced or removed;
    everything else is the device's own state and stays. An image that got this very tree before is left as it is: it
    may have updated itself since. Raises HostError if the file system is damaged or too small.
    """
    flash = bytearray(image.read_bytes() if image.exists() else _ERASED * (board.vfs_offset + board.vfs_size))
    region = bytearray(flash[board.vfs_offset : board.vfs_offset + board.vfs_size])
    fs = littlefs(Flash(buffer=region), board.vfs_size, is_new=not image.exists())
    try:
        if not image.exists():
            fs.format()
        fs.mount()
        here = files_of(tree)
        changed = MARK not in here or _mark(fs) != here[MARK]
        changed = changed and replace_code(fs, here)
        fs.unmount()
    except LittleFSError as e:
        if e.code == LittleFSError.Error.LFS_ERR_NOSPC:
            raise HostError(f"{shown(image)} is full; --fresh erases it, state and all") from None
        raise HostError(f"{shown(image)} does not mount ({e}); --fresh erases it, state and all") from None
    if changed or not image.exists():
        flash[board.vfs_offset : board.vfs_offset + board.vfs_size] = region
        scratch = image.with_suffix(".new")
        scratch.write_bytes(flash)
        os.replace(scratch, image)


def _mark(fs: LittleFS) -> bytes:
    try:
        return _read(fs, MARK)
    except FileNotFoundError:
        return b""


def replace_code(fs: LittleFS, here: dict[str, bytes]) -> bool:
    """Makes the code there, {path: content}, the code here. Returns whether anything had to change."""
    there = {path: content for path, content in contents(fs).items() if is_code(path)}
    for path in there.keys() - here.keys():
        fs.removedirs(path)  # an empty folder would hide a module of the same name
    for path in sorted(here):
        if there.get(path) != here[path]:
            fs.makedirs(os.path.dirname(path), exist_ok=True)
            with fs.open(path, "wb") as file:
                file.write(here[path])
    return there != here


def files_of(tree: Path) -> dict[str, bytes]:
    """What a device tree holds, {path: content}."""
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def contents(fs: LittleFS) -> dict[str, bytes]:
    """What a file system holds, {path: content}."""
    paths = [f"{folder}/{name}".lstrip("/") for folder, _, names in fs.walk("/") for name in names]
    return {path: _read(fs, path) for path in paths}


def _read(fs: LittleFS, path: str) -> bytes:
    with fs.open(path, "rb") as file:
        content: bytes = file.read()
        return content


def is_code(path: str) -> bool:
    """Code, and what is known of it, comes with every flashing; all else is the device's own."""
    return path in (*STARTS, "boot.rec", MARK) or path.endswith(".mpy") or path.split("/")[0] in ("a", "b", "r")
