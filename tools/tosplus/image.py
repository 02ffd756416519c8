"""The file system of a board as its flash holds it: a littlefs as MicroPython makes them."""

import os
from pathlib import Path

from littlefs import LittleFS, LittleFSError, UserContext

from .board import Board
from .errors import HostError
from .paths import shown

_SECTOR_B = 4096
_ERASED = b"\xff"
_DISK_VERSION = 0x00020000  # every MicroPython mounts it; the device itself raises it when it first writes


def fresh(tree: Path, size_b: int, what: str) -> bytes:
    """A new file system of this size with a device tree in it; the same tree gives the same bytes.

    It is as long as its partition: of a file system that was there before, nothing may show through.
    Raises HostError if it does not fit; what: the tree, as a person names it.
    """
    region = bytearray(_ERASED * size_b)
    fs = _littlefs(region, _DISK_VERSION)
    try:
        fs.format()
        fs.mount()
        _replace_code(fs, tree)
        fs.unmount()
    except LittleFSError as e:
        if e.code != LittleFSError.Error.LFS_ERR_NOSPC:
            raise
        raise HostError(f"{what} does not fit into a file system of {size_b} B") from None
    return bytes(region)


def _littlefs(region: bytearray, disk_version: int) -> LittleFS:
    return LittleFS(
        UserContext(buffer=region),
        mount=False,
        block_count=len(region) // _SECTOR_B,
        disk_version=disk_version,
        # As MicroPython's vfs.VfsLfs2. The cache bounds the files that littlefs keeps inside a directory.
        block_size=_SECTOR_B,
        read_size=32,
        prog_size=32,
        cache_size=128,
        lookahead_size=32,
    )


def update(image: Path, tree: Path, board: Board) -> None:
    """Makes the flash of a simulated device, a file, hold the code of a device tree.

    A new image is formatted and filled. In an existing one only code (boot.py, main.py, *.mpy) is replaced or removed;
    everything else is the device's own state and stays. Raises HostError if the file system is damaged or too small.
    """
    flash = bytearray(image.read_bytes() if image.exists() else _ERASED * (board.vfs_offset + board.vfs_size))
    region = bytearray(flash[board.vfs_offset : board.vfs_offset + board.vfs_size])
    fs = _littlefs(region, 0 if image.exists() else _DISK_VERSION)
    try:
        if not image.exists():
            fs.format()
        fs.mount()
        changed = _replace_code(fs, tree)
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


def _replace_code(fs: LittleFS, tree: Path) -> bool:
    """Returns whether anything had to change."""
    there = {path: _read(fs, path) for path in _files(fs) if _is_code(path)}
    here = {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    for path in there.keys() - here.keys():
        fs.removedirs(path)  # an empty folder would hide a module of the same name
    for path in sorted(here):
        if there.get(path) != here[path]:
            fs.makedirs(os.path.dirname(path), exist_ok=True)
            with fs.open(path, "wb") as file:
                file.write(here[path])
    return there != here


def _files(fs: LittleFS) -> list[str]:
    return [f"{folder}/{name}".lstrip("/") for folder, _, names in fs.walk("/") for name in names]


def _read(fs: LittleFS, path: str) -> bytes:
    with fs.open(path, "rb") as file:
        return file.read()


def _is_code(path: str) -> bool:
    return path in ("boot.py", "main.py") or path.endswith(".mpy")
