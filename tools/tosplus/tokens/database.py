"""The token service's database: SQLite, or PostgreSQL by URL. What is committed was synced to disk before."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import sqlalchemy as sa

from ..errors import HostError, UsageFault

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MS = 20_000
_QUIET: dict[str, Any] = {"hide_parameters": True}  # an error is logged, and they have numbers of tokens


def is_full(error: sa.exc.DBAPIError) -> bool:
    """Whether there was no room for it."""
    if getattr(error.orig, "sqlstate", None) == "53100":  # PostgreSQL's disk_full
        return True
    return str(error.orig) in ("database or disk is full", "disk I/O error")  # SQLite's; the other one by a quota


class Database:
    """url: sqlite:///FILE or postgresql://... ; the newest tables are made, or migrated to."""

    def __init__(self, url: str) -> None:
        try:
            made = sa.make_url(url)
        except sa.exc.ArgumentError:
            raise UsageFault("--database is sqlite:///FILE or postgresql://USER@HOST/NAME") from None
        if made.drivername not in ("sqlite", "postgresql"):
            raise UsageFault("--database is sqlite:///FILE or postgresql://USER@HOST/NAME")
        self.engine = _sqlite(made) if made.drivername == "sqlite" else _postgresql(made)
        self._reading = self.engine.execution_options(reading=True)
        try:
            migrate(self.engine)
        except sa.exc.DatabaseError as e:
            raise HostError(f"the database cannot be used: {e.orig}") from None

    def close(self) -> None:
        self.engine.dispose()

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction; afterwards it is on the disk."""
        with self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One state of it, which writers do not wait for."""
        with self._reading.connect() as connection:
            yield connection


def migrate(engine: sa.Engine, to: str = "head") -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7627)"))  # several processes start at once
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, to)


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = sa.create_engine(url, **_QUIET)

    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver would begin where it thinks best
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    def begin(connection: sa.Connection) -> None:
        # Who will write says so at once: a reader that becomes a writer may find the state it has read gone.
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", begin)
    return engine


def _postgresql(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=10, **_QUIET)

    def prepare(connection: Any, record: Any) -> None:
        connection.autocommit = True
        connection.execute("SET synchronous_commit = on")
        connection.autocommit = False

    sa.event.listen(engine, "connect", prepare)
    return engine
