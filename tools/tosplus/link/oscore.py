"""OSCORE (RFC 8613) for people who look: its option taken apart, and messages opened with `cryptography`.

It only reads. Nothing here protects a message, checks a replay window, or is shared with a device.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import UsageFault

_AES_CCM_16_64_128 = 10  # COSE's number; the only algorithm on this link
_KEY_B, _NONCE_B, _TAG_B = 16, 13, 8
_ID_B = _NONCE_B - 6  # the longest sender or recipient id
_ABOUT = ("role", "name", "address")  # in a file of link/credentials.py


class Option(NamedTuple):
    """The OSCORE option, section 6.1. None is absent, which for partial_iv and kid_context differs from empty."""

    partial_iv: bytes | None
    kid: bytes | None
    kid_context: bytes | None

    def __str__(self) -> str:
        parts = []
        if self.partial_iv is not None:
            parts.append(f"partial IV h'{self.partial_iv.hex()}' ({int.from_bytes(self.partial_iv, 'big')})")
        if self.kid is not None:
            parts.append(f"kid h'{self.kid.hex()}'")
        if self.kid_context is not None:
            parts.append(f"kid context h'{self.kid_context.hex()}'")
        return ", ".join(parts) or "empty"


def option(value: bytes) -> Option:
    """Raises UsageFault."""
    if not value:
        return Option(None, None, None)
    flags, at = value[0], 1
    piv_b = flags & 7
    if flags & 0xE0 or piv_b > 5:
        raise UsageFault(f"not an OSCORE option: flags 0x{flags:02x} are reserved")
    piv = value[at : at + piv_b]
    at += piv_b
    context = None
    if flags & 0x10 and at < len(value):
        context = value[at + 1 : at + 1 + value[at]]
        at += 1 + value[at]
    elif flags & 0x10:
        at += 1
    if at > len(value):
        raise UsageFault(f"not an OSCORE option: it ends too early: {value.hex()}")
    if at < len(value) and not flags & 8:
        raise UsageFault(f"not an OSCORE option: bytes follow it: {value.hex()}")
    return Option(piv if piv_b else None, value[at:] if flags & 8 else None, context)


@dataclass(frozen=True)
class Context:
    """What two peers share (section 3.1), from the side of either. secret and salt never show."""

    secret: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    sender: bytes
    recipient: bytes
    id_context: bytes | None = None

    @classmethod
    def read(cls, file: Path) -> "Context":
        """{"secret", "salt", "sender", "recipient", "id_context"}, hex; salt and id_context may be absent.

        What `tos pair` writes beside them is passed over. Raises UsageFault.
        """
        try:
            found = json.loads(file.read_text())
            values = {key: bytes.fromhex(value) for key, value in found.items() if key not in _ABOUT}
            context = cls(**{"salt": b"", **values})
        except OSError as e:
            raise UsageFault(f"{file}: {e.strerror}") from None
        except (ValueError, TypeError, AttributeError):  # whose words might show a key
            raise UsageFault(
                f'{file} is not a security context; it looks like {{"secret": "0102...", "salt": "9e7c...", '
                '"sender": "", "recipient": "01", "id_context": "37cb..."}, all hex, the last one optional'
            ) from None
        if max(len(context.sender), len(context.recipient)) > _ID_B or context.sender == context.recipient:
            raise UsageFault(f"{file}: sender and recipient are two ids of at most {_ID_B} bytes")
        return context

    def derive(self, identity: bytes, kind: str, size_b: int) -> bytes:
        """A key (kind "Key") or the common IV (identity b"", kind "IV"), section 3.2.1."""
        info = cbor2.dumps([identity, self.id_context, _AES_CCM_16_64_128, kind, size_b])
        return HKDF(SHA256(), size_b, self.salt, info).derive(self.secret)

    def nonce(self, identity: bytes, partial_iv: bytes) -> bytes:
        """Section 5.2. identity: of the peer whose partial IV it is."""
        plain = bytes([len(identity)]) + identity.rjust(_ID_B, b"\0") + partial_iv.rjust(5, b"\0")
        return bytes(a ^ b for a, b in zip(plain, self.derive(b"", "IV", _NONCE_B), strict=True))

    def open(self, this: Option, ciphertext: bytes, request: Option | None) -> bytes:
        """-> code, class E options and payload (section 5.3). request: None if `this` is itself of a request.

        Raises UsageFault.
        """
        asked = request or this
        if asked.kid is None or asked.partial_iv is None:
            raise UsageFault("a request has a kid and a partial IV; for a response, give its request with --request")
        if asked.kid not in (self.sender, self.recipient):
            raise UsageFault(f"kid h'{asked.kid.hex()}' is neither sender nor recipient of this context")
        if asked.kid_context not in (None, self.id_context):
            raise UsageFault(f"kid context h'{asked.kid_context.hex()}' is another than this context's id_context")
        answering = self.recipient if asked.kid == self.sender else self.sender
        by = answering if request else asked.kid
        own = request is None or this.partial_iv is not None
        nonce = self.nonce(by if own else asked.kid, (this if own else asked).partial_iv or b"")
        aad = cbor2.dumps([1, [_AES_CCM_16_64_128], asked.kid, asked.partial_iv, b""])
        try:
            cipher = AESCCM(self.derive(by, "Key", _KEY_B), tag_length=_TAG_B)
            return cipher.decrypt(nonce, ciphertext, cbor2.dumps(["Encrypt0", b"", aad]))
        except (InvalidTag, ValueError):
            raise UsageFault("the message does not open: another context or request, or it was altered") from None
