"""The app part of an update into the folder of a slot, as it comes and after a cut. MicroPython; only during updates.

Whoever reads a block back later knows by its hash whether it is the right one; no progress is kept anywhere else.
"""

import binascii
import json
import os

from micropython import const
from tos import slots
from toscore import ota
from toscore.errors import StoreError, WireError
from toscore.ota import FILE

_OTA_ROOM = const(427)
_OTA_CONTENT = const(428)

_PATCH = "~patch"  # no file of an update can have this name
_SECTOR_B = const(4096)
_CHUNK_B = const(512)
_SPARE = const(8)  # sectors that a file system wants besides
_FOLDER = const(0x4000)
_RAW_WINDOW = const(10)


class Writer:
    """name: of the slot, which no start may choose now. base: the slot that a delta is to. Errors of the file system
    are OSErrors."""

    def __init__(self, name, part, base):
        self.name = name
        self.part = part
        self._base = base
        self._root = "/" + name
        self._files = part.files if part.base is None else [[_PATCH, part.length]]
        self._file = self._path = None
        self.blocks = ota.Blocks(part)

    def check_room(self):
        """StoreError when the slot could not hold it, with nothing touched."""
        files = self.part.files if self._files is self.part.files else self.part.files + self._files
        want = _SPARE + sum([_sectors(length) for _, length in files])
        want += 2 * len({path[: path.rfind("/")] for path, _ in files if "/" in path})
        have = os.statvfs("/")[3] + sum([_sectors(size or 0) for _, size in _below(self._root)])
        if want > have:
            raise StoreError(_OTA_ROOM, want)

    def begin(self, message):
        """Go on with what is there if it is of this very manifest; else empty the slot."""
        try:
            with open(self._root + "/" + FILE, "rb") as f:
                is_same = f.read() == message
        except OSError:
            is_same = False
        if is_same:
            self._find()
            return
        empty(self._root)
        with open(_made(self._root + "/" + FILE), "wb") as f:
            f.write(message)

    def _find(self):
        """As many blocks as there are and as are right."""
        view = memoryview(bytearray(_CHUNK_B))
        try:
            for path, length in self._files:
                if not length:
                    continue
                with open(self._root + "/" + path, "rb") as f:
                    while length:
                        n = f.readinto(view[: min(length, _CHUNK_B)])
                        if not n:
                            raise OSError
                        self.blocks.write(view[:n])
                        length -= n
        except (OSError, WireError):
            pass
        self.blocks.rewind()

    def write(self, data):
        """The next bytes. They last once their block is whole. WireError(393) when that is not what was signed: then
        it comes again from blocks.good on."""
        view = memoryview(data)
        good = self.blocks.good
        p = 0
        for path, offset, n in ota.spread(self._files, self.blocks.at, len(view)):
            self._seek(path, offset)
            self._file.write(view[p : p + n])
            p += n
        try:
            self.blocks.write(view)
        except WireError:
            self.again()
            raise
        if self.blocks.good != good:
            self._file.flush()

    def again(self):
        """What is to be written next is not what follows what was written last."""
        self.close()
        self.blocks.rewind()

    def _seek(self, path, offset):
        if self._path != path:
            self.close()
            self._file = open(_made(self._root + "/" + path), "r+b" if offset else "wb")
            self._path = path
            self._file.seek(offset)

    def close(self):
        if self._file:
            self._file.close()
        self._file = self._path = None

    def finish(self, sequence):
        """All of it is there: make the slot what can be started. WireError when its content is not the one signed."""
        self.close()
        if self.part.base is not None:
            self._apply()
        for path, length in self.part.files:
            if not length:
                open(_made(self._root + "/" + path), "wb").close()
        content = binascii.hexlify(self.part.content).decode()
        with open(self._root + "/" + slots.ABOUT, "w") as f:
            json.dump({"sequence": sequence, "content": content, "files": self.part.files}, f)
        if not slots.is_whole(self.name):
            empty(self._root)
            raise WireError(_OTA_CONTENT)

    def _apply(self):
        import deflate
        from toscore.patch import Patch

        old = _Content("/" + self._base, slots.about(self._base)["files"])
        new = [0]
        files = self.part.files

        def write(data):
            p = 0
            for path, offset, n in ota.spread(files, new[0], len(data)):
                self._seek(path, offset)
                self._file.write(data[p : p + n])
                p += n
            new[0] += len(data)

        patch = Patch(old.read, write, old.length, sum([length for _, length in files]))
        try:
            with open(self._root + "/" + _PATCH, "rb") as f:
                stream = deflate.DeflateIO(f, deflate.RAW, _RAW_WINDOW)
                view = memoryview(bytearray(_CHUNK_B))
                while True:
                    n = stream.readinto(view)
                    if not n:
                        break
                    patch.feed(view[:n])
            patch.finish()
        finally:
            self.close()
            old.close()
        os.remove(self._root + "/" + _PATCH)


class _Content:
    """The content of a slot, as if it were one file."""

    def __init__(self, root, files):
        self._root = root
        self._files = files
        self.length = sum([length for _, length in files])
        self._path = self._file = None

    def read(self, offset, n):
        out = b""
        for path, at, many in ota.spread(self._files, offset, n):
            if self._path != path:
                self.close()
                self._file = open(self._root + "/" + path, "rb")
                self._path = path
            self._file.seek(at)
            out += self._file.read(many)
        return out

    def close(self):
        if self._file:
            self._file.close()
        self._file = self._path = None


def empty(root):
    """Remove all that is in a folder, the manifest first: without it nobody goes on with what is left."""
    for path in (root + "/" + FILE, root + "/" + slots.ABOUT):
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


def _made(path):
    """The path, whose folders are there now."""
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError:  # it is there, or opening the file says what is wrong
            pass
        at = path.find("/", at + 1)
    return path
