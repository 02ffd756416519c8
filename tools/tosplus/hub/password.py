"""The hub's one password: scrypt (RFC 7914) in a file of the state folder, sessions in memory, patience for guesses."""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections import OrderedDict
from pathlib import Path

from ..durable import replace
from ..errors import HostError, UsageFault

LEAST = 8
_FILE = "password"
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}
_SESSION_S = 30 * 86400.0
_SESSIONS = 1000
_FREE = 3  # wrong ones before waiting begins
_WAIT_S, _WAIT_MOST_S = 1.0, 60.0
_SOURCES = 1000


def store(folder: Path, password: str) -> None:
    """Raises UsageFault. Readable for its owner only, and there as a whole or not at all."""
    if len(password) < LEAST:
        raise UsageFault(f"a password has {LEAST} characters or more")
    salt = secrets.token_bytes(16)
    told = {"salt": salt.hex(), "scrypt": _scrypt(password, salt).hex()}
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / _FILE, json.dumps(told))


class Password:
    """None is set where `load` gives None."""

    def __init__(self, salt: bytes, digest: bytes) -> None:
        self._salt = salt
        self._digest = digest
        self._one = asyncio.Lock()  # scrypt takes 16 MB and some 50 ms: one at a time
        self._known = b""  # of the last right one, so that a program need not wait each time
        self._key = secrets.token_bytes(32)
        self._sessions: OrderedDict[bytes, float] = OrderedDict()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # source: (how many, not before)

    @classmethod
    def load(cls, folder: Path) -> "Password | None":
        try:
            told = json.loads((folder / _FILE).read_text())
            return cls(bytes.fromhex(told["salt"]), bytes.fromhex(told["scrypt"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise HostError(f"{folder / _FILE} is damaged; set the password again with `tos hub password`") from None

    def wait_s(self, source: str) -> float:
        """How long this source has to wait before its next try; 0 when it need not."""
        return max(0.0, self._wrong.get(source, (0, 0.0))[1] - time.monotonic())

    async def right(self, password: str, source: str) -> bool:
        """A wrong one makes its source wait longer each time."""
        quick = hmac.digest(self._key, password.encode(), "sha256")
        if self._known and hmac.compare_digest(quick, self._known):
            return True
        async with self._one:
            if self.wait_s(source):
                return False
            digest = await asyncio.to_thread(_scrypt, password, self._salt)
            if hmac.compare_digest(digest, self._digest):
                self._known = quick
                self._wrong.pop(source, None)
                return True
            times = self._wrong.get(source, (0, 0.0))[0] + 1
            wait_s = min(_WAIT_MOST_S, _WAIT_S * 2 ** (times - _FREE)) if times >= _FREE else 0.0
            self._wrong[source] = (times, time.monotonic() + wait_s)
            self._wrong.move_to_end(source)
            if len(self._wrong) > _SOURCES:
                self._wrong.popitem(last=False)
            return False

    def session(self) -> str:
        """A new one, for a cookie."""
        token = secrets.token_urlsafe(32)
        self._sessions[_hash(token)] = time.monotonic() + _SESSION_S
        if len(self._sessions) > _SESSIONS:
            self._sessions.popitem(last=False)
        return token

    def knows(self, token: str) -> bool:
        return self._sessions.get(_hash(token), 0.0) > time.monotonic()

    def end(self, token: str) -> None:
        self._sessions.pop(_hash(token), None)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)
