"""The module vfs of firmware that has romfs, as MicroPython's ports/esp32/esp32_partition.c and extmod/vfs.c have it:
the partition is in memory as a whole, and what it begins with is mounted at the start. Unix port only, for chip.py.

What is in memory follows the flash, as that of a chip does. Nobody may write to what is mounted, or was since the
start: names that were loaded from there are not copied. Where it happens is in `harmed`.
"""

import sys

import partition
import uctypes
import vfs
from micropython import const
from vfs import VfsLfs2, mount  # noqa: F401

_SECTOR = const(4096)

harmed = []
_mapped = None
_used = []  # stretches of it


def rom_ioctl(op, n):
    """2: what is mapped of the n-th partition."""
    return _mapped if (op, n) == (2, 0) else -22


def VfsRom(memory):
    mounted = vfs.VfsRom(memory)
    begin = uctypes.addressof(memory) - uctypes.addressof(_mapped)
    _used.append((begin, begin + len(memory)))
    return mounted


def umount(path):
    vfs.umount(path)
    if path == "/rom":  # nothing was loaded from there
        _used.clear()


def begin():
    """Behind the bootloader, and when the first file system is mounted."""
    global _mapped
    romfs = partition.Partition("romfs")
    _mapped = bytearray(_SECTOR * romfs.ioctl(4, 0))
    romfs.readblocks(0, _mapped)

    def changed(sector):
        at = sector * _SECTOR
        romfs.readblocks(sector, memoryview(_mapped)[at : at + _SECTOR])
        if any([first <= at < end for first, end in _used]):
            harmed.append(sector)

    partition.changed = changed
    try:
        vfs.mount(VfsRom(_mapped), "/rom")
        sys.path += ["/rom", "/rom/lib"]
    except OSError:
        pass
    sys.modules["vfs"] = sys.modules["romfs"]
