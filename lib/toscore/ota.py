"""Updates, what a device makes of a manifest: may it be taken, are the blocks right, which keys come next. Pure."""

from hashlib import sha256

from micropython import const
from toscore.errors import Denied, WireError

_OTA_BASE = const(388)
_OTA_PRODUCT = const(391)
_OTA_OLD = const(392)
_OTA_DAMAGED = const(393)
_OTA_KEYS = const(431)

APP, FIRMWARE, MODEL = range(3)  # kinds of parts
BLOCK_B = 4096
HASH_B = 32
FILE = "manifest.cose"  # where a manifest is kept, beside the files of a part: none of them may have this name


def check(manifest, product, board, sequence, floor, keys, contents):
    """Whether a device may take it: this product on this board, that runs this sequence, has this floor and these keys.

    contents: {kind: SHA-256 of what runs}, for deltas. Denied, or WireError for a delta to something else.
    """
    if manifest.product != product or board not in manifest.hardware:
        raise Denied(_OTA_PRODUCT)
    if manifest.sequence <= sequence or manifest.sequence < floor:
        raise Denied(_OTA_OLD, manifest.sequence)
    rotated(keys, manifest)
    for part in manifest.parts:
        if part.base is not None and part.base != contents.get(part.kind):
            raise WireError(_OTA_BASE, part.kind)


def rotated(keys, manifest):
    """The keys as they are once the update is confirmed, a list. Denied when that could leave a device that no update
    reaches: the slot that signed stays as it is, because only of this key is it known that somebody has it.

    So at most one slot changes, and one write to the keystore is all of it.
    """
    keys = list(keys)
    for slot, key in manifest.keys.items():
        if slot == manifest.signer or (key is not None and key == keys[manifest.signer]):
            raise Denied(_OTA_KEYS, slot)
        keys[slot] = key
    return keys


def risen(floor, manifest, fallback):
    """The floor once the update is confirmed: never above the sequence of what a device falls back to, nor lower."""
    return max(floor, min(manifest.floor, fallback))


def spread(files, offset, n):
    """Where n bytes of a content from offset on are: yields (path, offset in this file, how many)."""
    for path, length in files:
        if offset < length and n > 0:
            here = min(n, length - offset)
            yield path, offset, here
            n -= here
            offset = length
        offset -= length


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
