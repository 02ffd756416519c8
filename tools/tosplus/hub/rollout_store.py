"""The rollouts in the hub's database: each change is durable before anybody is told of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import HostError
from .rollout import Rollout, Row
from .store import engine

_meta = sa.MetaData()
_rollouts = sa.Table(
    "rollouts",
    _meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("told", sa.Text, nullable=False),  # all but the rows, as JSON
)
_rows = sa.Table(
    "rollout_devices",
    _meta,
    sa.Column("rollout", sa.Integer, primary_key=True),
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("told", sa.Text, nullable=False),
)


class RolloutStore:
    """By transactions of its own. What writes raises HostError when it could not."""

    def __init__(self, file: Path) -> None:
        self._engine = engine(file, "FULL")
        _meta.create_all(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def read(self) -> dict[int, Rollout]:
        """Oldest first."""
        found = {}
        with self._engine.connect() as connection:
            for row in connection.execute(sa.select(_rollouts).order_by(_rollouts.c.id)):
                told = json.loads(row.told)
                found[row.id] = Rollout(**{**told, "waves": tuple(told["waves"])})
            for row in connection.execute(sa.select(_rows).order_by(sa.text("rowid"))):
                found[row.rollout].rows[row.device] = Row(**json.loads(row.told))
        return found

    async def keep(self, rollout: Rollout, *rows: Row) -> None:
        """The rollout, and of its rows these."""
        told = {key: value for key, value in vars(rollout).items() if key != "rows"}
        writes: list[Any] = [_replace(_rollouts, id=rollout.id, told=json.dumps(told))]
        writes += [_replace(_rows, rollout=rollout.id, device=row.device, told=json.dumps(vars(row))) for row in rows]
        await asyncio.to_thread(self._write, writes)

    async def drop(self, rollout: Rollout) -> None:
        writes = [_rollouts.delete().where(_rollouts.c.id == rollout.id)]
        await asyncio.to_thread(self._write, [*writes, _rows.delete().where(_rows.c.rollout == rollout.id)])

    async def forget(self, device: str) -> None:
        await asyncio.to_thread(self._write, [_rows.delete().where(_rows.c.device == device)])

    def _write(self, statements: list[Any]) -> None:
        try:
            with self._engine.begin() as connection:
                for statement in statements:
                    connection.execute(statement)
        except sa.exc.DBAPIError as e:
            raise HostError(f"the rollout cannot be kept: {e.orig}; make room on the disk") from None


def _replace(table: sa.Table, **values: Any) -> Any:
    return table.insert().prefix_with("OR REPLACE").values(values)
