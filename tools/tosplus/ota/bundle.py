"""A bundle, .tosb: a manifest in COSE_Sign1 and the parts behind it. docs/updates.md has each byte."""

import hashlib
import io
from dataclasses import dataclass, field, replace
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ..build.listed import listed, unlisted
from ..errors import HostError
from . import delta, keys

BLOCK_B = 4096
MESSAGE_B = 4096
_HASH_B = 32
KINDS = ("app", "firmware", "model")
FIRMWARE = 1
_SIGN1 = 18
_ES256 = -7
_UNSIGNED = bytes(8), bytes(64)


@dataclass(frozen=True)
class Part:
    """data: as transported. files: (path, length) in the order of the content. base: what a delta applies to. Of
    firmware the data is a table of its blocks' hashes, and then the image, which is the content."""

    kind: int
    data: bytes
    files: tuple[tuple[str, int], ...]
    content: bytes
    base: bytes | None = None

    @property
    def content_b(self) -> int:
        if self.files:
            return sum(length for _, length in self.files)
        return len(self.data) - self.table_b

    @property
    def table_b(self) -> int:
        """How many bytes of its data are the table."""
        return -(-len(self.data) // (BLOCK_B + _HASH_B)) * _HASH_B if self.kind == FIRMWARE else 0

    @property
    def hashes(self) -> bytes:
        """Of each block that the manifest has the hash of."""
        return hashes(self.data[: self.table_b or None])

    def described(self) -> dict[int, object]:
        """Its map in the manifest."""
        fields: dict[int, object] = {0: self.kind, 1: len(self.data), 2: self.hashes}
        if self.files:
            fields[3] = delta.deflate(listed(path for path, _ in self.files).encode())
        fields[4] = self.content
        if self.base is not None:
            fields[5] = self.base
        if self.files:
            fields[6] = b"".join(_number(length) for _, length in self.files)
        return fields


@dataclass(frozen=True)
class Bundle:
    """keys: what becomes of the device's key slots. payload: the manifest; kid and signature: zeros until signed."""

    product: str
    hardware: tuple[str, ...]
    sequence: int
    floor: int
    parts: tuple[Part, ...]
    version: str
    keys: dict[int, bytes | None] = field(default_factory=dict)
    kid: bytes = _UNSIGNED[0]
    signature: bytes = _UNSIGNED[1]

    @property
    def is_signed(self) -> bool:
        return (self.kid, self.signature) != _UNSIGNED

    def manifest(self) -> bytes:
        fields: dict[int, object] = {0: 1, 1: self.product, 2: list(self.hardware), 3: self.sequence, 4: self.floor}
        fields |= {5: [part.described() for part in self.parts], 6: self.version}
        if self.keys:
            fields[7] = self.keys
        return cbor2.dumps(fields)

    def message(self) -> bytes:
        """The COSE_Sign1 that the bundle begins with."""
        value = cbor2.CBORTag(_SIGN1, [_protected(self.kid), {}, self.manifest(), self.signature])
        message = cbor2.dumps(value)
        if len(message) > MESSAGE_B:
            raise HostError(
                f"the manifest would have {len(message)} B, and a device takes {MESSAGE_B}: "
                "fewer files or a smaller part, or ship it as our own firmware"
            )
        return message

    def dumps(self) -> bytes:
        return self.message() + b"".join(part.data for part in self.parts)


def sign(bundle: Bundle, key: ec.EllipticCurvePrivateKey) -> Bundle:
    """The same signature for the same bytes each time (RFC 6979)."""
    bundle = replace(bundle, kid=keys.kid(keys.raw(key.public_key())))
    signed = _signed(bundle.kid, bundle.manifest())
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return replace(bundle, signature=r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def verify(bundle: Bundle, public: bytes) -> None:
    """public: x and y. HostError says why not."""
    if not bundle.is_signed:
        raise HostError("the bundle is not signed")
    if bundle.kid != keys.kid(public):
        raise HostError(f"signed with the key {bundle.kid.hex()}, and not with {keys.kid(public).hex()}")
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + public)
    signature = encode_dss_signature(*(int.from_bytes(bundle.signature[i : i + 32], "big") for i in (0, 32)))
    try:
        key.verify(signature, _signed(bundle.kid, bundle.manifest()), ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise HostError("the signature is wrong: the manifest is not what was signed") from None


def loads(data: bytes) -> Bundle:
    """A bundle, whole: HostError when a byte of a part is not what the manifest says, or a byte is missing or more.

    The signature is for verify to judge.
    """
    stream = io.BytesIO(data)
    try:
        message = cbor2.CBORDecoder(stream, read_size=1).decode()
        protected, unprotected, payload, signature = message.value
        head, fields = cbor2.loads(protected), cbor2.loads(payload)
        if message.tag != _SIGN1 or head[1] != _ES256 or unprotected or len(signature) != 64:
            raise ValueError
        bundle = Bundle(
            product=fields[1],
            hardware=tuple(fields[2]),
            sequence=fields[3],
            floor=fields[4],
            parts=tuple(_part(part, stream) for part in fields[5]),
            version=fields[6],
            keys=dict(fields.get(7, {})),
            kid=head[4],
            signature=signature,
        )
        same = bundle.message() == data[: stream.tell() - sum(len(part.data) for part in bundle.parts)]
    except (cbor2.CBORError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise HostError("this is no bundle, or its manifest is damaged") from None
    if not same:
        raise HostError("the manifest has something in it that this version of tos does not know")
    if stream.read(1):
        raise HostError("bytes follow the bundle's last part")
    return bundle


def hashes(data: bytes) -> bytes:
    """SHA-256 of each block."""
    return b"".join(hashlib.sha256(data[at : at + BLOCK_B]).digest() for at in range(0, len(data), BLOCK_B))


def _part(fields: dict[int, Any], stream: io.BytesIO) -> Part:
    length = fields[1]
    data = stream.read(length)
    paths = unlisted(delta.inflate(fields[3]).decode("ascii")) if 3 in fields else []
    files = tuple(zip(paths, _lengths(fields.get(6, b"")), strict=True))
    part = Part(fields[0], data, files, fields[4], fields.get(5))
    name = KINDS[part.kind]
    if len(data) != length:
        raise HostError(f"the {name} ends after {len(data)} of {length} B")
    table, content = data[: part.table_b], data[part.table_b :]
    if table:
        _compare(table, fields[2], f"the {name}'s table of hashes")
    _compare(content, table or fields[2], f"the {name}")
    if part.base is None and hashlib.sha256(content).digest() != part.content:
        raise HostError(f"the {name} is not what its manifest says")
    return part


def _compare(data: bytes, wanted: bytes, name: str) -> None:
    found = hashes(data)
    for at in range(0, max(len(found), len(wanted)), _HASH_B):
        if found[at : at + _HASH_B] != wanted[at : at + _HASH_B]:
            raise HostError(f"block {at // _HASH_B} of {name} is damaged")


def _number(n: int) -> bytes:
    """7 bits in each byte, lowest first."""
    return bytes((n,)) if n < 128 else bytes((n & 127 | 128,)) + _number(n >> 7)


def _lengths(numbers: bytes) -> list[int]:
    """The opposite, of several."""
    lengths = []
    n = shift = 0
    for byte in numbers:
        n |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            lengths.append(n)
            n = shift = 0
    return lengths


def _protected(kid: bytes) -> bytes:
    return cbor2.dumps({1: _ES256, 4: kid})


def _signed(kid: bytes, manifest: bytes) -> bytes:
    """RFC 9052 section 4.4."""
    return cbor2.dumps(["Signature1", _protected(kid), b"", manifest])
