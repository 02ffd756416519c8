"""The token service itself: a database, the keys, a clock; what it does is done and on the disk when it returns."""

import hashlib
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import sqlalchemy as sa

from ..errors import HostError
from . import authorise, parties, tables
from .authorise import Answer, Asked, Conflict, Till
from .clock import Clock
from .contexts import Contexts
from .crypto import Keys
from .database import Database, is_full
from .group import Group
from .rows import Missing, Refused, audit
from .tap import Tap
from .vault import Vault

R = TypeVar("R")
_log = logging.getLogger(__name__)
_TRIES = 5  # of a transaction that ran into another process's
_NUMBER = re.compile(r"\b[0-9]{8,15}([0-9]{4})\b", re.ASCII)  # of a token, or what may be one; its end is left


class Repeated(HostError):
    """An idempotency key that belongs to another request."""


class Unavailable(HostError):
    """Of the database. Nothing was done, and the same may be asked again."""


class Service:
    """Any thread may use it, and other processes the same database. clock: the machine's, but in tests."""

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], float] = time.time) -> None:
        self._database, self.vault = database, vault
        self.clock = Clock(self._latest(), self._set_back, clock)
        self.rotate("service", first=True)
        self.keys = Keys(self._imks)  # of the thread that authorises
        self.offering = Keys(self._imks)
        self.contexts = Contexts(self)
        self._group: Group[Asked, Answer | Conflict] = Group(self._authorise)

    def close(self) -> None:
        self._group.close()
        self._database.close()

    # Taps

    def authorise(self, till: Till, key: str, tap: Tap) -> Answer:
        """Raises Repeated. The same key again: the same answer."""
        return answered(self.authorising(till, key, tap).result())

    def authorising(self, till: Till, key: str, tap: Tap) -> "Future[Answer | Conflict]":
        return self._group.put(Asked(till, key, tap))

    def _authorise(self, batch: Sequence[Asked]) -> Sequence[Answer | Conflict]:
        return self.write(lambda connection, now: authorise.many(connection, self.keys, batch, now))

    # Everything else

    def write(self, work: Callable[[sa.Connection, float], R]) -> R:
        """work(connection, now) in one transaction; once more when another process was in its way. Raises what work
        raises, Unavailable."""
        for tried in range(_TRIES):
            now = self.clock.now()
            try:
                with self._database.write() as connection:
                    return work(connection, now)
            except sa.exc.IntegrityError:
                if tried == _TRIES - 1:
                    raise
            except sa.exc.OperationalError as e:
                if tried == _TRIES - 1 or is_full(e):
                    raise _unavailable(e) from None
            time.sleep(secrets.randbelow(1 + 10 * 2**tried) / 1000)
        raise AssertionError

    def read(self, work: Callable[[sa.Connection], R]) -> R:
        """Raises what work raises, Unavailable."""
        try:
            with self._database.read() as connection:
                return work(connection)
        except sa.exc.OperationalError as e:
            raise _unavailable(e) from None

    def once(self, who: str, key: str, asked: Any, work: Callable[[sa.Connection, float], Any]) -> Any:
        """work's answer, which is JSON, or the one that this key of this one had. asked: JSON, for what. A refusal is
        an answer, too, and is kept; that there is no such thing is not, but both are audited. Raises what work raises,
        Repeated."""
        request = f"{who}:{key}"
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

        def doing(connection: sa.Connection, now: float) -> Any:
            a = tables.answers
            known = connection.execute(sa.select(a).where(a.c.request == request)).first()
            if known:
                if known.digest != digest:
                    raise Repeated("this idempotency key was used for another request")
                return json.loads(known.answer)
            try:
                with connection.begin_nested():
                    answer = {"done": work(connection, now)}
            except (Refused, Missing) as e:
                audit(connection, now, who, "refused", _NUMBER.sub(r"...\1", str(asked)), str(e))
                if isinstance(e, Missing):
                    return {"missing": str(e)}
                answer = {"refused": str(e)}
            row = {"request": request, "digest": digest, "answer": json.dumps(answer), "at": now}
            connection.execute(a.insert().values(**row))
            return answer

        answer = self.write(doing)
        if "missing" in answer:
            raise Missing(answer["missing"])
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["done"]

    def credential(self, secret: str) -> parties.Credential | None:
        return self.read(lambda connection: parties.find(connection, secret))

    # Keys and time

    def rotate(self, who: str, first: bool = False) -> int:
        """Another IMK, for keys that are given out from now on; -> its number, the DKI. first: unless there is one."""

        def rotating(connection: sa.Connection, now: float) -> int:
            latest: int = connection.scalar(sa.select(sa.func.max(tables.imks.c.dki))) or 0
            if first and latest:
                return latest
            if latest == 255:
                raise Refused("there are 255 keys, and no number for another")
            dki = latest + 1
            sealed = self.vault.seal(f"imk {dki}", secrets.token_bytes(16))
            connection.execute(tables.imks.insert().values(dki=dki, sealed=sealed, made_at=now))
            audit(connection, now, who, "rotate", f"DKI {dki}")
            return dki

        return self.write(rotating)

    def dki(self) -> int:
        """The latest."""
        return self.read(lambda connection: connection.scalar(sa.select(sa.func.max(tables.imks.c.dki))) or 0)

    def rewrap(self) -> None:
        """All secrets under the newest master key."""

        def rewrapping(connection: sa.Connection, now: float) -> None:
            for table, key, label in ((tables.imks, "dki", "imk"), (tables.devices, "id", "device")):
                for row in connection.execute(sa.select(table)).mappings().all():
                    sealed = self.vault.rewrapped(f"{label} {row[key]}".removesuffix("?"), row["sealed"])
                    connection.execute(table.update().where(table.c[key] == row[key]).values(sealed=sealed))
            audit(connection, now, "service", "rewrap", "secrets")

        self.write(rewrapping)

    def _imks(self) -> dict[int, bytes]:
        rows = self.read(lambda connection: connection.execute(sa.select(tables.imks)).all())
        return {row.dki: self.vault.open(f"imk {row.dki}", row.sealed) for row in rows}

    def _latest(self) -> float:
        """The last time that the database knows of."""
        latest = [sa.select(table.c.at).order_by(table.c.id.desc()).limit(1) for table in (tables.auths, tables.audit)]
        return max(self.read(lambda connection: [connection.scalar(query) or 0.0 for query in latest]))

    def _set_back(self, by_s: float) -> None:
        self.write(lambda connection, now: audit(connection, now, "service", "clock", "set back", f"{by_s:.0f} s"))


def answered(found: Answer | Conflict) -> Answer:
    if isinstance(found, Conflict):
        raise Repeated("this idempotency key was used for another tap")
    return found


def _unavailable(e: sa.exc.OperationalError) -> Unavailable:
    """What the database says may tell where it is: that is for the log."""
    words = "the database has no room" if is_full(e) else "the database cannot be used now"
    _log.error("%s: %s", words, e.orig)
    return Unavailable(words)
