"""A part of an update into its slot, as it comes and after a cut. MicroPython; see ota.py.

Whoever reads a block back later knows by its hash whether it is the right one; no progress is kept anywhere else.
"""

import os

from micropython import const
from tos.lazy import drop
from toscore.errors import WireError
from toscore.ota_blocks import FILE, IMAGE, Blocks, Files, Spread

PATCH = "~patch"  # no file of an update can have this name
_CHUNK_B = const(512)


class Writer:
    """name: of the slot, which no start may choose now. opened: see opener(). Errors of the flash are OSErrors."""

    def __init__(self, name, part, opened):
        self._root = "/" + name
        self._files = transported(part)
        self._open = opened
        self._spread = Spread(self._files)
        self._file = self._path = None
        self.blocks = Blocks(part)

    def begin(self, message):
        """Go on with what is there if it is of this very manifest; else empty the slot."""
        try:
            with open(self._root + "/" + FILE, "rb") as f:
                is_same = f.read() == message
        except OSError:
            is_same = False
        if is_same:
            for _ in self.find():
                pass
            return
        from tos.room import empty

        empty(self._root)
        empty = None
        drop("tos.room")
        with open(made(self._root + "/" + FILE), "wb") as f:
            f.write(message)

    def is_mapped(self):
        """Whether it has crashed at this start, and what was loaded from its ROMFS still points there. A block of a
        ROMFS has 1 B."""
        return os.statvfs(self._root + "/lib")[0] == 1

    def find(self):
        """As many blocks as there are and as are right. -> pauses on the way, one after each."""
        view = memoryview(bytearray(_CHUNK_B))
        try:
            for path, length in self._files:
                if not length:
                    continue
                with self._open(path, "rb") as f:
                    while length:
                        n = f.readinto(view[: min(length, _CHUNK_B)])
                        if not n:
                            raise OSError
                        self.blocks.write(view[:n])
                        length -= n
                        if self.blocks.at == self.blocks.good:
                            yield
        except (OSError, WireError):
            pass
        self.blocks.rewind()

    def write(self, data):
        """The next bytes. They last once their block is whole. WireError(393) when that is not what was signed: then
        it comes again from blocks.good on."""
        view = memoryview(data)
        good = self.blocks.good
        p = 0
        for path, offset, n in self._spread.find(self.blocks.at, len(view)):
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
            self._file = self._open(path, "r+b" if offset else "wb")
            self._path = path
            self._file.seek(offset)

    def close(self):
        if self._file:
            self._file.close()
        self._file = self._path = None


def transported(part):
    """The files in which its bytes are, as they come."""
    return part.files if part.base is None else Files(PATCH + "\n", [part.length])


def opener(Partition, name, files):
    """-> open(path, mode) of these files of a slot: in its folder, or in its half of the partition romfs."""
    if files.names == IMAGE:
        from tos.flash import half

        return lambda path, mode: half(Partition, name)
    root = "/%s/" % name
    return lambda path, mode: open(root + path if mode == "rb" else made(root + path), mode)


def made(path):
    """The path, whose folders are there now."""
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError:  # it is there, or opening the file says what is wrong
            pass
        at = path.find("/", at + 1)
    return path
