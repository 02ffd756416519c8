"""HMAC and HKDF with SHA-256, RFC 2104 and RFC 5869. Pure."""

from hashlib import sha256

_BLOCK_B = 64
_HASH_B = 32


def hmac(key, data):
    """-> 32 bytes. key: any length."""
    if len(key) > _BLOCK_B:
        key = sha256(key).digest()
    key = key + bytes(_BLOCK_B - len(key))
    inner = sha256(bytes([b ^ 0x36 for b in key]))
    inner.update(data)
    outer = sha256(bytes([b ^ 0x5C for b in key]))
    outer.update(inner.digest())
    return outer.digest()


def extract(salt, secret):
    """-> the pseudorandom key, 32 bytes (RFC 5869 section 2.2). An empty salt is 32 zero bytes."""
    return hmac(salt or bytes(_HASH_B), secret)


def expand(key, info, length):
    """key: from extract. -> length bytes, at most 255 * 32 (RFC 5869 section 2.3)."""
    if length > 255 * _HASH_B:
        raise ValueError("length")
    out = last = b""
    n = 0
    while len(out) < length:
        n += 1
        last = hmac(key, last + info + bytes((n,)))
        out += last
    return out[:length]
