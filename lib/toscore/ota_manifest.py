"""The signed manifest of a bundle of updates. Pure. docs/updates.md has the format.

A bundle is a COSE_Sign1 message (RFC 9052 section 4.2), bytes in one form only, and then the bytes of each part:

    18([<< {1: -7 (ES256), 4: kid} >>, {}, << manifest >>, signature (64 B)])

kid is the first 8 bytes of the SHA-256 of the public key, x and y. The manifest is a map with these keys:

    0 version, 1   1 product   2 hardware: names of boards   3 sequence   4 floor   5 parts   6 version, for people
    7 keys: {slot: x and y, or null}   8 terms_id, 9 app signer: bytes, reserved

and a part one with these:

    0 kind   1 length of its bytes here   2 hashes: SHA-256 of each block of them
    3 files: [name, length, ...] as CBOR in raw deflate, because names are most of what a manifest weighs; a text that
      ends in "/" is the folder of all names behind it, "/" the slot's own
    4 SHA-256 of its content   5 of the content that it is a delta to
"""

from hashlib import sha256

from micropython import const
from toscore import ecdsa, p256
from toscore.errors import AuthError, WireError
from toscore.ota import APP, BLOCK_B, FILE, FIRMWARE, HASH_B, MODEL

_OTA_MALFORMED = const(387)
_OTA_KEY = const(389)
_OTA_SIGNATURE = const(390)

MESSAGE_B = 4096  # the longest, signature and all
SLOTS = 2  # of keys

_HEAD = b"\xd2\x84\x4d\xa2\x01\x26\x04\x48"
_KID_B = const(8)
_KID_END = const(16)
_PROTECTED = const(2)  # where it begins
_SIGNATURE_HEAD = b"\x58\x40"
_TAIL_B = const(66)
_TEXT_B = const(32)
_PATH_B = const(64)
_BOARDS = const(8)
_MOST = const(0x3FFFFFFF)  # of a number, so that it is a small one on a chip
_DEPTH = const(5)
_ITEMS = const(512)
_PATH = b"-./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


class Part:
    """kind, length, hashes, content, base (None: no delta); files: [[path, B], ...] in the order of the content."""


class Manifest:
    """What the maker signed: product, hardware, sequence, floor, parts, version, keys; signer: the slot of the key."""


def kid(key):
    """Which key this is, 8 B. key: x and y, 64 B."""
    return sha256(key).digest()[:_KID_B]


def read(message, keys, cbor, inflate):
    """A bundle's beginning, up to where its parts begin -> Manifest. Nothing in it counts before its signature does.

    keys: for each slot x and y, 64 B, or None. cbor: that module, or its fast twin. inflate(data, n) -> at most n bytes
    of what this is in raw deflate with a window of 1 KB, or OSError, ValueError or EOFError.
    AuthError: no key of these has signed it. WireError: it is no such message, or what is signed is no manifest; the
    detail says where.
    """
    payload, end = _payload(message)
    signer = None
    for slot in range(SLOTS):
        if keys[slot] is not None and kid(keys[slot]) == bytes(message[len(_HEAD) : _KID_END]):
            signer = slot
    if signer is None:
        raise AuthError(_OTA_KEY)
    view = memoryview(message)
    digest = sha256(b"\x84\x6aSignature1")  # Sig_structure, section 4.4
    digest.update(view[_PROTECTED:_KID_END])
    digest.update(b"\x40")  # no external data
    digest.update(view[_KID_END + 1 : end])
    if not ecdsa.verify(keys[signer], digest.digest(), view[end + len(_SIGNATURE_HEAD) :]):
        raise AuthError(_OTA_SIGNATURE)
    manifest = _manifest(cbor.loads(view[payload:end], _DEPTH, end - payload, _ITEMS), cbor, inflate)
    manifest.signer = signer
    return manifest


def _bad(where):
    return WireError(_OTA_MALFORMED, where)


def _payload(message):
    """(where the manifest begins, where it ends) in the one form that the rest has."""
    if len(message) > MESSAGE_B:
        raise _bad("length")
    p = _KID_END + 1
    if len(message) < p + 3 + _TAIL_B or bytes(message[: len(_HEAD)]) != _HEAD or message[p - 1] != 0xA0:
        raise _bad("COSE_Sign1")
    # Shortest form, or what is signed would not be what came: its head is part of Sig_structure.
    if message[p] == 0x58 and message[p + 1] > 23:
        n = message[p + 1]
        p += 2
    elif message[p] == 0x59 and message[p + 1]:
        n = message[p + 1] << 8 | message[p + 2]
        p += 3
    else:
        raise _bad("COSE_Sign1")
    if len(message) != p + n + _TAIL_B or bytes(message[p + n : p + n + 2]) != _SIGNATURE_HEAD:
        raise _bad("COSE_Sign1")
    return p, p + n


def _manifest(fields, cbor, inflate):
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
    manifest.parts = [_part(part, cbor, inflate) for part in fields[5]]
    if len({part.kind for part in manifest.parts}) != len(manifest.parts):
        raise _bad("parts")
    return manifest


def _part(fields, cbor, inflate):
    if not isinstance(fields, dict) or any([not _is_number(key, 0, 5) for key in fields]):
        raise _bad("part")
    part = Part()
    part.kind, part.length, part.hashes, part.files, part.content, part.base = [fields.get(key) for key in range(6)]
    if not _is_number(part.kind, APP, MODEL) or not _is_number(part.length, 1, _MOST):
        raise _bad("part")
    blocks = (part.length + BLOCK_B - 1) // BLOCK_B
    for hashes, n in ((part.hashes, blocks), (part.content, 1), (part.base or part.content, 1)):
        if not isinstance(hashes, bytes) or len(hashes) != n * HASH_B:
            raise _bad("hashes")
    if part.kind == FIRMWARE:  # all of it, in a partition
        if part.files is not None or part.base is not None:
            raise _bad("files")
        return part
    part.files = _listed(_inflated(part.files, cbor, inflate))
    total = _files(part.files)
    if part.base is None and total != part.length:
        raise _bad("files")
    return part


def _inflated(data, cbor, inflate):
    if not isinstance(data, bytes):
        raise _bad("files")
    try:
        data = inflate(data, MESSAGE_B + 1)
    except (OSError, ValueError, EOFError):
        raise _bad("files") from None
    if len(data) > MESSAGE_B:
        raise _bad("files")
    return cbor.loads(data, _DEPTH, len(data), _ITEMS)


def _listed(entries):
    """[[path, length], ...]"""
    if not _is_list(entries, _ITEMS):
        raise _bad("files")
    files = []
    folder = ""
    name = None
    for entry in entries:
        if name is not None:
            files.append([folder + name, entry])
            name = None
        elif not isinstance(entry, str):
            raise _bad("files")
        elif entry.endswith("/"):
            folder = "" if entry == "/" else entry
        else:
            name = entry
    if name is not None:
        raise _bad("files")
    return files


def _files(files):
    """How long they are together."""
    total = 0
    paths = {FILE}
    folders = set()
    for file in files:
        path, length = file
        if not _is_path(path) or not _is_number(length, 0, _MOST):
            raise _bad("files")
        total += length
        if path in paths:
            raise _bad("files")
        paths.add(path)
        while "/" in path:
            path = path[: path.rfind("/")]
            folders.add(path)
    if not 0 < total <= _MOST or folders & paths:
        raise _bad("files")
    return total


def _is_path(path):
    """Whether it names a file below the folder that it is put in."""
    if not isinstance(path, str) or len(path) > _PATH_B or any([char not in _PATH for char in path.encode()]):
        return False
    return not any([name in ("", ".", "..") for name in path.split("/")])


def _is_key(key):
    """Whether it is a point of the curve."""
    if not isinstance(key, bytes) or len(key) != 2 * p256.SIZE_B:
        return False
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
