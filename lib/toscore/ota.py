"""Updates: may a device take one, and what does it change of the floor and of the keys. Pure."""

from micropython import const
from toscore.errors import Denied, WireError

_OTA_BASE = const(388)
_OTA_PRODUCT = const(391)
_OTA_OLD = const(392)
_OTA_KEYS = const(431)


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


def risen(floor, wanted, fallback):
    """The floor once the update is confirmed: never above the sequence of what a device falls back to, nor lower."""
    return max(floor, min(wanted, fallback))
