"""Room for an update in the folder of a slot: is there enough, and away with what is there. MicroPython; see ota.py."""

import os

from micropython import const
from toscore.errors import StoreError
from toscore.ota_blocks import FILE, IMAGE

_OTA_ROOM = const(427)
_OTA_PART = const(429)

_ABOUT = "~slot"  # of slots.py
_SECTOR_B = const(4096)
_SPARE = const(8)  # sectors that a file system wants besides
_FOLDER = const(0x4000)


def check_room(name, parts):
    """StoreError when the slot could not hold it. parts: of the app, and of firmware perhaps."""
    part = parts[0]
    files = part.files
    if files.names == IMAGE:
        _check_half(name, files.lengths[0])
        files = ()
    want = _SPARE + (_sectors(part.length) if part.base is not None else 0)
    want += sum([_sectors(each.table_b) for each in parts])
    folders = set()
    for path, length in files:
        want += _sectors(length)
        if "/" in path:
            folders.add(path[: path.rfind("/")])
    want += 2 * len(folders)
    have = os.statvfs("/")[3]
    for _, size in _below("/" + name):
        have += _sectors(size or 0)
    if want > have:
        raise StoreError(_OTA_ROOM, want)


def _check_half(name, length):
    from tos import slots

    try:
        have = len(slots.half(name))
    except (AttributeError, TypeError, OSError):  # firmware without romfs, or no partition for it
        raise StoreError(_OTA_PART)
    if length > have:
        raise StoreError(_OTA_ROOM, _sectors(length))


def empty(root):
    """Remove all that is in a folder, the manifest first: without it nobody goes on with what is left."""
    for path in (root + "/" + FILE, root + "/" + _ABOUT):
        try:
            os.remove(path)
        except OSError:
            pass
    for path, size in _below(root):
        if size is None:  # an empty folder could hide a module of the next version
            os.rmdir(path)
        else:
            os.remove(path)


def _below(root):
    """(path, bytes) of each file below a folder, and (path, None) of each folder behind what is in it."""
    try:
        rows = list(os.ilistdir(root))
    except OSError:
        return
    for row in rows:
        path = root + "/" + row[0]
        if row[1] & _FOLDER:
            yield from _below(path)
            yield path, None
        else:
            yield path, row[3]


def _sectors(length):
    return (length + _SECTOR_B - 1) // _SECTOR_B
