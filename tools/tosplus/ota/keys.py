"""The keys that sign updates: P-256, in PEM files; the private one under a passphrase unless its owner insists."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..durable import create
from ..errors import HostError, UsageFault
from ..paths import shown


def generate(path: Path, passphrase: bytes | None) -> tuple[Path, bytes]:
    """Writes the private key to path and the public one beside it -> (the public key's file, its id).

    Never over a file that is there: a key that is lost cannot be had again.
    """
    public_path = public_file(path)
    for each in (path, public_path):
        if each.exists():
            raise HostError(f"{shown(each)} is there already; choose another name, or move it to a safe place first")
    key = ec.generate_private_key(ec.SECP256R1())
    guard: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        guard = serialization.BestAvailableEncryption(passphrase)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, guard)
    public = key.public_key()
    try:
        create(path, private)
        public_path.write_bytes(
            public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
    except OSError as e:
        raise HostError(f"{shown(path)}: {e.strerror}") from None
    return public_path, kid(raw(public))


def public_file(path: Path) -> Path:
    return path.with_name(f"{path.name.removesuffix('.pem')}.pub.pem")


def load_private(path: Path, ask: Callable[[], bytes]) -> ec.EllipticCurvePrivateKey:
    """ask() -> the passphrase; it is called only when the file wants one."""
    data = _read(path)
    try:
        try:
            key = serialization.load_pem_private_key(data, None)
        except TypeError:  # it is encrypted
            key = serialization.load_pem_private_key(data, ask())
    except ValueError:
        wrong = "the passphrase is wrong" if b"ENCRYPTED" in data else "this is no private key in PEM"
        raise HostError(f"{shown(path)}: {wrong}") from None
    except UnsupportedAlgorithm:
        raise HostError(f"{shown(path)}: an unknown kind of key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise HostError(f"{shown(path)}: updates are signed with a P-256 key; `tos ota keygen` makes one")
    return key


def load_public(path: Path) -> bytes:
    """-> x and y, 64 B. The file of a private key is refused: whoever has it in hand here has it in the wrong place."""
    data = _read(path)
    if b"PRIVATE KEY" in data:
        raise HostError(f"{shown(path)} is a private key; give the public one, {shown(public_file(path))}")
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise HostError(f"{shown(path)}: this is no public key in PEM") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise HostError(f"{shown(path)}: updates are signed with a P-256 key; `tos ota keygen` makes one")
    return raw(key)


def of_device(paths: Sequence[Path]) -> tuple[bytes, ...]:
    """Public keys, as many as a device has room for."""
    if len(paths) > 2:
        raise UsageFault("a device has room for two keys")
    return tuple(load_public(path) for path in paths)


def raw(key: ec.EllipticCurvePublicKey) -> bytes:
    """x and y, 64 B."""
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)[1:]


def kid(key: bytes) -> bytes:
    """A key's id, 8 B. key: x and y."""
    return hashlib.sha256(key).digest()[:8]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise HostError(f"{shown(path)}: {e.strerror}") from None
