"""OSCORE messages with any plaintext, which aiocoap would not seal, for what fuzzes its servers."""

from pathlib import Path

import aiocoap
import cbor2
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from fuzz.mutate import mutated
from tosplus.link import oscore
from tosplus.link.secure import Credentials

OURS = oscore.Context(bytes(range(16)), b"salt", b"\x00", b"kd")  # of the server


class Numbered(Credentials):
    """Of the server, with numbers that nobody keeps, and a window that is known."""

    def __init__(self, context=OURS):
        super().__init__(context, Path(), known=True)

    def _reserve(self):
        return self._end


def sealed(n, plain):
    """(value of the OSCORE option, ciphertext) of a plaintext from the other side; n: its number, from 1."""
    number = n.to_bytes(5, "big").lstrip(b"\0")
    aad = cbor2.dumps([1, [10], OURS.recipient, number, b""])
    cipher = AESCCM(OURS.derive(OURS.recipient, "Key", 16), tag_length=8)
    text = cipher.encrypt(OURS.nonce(OURS.recipient, number), plain, cbor2.dumps(["Encrypt0", b"", aad]))
    return bytes([8 | len(number)]) + number + OURS.recipient, text


def datagram(option, text):
    """A POST, CON."""
    return b"\x40\x02\0\0" + bytes([0x90 | len(option)]) + option + b"\xff" + text


def posted(path, body):
    """The plaintext of a POST of CBOR to a path of so many parts."""
    inner = aiocoap.Message(code=aiocoap.POST, payload=body, uri_path=path, content_format=60)
    return b"\x02" + inner.opt.encode() + b"\xff" + body


def requested(rng, whole, is_damaged):
    """A datagram as aiocoap hands it to a server, damaged before; None where it does not come so far."""
    try:
        found = aiocoap.Message.decode(mutated(rng, whole) if is_damaged else whole)
    except (aiocoap.error.UnparsableMessage, ValueError):
        return None
    return found if found.code.is_request() else None
