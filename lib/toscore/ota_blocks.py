"""The bytes of a part of an update: are they right, and to which files do they belong. Pure."""

from hashlib import sha256

from micropython import const
from toscore.errors import WireError

_OTA_DAMAGED = const(393)

APP, FIRMWARE, MODEL = range(3)  # kinds of parts
BLOCK_B = 4096
HASH_B = 32
FILE = "manifest.cose"  # where a manifest is kept, beside the files of a part: none of them may have this name
IMAGE = "lib.romfs\n"  # the names of an app that is one ROMFS, which a partition takes and the slot has as its lib


class Files:
    """Yields (path, B) of each file, in the order of the content; B is None of those that have none.

    names: lines. One that ends in "/" is the folder of all behind it, "/" the slot's own. lengths: B, without folders.
    """

    def __init__(self, names, lengths):
        self.names = names
        self.lengths = lengths

    def __iter__(self):
        names, lengths = self.names, self.lengths
        folder = ""
        n = p = 0
        while p < len(names):
            end = names.find("\n", p)
            name = names[p:end]
            p = end + 1
            if name.endswith("/"):
                folder = "" if name == "/" else name
            else:
                yield folder + name, lengths[n] if n < len(lengths) else None
                n += 1


class Spread:
    """Where bytes of a content are among its files. Quick when they come one after another."""

    def __init__(self, files):
        self._files = files
        self._rewind()

    def _rewind(self):
        self._walk = iter(self._files)
        self._path = None
        self._begin = self._end = 0

    def find(self, offset, n):
        """Of n bytes from offset on: yields (path, offset in this file, how many)."""
        if offset < self._begin:
            self._rewind()
        while n > 0:
            if offset < self._end:
                here = min(n, self._end - offset)
                yield self._path, offset - self._begin, here
                n -= here
                offset += here
            else:
                path, length = next(self._walk, (None, 0))
                if path is None:
                    self._rewind()
                    return
                self._path = path
                self._begin = self._end
                self._end += length


class Blocks:
    """The bytes of a part as they come, in pieces of any size. What has come is right up to `good`, a multiple of a
    block or the end; a piece is kept first and shown here then. After a cut: show again what was kept, rewind, and go
    on from `good`.
    """

    def __init__(self, part):
        self._part = part
        self.good = 0
        self.rewind()

    def rewind(self):
        """Forget the block that has begun."""
        self.at = self.good
        self._digest = sha256()

    def write(self, data):
        """The next bytes. WireError(393, number of the block) when they are not those that were signed, or too many;
        then all behind `good` is forgotten.
        """
        view = memoryview(data)
        length = self._part.length
        p = 0
        while p < len(view):
            n = min(len(view) - p, BLOCK_B - self.at % BLOCK_B, length - self.at)
            if n == 0:
                raise WireError(_OTA_DAMAGED, self.at // BLOCK_B)
            self._digest.update(view[p : p + n])
            self.at += n
            p += n
            if self.at % BLOCK_B == 0 or self.at == length:
                block = (self.at - 1) // BLOCK_B
                right = self._part.hashes[HASH_B * block : HASH_B * (block + 1)]
                if self._digest.digest() != right:
                    self.rewind()
                    raise WireError(_OTA_DAMAGED, block)
                self.good = self.at
                self.rewind()

    def whole(self):
        """Whether all of the part has come."""
        return self.good == self._part.length
