"""Pairing, the host's side of `/p`: docs/pairing.md. By the library `cryptography`, with none of the device's code."""

import hmac
import os
from typing import NamedTuple

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import HostError
from .schema import ROLES

VERSION = 1

M1 = {0: "version", 1: "nonce", 2: "x", 3: "role", 4: "name", 5: "id"}
M2 = {1: "nonce", 2: "x", 5: "id", 6: "mac"}
M3 = {6: "mac"}

MAC_B = 16
_NONCE_B = 16
_X_B = 32
_ID_B = 7
_NAME_B = 32
_CURVE = ec.SECP256R1()


class PairError(HostError):
    """The device's answer is not one of who knows the secret. abandon: the m3 that ends the exchange there."""

    abandon = cbor2.dumps({6: bytes(MAC_B)})


class Paired(NamedTuple):
    """What OSCORE is made of, from the host's side (RFC 8613 section 3.2)."""

    secret: bytes
    salt: bytes
    sender_id: bytes
    recipient_id: bytes

    def __repr__(self) -> str:
        return f"<Paired by {self.recipient_id.hex()!r}>"


class Keys(NamedTuple):
    m2: bytes
    m3: bytes
    secret: bytes
    salt: bytes


def derive(secret: bytes, agreed: bytes, first_nonce: bytes, second_nonce: bytes) -> Keys:
    """agreed: the x-coordinate that ECDH gives."""

    def key(label: bytes, length: int) -> bytes:
        return HKDF(hashes.SHA256(), length, first_nonce + second_nonce, label).derive(secret + agreed)

    return Keys(
        key(b"tos:v1 m2", 32), key(b"tos:v1 m3", 32), key(b"tos:v1 master secret", 16), key(b"tos:v1 master salt", 8)
    )


def mac(key: bytes, label: bytes, transcript: bytes) -> bytes:
    return hmac.digest(key, label + transcript, "sha256")[:MAC_B]


def x_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_numbers().x.to_bytes(_X_B, "big")


def agree(private: ec.EllipticCurvePrivateKey, x: bytes) -> bytes:
    """ValueError: no point of the curve has this x. Which of the two that have it is meant makes no difference."""
    return private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x02" + x))


class Asker:
    """One exchange. recipient_id: what the device is to send with, unlike those of the host's other devices.

    m1 goes to the device; `answer` takes its m2. private, nonce: new ones, but in test vectors.
    """

    def __init__(
        self,
        secret: bytes,
        role: str,
        name: str,
        recipient_id: bytes,
        private: ec.EllipticCurvePrivateKey | None = None,
        nonce: bytes | None = None,
    ) -> None:
        if len(secret) != 16 or len(recipient_id) > _ID_B or len(name.encode()) > _NAME_B:
            raise ValueError("secret, id or name has the wrong length")
        self._secret = secret
        self._recipient_id = recipient_id
        self._private = private or ec.generate_private_key(_CURVE)
        self._nonce = nonce or os.urandom(_NONCE_B)
        self._x = x_of(self._private.public_key())
        first = {0: VERSION, 1: self._nonce, 2: self._x, 3: ROLES[role], 4: name, 5: recipient_id}
        self.m1 = cbor2.dumps(first)

    def answer(self, m2: bytes) -> tuple[bytes, Paired]:
        """-> m3, and what both know once the device's answer to it has come. PairError: whoever answered is not it."""
        try:
            fields = cbor2.loads(m2)
        except (cbor2.CBORError, ValueError, OverflowError, TypeError) as e:
            raise PairError("The answer cannot be understood.") from e
        if not isinstance(fields, dict) or list(fields) != list(M2) or cbor2.dumps(fields) != m2:
            raise PairError("The answer cannot be understood.")
        nonce, x, sender_id, tag = fields.values()
        for value, least, most in ((nonce, 16, 16), (x, _X_B, _X_B), (sender_id, 0, _ID_B), (tag, MAC_B, MAC_B)):
            if not isinstance(value, bytes) or not least <= len(value) <= most:
                raise PairError("The answer cannot be understood.")
        if x == self._x or nonce == self._nonce or sender_id == self._recipient_id:
            raise PairError("What was sent came back: somebody is between this computer and the device.")
        try:
            agreed = agree(self._private, x)
        except ValueError as e:
            raise PairError("The answer has no point of the curve.") from e
        keys = derive(self._secret, agreed, self._nonce, nonce)
        if not hmac.compare_digest(mac(keys.m2, b"tos:v1 m2", self.m1 + m2[:-MAC_B]), tag):
            raise PairError("The code is of another device, or its device has made a new one. Read it again.")
        head = b"\xa1\x06\x50"
        m3 = head + mac(keys.m3, b"tos:v1 m3", self.m1 + m2 + head)
        return m3, Paired(keys.secret, keys.salt, sender_id, self._recipient_id)
