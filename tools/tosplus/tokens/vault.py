"""Secrets at rest: AES-GCM under a master key from a file or the environment. What the database has is of no use alone.

A sealed secret begins with the number of the master key, so that a second one can take over: `rewrapped`.
"""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..durable import create, private
from ..errors import HostError, UsageFault

VARIABLE = "TOS_TOKENS_MASTER"
_KEY_B = 32
_NONCE_B = 12


class Vault:
    """keys: the master keys, oldest first; new secrets are sealed by the last one."""

    def __init__(self, keys: list[bytes]) -> None:
        if not keys or len(keys) > 255 or any(len(key) != _KEY_B for key in keys):
            raise UsageFault(f"a master key has {_KEY_B} bytes, as {2 * _KEY_B} hex digits; one a line, newest last")
        self._keys = keys

    def __repr__(self) -> str:
        return f"<Vault, {len(self._keys)} keys>"

    @classmethod
    def load(cls, file: Path) -> "Vault":
        """From the environment, or from the file, which is made when it is not there. Raises UsageFault, HostError."""
        text = os.environ.get(VARIABLE)
        if text is None:
            try:
                text = private(file)
            except FileNotFoundError:
                text = _made(file)
        try:
            return cls([bytes.fromhex(line) for line in text.split()])
        except ValueError:
            raise UsageFault("a master key is written as hex digits") from None

    def seal(self, label: str, secret: bytes) -> bytes:
        """label: what it is for; it opens under the same label only."""
        nonce, number = secrets.token_bytes(_NONCE_B), len(self._keys)
        return bytes([number]) + nonce + AESGCM(self._keys[-1]).encrypt(nonce, secret, label.encode())

    def open(self, label: str, sealed: bytes) -> bytes:
        """Raises HostError."""
        try:
            key = self._keys[sealed[0] - 1] if sealed[0] else b""
            return AESGCM(key).decrypt(sealed[1 : 1 + _NONCE_B], sealed[1 + _NONCE_B :], label.encode())
        except (IndexError, InvalidTag, ValueError):
            raise HostError(f"{label} does not open under this master key") from None

    def rewrapped(self, label: str, sealed: bytes) -> bytes:
        """Under the newest master key."""
        return sealed if sealed[:1] == bytes([len(self._keys)]) else self.seal(label, self.open(label, sealed))


def _made(file: Path) -> str:
    """A new one, durable before anything is sealed by it."""
    text = secrets.token_hex(_KEY_B) + "\n"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        create(file, text)
    except FileExistsError:  # another process was first
        return private(file)
    return text
