"""What a till has done and what it still owes the service, in SQLite, durable before the next step is taken.

A sale: begun -> asks -> approved, declined; or asks -> reversing -> reversed. Before it asks it ends as refused by the
card, or lost. A void or refund: owed -> done, refused. What a till that starts finds as `asks`, it reverses.
"""

import contextlib
import fcntl
import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import HostError

_TABLE = """
CREATE TABLE IF NOT EXISTS entries (
    key BLOB PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL,
    state TEXT NOT NULL,
    number TEXT,
    approval TEXT,
    reason INTEGER,
    token TEXT,
    atc INTEGER,
    ending BLOB
)"""
OWED = ("reversing", "owed")


class Entry(NamedTuple):
    """key: idempotency key. kind: sale, void, refund. amount: minor units. number: the service's, of the sale. token:
    while a reversal may need it; its last four digits afterwards. ending: idempotency key of a sale's reversal."""

    key: bytes
    at: int
    kind: str
    currency: str
    amount: int
    state: str
    number: str | None
    approval: str | None
    reason: int | None
    token: str | None
    atc: int | None
    ending: bytes | None


class Book:
    """One till writes it at a time; others may read. Each method is durable when it returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(folder / "till.db", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=DELETE")
        self._database.execute("PRAGMA synchronous=EXTRA")  # the directory too
        self._database.execute("PRAGMA secure_delete=ON")  # a token's number does not stay in free pages
        self._database.execute(_TABLE)

    def close(self) -> None:
        self._database.close()

    def recover(self) -> None:
        """After a start: whether a sale that asked was approved is not known, so it is taken back."""
        self._database.execute("UPDATE entries SET state = 'lost' WHERE state = 'begun'")
        self._database.execute("UPDATE entries SET state = 'reversing' WHERE state = 'asks'")

    def begin(self, kind: str, currency: str, amount: int, number: str | None = None) -> bytes:
        """-> its key. number: of the sale that is voided or refunded."""
        key, state, ending = secrets.token_bytes(16), "owed", None
        if kind == "sale":
            state, ending = "begun", secrets.token_bytes(16)
        row = key, int(time.time()), kind, currency, amount, state, number, None, None, None, None, ending
        self._database.execute(f"INSERT INTO entries VALUES ({', '.join('?' * len(row))})", row)
        return key

    def tapped(self, key: bytes, token: str, atc: int) -> None:
        """From now on it is reversed, unless it is answered."""
        self._set(key, state="asks", token=token, atc=atc)

    def answered(self, key: bytes, state: str, reason: int, number: str | None, approval: str | None) -> None:
        self._set(key, state=state, reason=reason, number=number, approval=approval)
        self._mask(key)

    def end(self, key: bytes, state: str, reason: int | None = None) -> None:
        self._set(key, state=state, reason=reason)
        if state not in OWED:
            self._mask(key)

    def get(self, key: bytes) -> Entry:
        return self._entries("WHERE key = ?", key)[0]

    def sale(self, number: str) -> Entry | None:
        """The one that was approved under this number."""
        found = self._entries("WHERE kind = 'sale' AND state = 'approved' AND number = ?", number)
        return found[0] if found else None

    def owed(self) -> list[Entry]:
        """What the service has not been told yet, oldest first."""
        return self._entries("WHERE state IN (?, ?) ORDER BY rowid", *OWED)

    def latest(self, count: int) -> list[Entry]:
        return self._entries("ORDER BY rowid DESC LIMIT ?", count)

    def _entries(self, where: str, *values: object) -> list[Entry]:
        return [Entry(*row) for row in self._database.execute(f"SELECT * FROM entries {where}", values)]

    def _set(self, key: bytes, **values: object) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        self._database.execute(f"UPDATE entries SET {names} WHERE key = ?", (*values.values(), key))

    def _mask(self, key: bytes) -> None:
        self._database.execute("UPDATE entries SET token = substr(token, -4) WHERE key = ?", (key,))


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Book]:
    """Raises HostError when another till runs with it."""
    with contextlib.closing(Book(folder)) as book, open(folder / "lock", "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HostError(f"another till runs with {folder}; give this one another --state") from None
        yield book
