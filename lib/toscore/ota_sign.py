"""Who signed a manifest: the COSE_Sign1 message around it (RFC 9052 section 4.2), bytes in one form only. Pure.

    18([<< {1: -7 (ES256), 4: kid} >>, {}, << manifest >>, signature (64 B)])

kid is the first 8 bytes of the SHA-256 of the public key, x and y.
"""

from hashlib import sha256

from micropython import const
from toscore import ecdsa
from toscore.errors import AuthError, WireError

_OTA_MALFORMED = const(387)
_OTA_KEY = const(389)
_OTA_SIGNATURE = const(390)

MESSAGE_B = 4096  # the longest, signature and all

_HEAD = b"\xd2\x84\x4d\xa2\x01\x26\x04\x48"
_KID_B = const(8)
_KID_END = const(16)
_PROTECTED = const(2)  # where it begins
_SIGNATURE_HEAD = b"\x58\x40"
_TAIL_B = const(66)


def kid(key):
    """Which key this is, 8 B. key: x and y, 64 B."""
    return sha256(key).digest()[:_KID_B]


def opened(message, keys):
    """-> (slot of the key that signed it, where the manifest begins, where it ends). Nothing in it counts before.

    keys: for each slot x and y, 64 B, or None. AuthError: no key of these has signed it. WireError: it is no such
    message; the detail says where.
    """
    payload, end = _payload(message)
    signer = None
    for slot, key in enumerate(keys):
        if key is not None and kid(key) == bytes(message[len(_HEAD) : _KID_END]):
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
    return signer, payload, end


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
