"""What the hub keeps: devices, readings and events, in SQLite by SQLAlchemy Core. Times are s since 1970, hub's clock.

Writing is the journal's alone (journal.py), but for the commands in mailbox.py; anyone may read, from any thread. The
database survives kill -9 at any moment. A power cut can take the last moments with it (synchronous=NORMAL), and never
more.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from ..link.schema import Value
from .thin import thinned

KEEP_S = 30 * 86400.0
_meta = sa.MetaData()

# A value is JSON text: bool, int, float, text and null stay what they are.
_devices = sa.Table(
    "devices",
    _meta,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("link", sa.Text, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
    sa.Column("next", sa.Float),
    sa.Column("boot", sa.Integer),
    sa.Column("starts", sa.Integer, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),  # of the last event of this boot
    sa.Column("table", sa.JSON, nullable=False),  # what /d says
)
_series = sa.Table(
    "series",
    _meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.UniqueConstraint("device", "path"),
)
_readings = sa.Table(
    "readings",
    _meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("series", sa.Integer, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Index("readings_by_time", "series", "at"),
)
_events = sa.Table(
    "events",
    _meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("device", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("path", sa.Text),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("boot", sa.Integer),
    sa.Column("sequence", sa.Integer),
    sa.UniqueConstraint("device", "boot", "sequence"),  # of a device's own; the hub's have no boot
)


class Store:
    """The database in `file`. Each connection sees what was committed before it began to read."""

    def __init__(self, file: Path) -> None:
        self.engine = engine(file, "NORMAL")
        _meta.create_all(self.engine)

    def close(self) -> None:
        self.engine.dispose()

    # Reading

    def devices(self) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(sa.select(_devices).order_by(_devices.c.name))]

    def last_values(self, device: str) -> dict[str, tuple[Value, float]]:
        """{path: (value, since when)}"""
        last = {}
        with self.engine.connect() as connection:
            for series, path in connection.execute(
                sa.select(_series.c.id, _series.c.path).where(_series.c.device == device)
            ).all():
                row = connection.execute(_latest(series)).first()
                if row:
                    last[path] = (json.loads(row.value), row.at)
        return last

    def last_event(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(sa.select(sa.func.max(_events.c.id))).scalar() or 0

    def events(self, before: int | None, limit: int) -> list[dict[str, Any]]:
        """The latest before that id, oldest first, as the API tells them."""
        query = sa.select(_events).order_by(_events.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_events.c.id < before)
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            {"id": r.id, "at": r.at, "device": r.device, "path": r.path, "kind": r.kind, "value": json.loads(r.value)}
            for r in reversed(rows)
        ]

    def history(self, device: str, path: str, since: float, until: float, most: int) -> list[tuple[float, Value]]:
        """[(time, value)], at most so many; the first is what was in force at `since`."""
        with self.engine.connect() as connection:
            series = _series_id(connection, device, path)
            before = connection.execute(_latest(series, since)).first()
            first = [(before.at, json.loads(before.value))] if before else []
            query = sa.select(_readings.c.at, _readings.c.value).where(
                _readings.c.series == series, _readings.c.at >= since
            )
            rows = connection.execution_options(yield_per=1000).execute(query.order_by(_readings.c.at, _readings.c.id))
            points: Iterator[tuple[float, Value]] = ((row.at, json.loads(row.value)) for row in rows)
            return [*first, *thinned(points, since, until, max(1, most - len(first)))]

    # Writing, in the journal's transaction

    def write_values(self, connection: sa.Connection, device: str, at: float, values: Mapping[str, Value]) -> None:
        rows = []
        for path, value in values.items():
            series = _series_id(connection, device, path)
            if series is None:
                made = connection.execute(_series.insert().values(device=device, path=path))
                series = made.inserted_primary_key[0] if made.inserted_primary_key else None
            rows.append({"series": series, "at": at, "value": json.dumps(value)})
        if rows:
            connection.execute(_readings.insert(), rows)

    def write_event(self, connection: sa.Connection, event: Mapping[str, Any]) -> bool:
        """False when this event of this device is here already."""
        row = {**event, "value": json.dumps(event["value"])}
        if event["boot"] is not None:
            mine = _devices.update().where(_devices.c.id == event["device"], _devices.c.boot == event["boot"])
            connection.execute(mine.values(sequence=event["sequence"]))
        return connection.execute(insert(_events).values(row).on_conflict_do_nothing()).rowcount == 1

    def write_device(self, connection: sa.Connection, row: Mapping[str, Any]) -> None:
        rest = {key: value for key, value in row.items() if key != "id"}
        connection.execute(insert(_devices).values(row).on_conflict_do_update(index_elements=["id"], set_=rest))

    def forget(self, connection: sa.Connection, device: str) -> None:
        mine = sa.select(_series.c.id).where(_series.c.device == device)
        connection.execute(_readings.delete().where(_readings.c.series.in_(mine)))
        for table in (_series, _events):
            connection.execute(table.delete().where(table.c.device == device))
        connection.execute(_devices.delete().where(_devices.c.id == device))

    def drop_before(self, connection: sa.Connection, at: float) -> None:
        """All older readings and events, but what was in force then."""
        connection.execute(_events.delete().where(_events.c.at < at))
        for series in connection.execute(sa.select(_series.c.id)).scalars().all():
            kept = connection.execute(_latest(series, at)).first()
            if kept:
                connection.execute(
                    _readings.delete().where(_readings.c.series == series, _readings.c.at < kept.at)
                )


def engine(file: Path, synchronous: str) -> sa.Engine:
    """synchronous: NORMAL, where a power cut may take the last moments, or FULL."""
    made = sa.create_engine(f"sqlite:///{file}")

    def prepare(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA busy_timeout=5000")

    sa.event.listen(made, "connect", prepare)
    return made


def _series_id(connection: sa.Connection, device: str, path: str) -> int | None:
    query = sa.select(_series.c.id).where(_series.c.device == device, _series.c.path == path)
    return connection.execute(query).scalar()


def _latest(series: int | None, before: float | None = None) -> sa.Select[Any]:
    query = sa.select(_readings.c.at, _readings.c.value).where(_readings.c.series == series)
    if before is not None:
        query = query.where(_readings.c.at < before)
    return query.order_by(_readings.c.at.desc(), _readings.c.id.desc()).limit(1)
