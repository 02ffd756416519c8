"""The signed manifest of a bundle of updates. Pure. docs/updates.md has the format.

A bundle is a message as in ota_sign.py, and then the bytes of each part. The manifest is a map with these keys:

    0 version, 1   1 product   2 hardware: names of boards   3 sequence   4 floor   5 parts   6 version, for people
    7 keys: {slot: x and y, or null}   8 terms_id, 9 app signer: bytes, reserved

and a part one with these:

    0 kind   1 length of its bytes here   2 hashes: SHA-256 of each block of them
    3 names of its files in raw deflate, because they are most of what a manifest weighs; see Files in ota_blocks.py
    4 SHA-256 of its content   5 of the content that it is a delta to
    6 lengths of its files: numbers of 7 bits in each byte, lowest first, bit 7 of all but the last

The hashes of firmware would be too long for a manifest. So its bytes are first a table of them, 32 B of each block, and
then the image; 2 has the hashes of the table's blocks, 4 that of the image.
"""

from micropython import const
from toscore.errors import WireError
from toscore.ota_blocks import APP, BLOCK_B, FILE, FIRMWARE, HASH_B, MODEL, Files

_OTA_MALFORMED = const(387)

NAMES_B = 4096  # of all files, the most
SLOTS = 2  # of keys
POINT_B = 64

_TEXT_B = const(32)
_PATH_B = const(64)
_BOARDS = const(8)
_MOST = const(0x3FFFFFFF)  # of a number, so that it is a small one on a chip
_LAST_SHIFT = const(21)
_DEPTH = const(5)
_ITEMS = const(512)
_PATH = b"\n-./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


class Part:
    """kind, length, hashes, content, base (None: no delta); files: Files, or None of firmware; table_b: how many of its
    bytes are the table, 0 of others than firmware."""


class Manifest:
    """What the maker signed: product, hardware, sequence, floor, parts, version, keys; signer: the slot of the key."""


def read(message, keys, cbor, inflate):
    """A bundle's beginning, up to where its parts begin -> Manifest. As opened() of ota_sign.py, and then parse()."""
    from toscore.ota_sign import opened

    signer, begin, end = opened(message, keys)
    return parse(memoryview(message)[begin:end], signer, cbor, inflate)


def parse(payload, signer, cbor, inflate):
    """What is known to be signed with the key of this slot -> Manifest. WireError: it is none; the detail says where.

    cbor: that module, or its fast twin. inflate(data, n) -> at most n bytes of what this is in raw deflate with a
    window of 1 KB, or OSError, ValueError or EOFError.
    """
    manifest = _manifest(cbor.loads(payload, _DEPTH, len(payload), _ITEMS), inflate)
    manifest.signer = signer
    return manifest


def _bad(where):
    return WireError(_OTA_MALFORMED, where)


def _manifest(fields, inflate):
    if not isinstance(fields, dict) or not _is_number(fields.get(0), 1, 1):
        raise _bad("version")
    if any([not _is_number(key, 0, 9) for key in fields]):
        raise _bad("fields")
    manifest = Manifest()
    manifest.product = fields.get(1)
    manifest.hardware = fields.get(2)
    manifest.sequence = fields.get(3)
    manifest.floor = fields.get(4)
    manifest.version = fields.get(6)
    manifest.keys = fields.get(7, {})
    if not _is_text(manifest.product, 1):
        raise _bad("product")
    if not _is_list(manifest.hardware, _BOARDS) or not all([_is_text(name, 1) for name in manifest.hardware]):
        raise _bad("hardware")
    if not _is_number(manifest.sequence, 1, _MOST):
        raise _bad("sequence")
    if not _is_number(manifest.floor, 0, manifest.sequence):
        raise _bad("floor")
    if not _is_text(manifest.version, 0):
        raise _bad("version")
    if not isinstance(manifest.keys, dict):
        raise _bad("keys")
    for slot, key in manifest.keys.items():
        if not _is_number(slot, 0, SLOTS - 1) or (key is not None and not _is_key(key)):
            raise _bad("keys")
    if any([key in fields and not isinstance(fields[key], bytes) for key in (8, 9)]):
        raise _bad("reserved")
    if not _is_list(fields.get(5), 3):
        raise _bad("parts")
    manifest.parts = [_part(part, inflate) for part in fields[5]]
    if len({part.kind for part in manifest.parts}) != len(manifest.parts):
        raise _bad("parts")
    return manifest


def _part(fields, inflate):
    if not isinstance(fields, dict) or any([not _is_number(key, 0, 6) for key in fields]):
        raise _bad("part")
    part = Part()
    part.kind, part.length, part.hashes, names, part.content, part.base, lengths = [fields.get(key) for key in range(7)]
    if not _is_number(part.kind, APP, MODEL) or not _is_number(part.length, 1, _MOST):
        raise _bad("part")
    if part.kind == FIRMWARE and (names, lengths, part.base) != (None, None, None):  # all of it, in a partition
        raise _bad("files")
    part.table_b = _table_b(part.length) if part.kind == FIRMWARE else 0
    blocks = ((part.table_b or part.length) + BLOCK_B - 1) // BLOCK_B
    for hashes, n in ((part.hashes, blocks), (part.content, 1), (part.base or part.content, 1)):
        if not isinstance(hashes, bytes) or len(hashes) != n * HASH_B:
            raise _bad("hashes")
    part.files = None
    if part.kind == FIRMWARE:
        return part
    part.files = Files(_names(names, inflate), _lengths(lengths))
    total = _total(part.files)
    if part.base is None and total != part.length:
        raise _bad("files")
    return part


def _table_b(length):
    """Of firmware that has this length with its table: each block of the image, the last as well, has a row there."""
    rows, rest = divmod(length, BLOCK_B + HASH_B)
    if 0 < rest <= HASH_B:
        raise _bad("part")
    return (rows + (rest > 0)) * HASH_B


def _names(data, inflate):
    if not isinstance(data, bytes):
        raise _bad("files")
    try:
        data = inflate(data, NAMES_B + 1)
    except (OSError, ValueError, EOFError):
        raise _bad("files") from None
    if not 0 < len(data) <= NAMES_B or data[-1] != 10:
        raise _bad("files")
    for byte in data:
        if byte not in _PATH:
            raise _bad("files")
    return str(data, "utf-8")


def _lengths(data):
    """In the shortest form."""
    if not isinstance(data, bytes):
        raise _bad("files")
    lengths = []
    number = shift = 0
    for byte in data:
        if shift and byte == 0:
            raise _bad("files")
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
            if shift > _LAST_SHIFT:
                raise _bad("files")
        else:
            lengths.append(number)
            number = shift = 0
    if shift:
        raise _bad("files")
    return lengths


def _total(files):
    """How long they are together."""
    total = n = 0
    paths = {FILE}
    folders = set()
    for path, length in files:
        if not _is_path(path) or length is None:
            raise _bad("files")
        total += length
        n += 1
        if path in paths:
            raise _bad("files")
        paths.add(path)
        while "/" in path:
            path = path[: path.rfind("/")]
            folders.add(path)
    if n != len(files.lengths) or not 0 < total <= _MOST or folders & paths:
        raise _bad("files")
    return total


def _is_path(path):
    """Whether it names a file below the folder that it is put in."""
    return len(path) <= _PATH_B and not any([name in ("", ".", "..") for name in path.split("/")])


def _is_key(key):
    """Whether it is a point of the curve."""
    if not isinstance(key, bytes) or len(key) != POINT_B:
        return False
    from toscore import p256

    x = int.from_bytes(key[: p256.SIZE_B], "big")
    y = int.from_bytes(key[p256.SIZE_B :], "big")
    return x < p256.P and y < p256.P and y * y % p256.P == p256.right(x)


def _is_number(value, least, most):
    return type(value) is int and least <= value <= most


def _is_list(value, most):
    return isinstance(value, list) and 0 < len(value) <= most


def _is_text(value, least):
    """As a log or a page can show it."""
    if not isinstance(value, str) or not least <= len(value.encode()) <= _TEXT_B:
        return False
    return not any([ord(char) < 32 or ord(char) == 127 for char in value])
