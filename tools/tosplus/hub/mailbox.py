"""Commands for devices that sleep: kept until a report says that they were executed (docs/hub.md)."""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cbor2
import sqlalchemy as sa

from ..errors import HostError
from ..link.schema import Value
from .store import engine

MOST = 32  # of one device
_FIT_B = 900  # of an answer that is one datagram, with what CoAP and OSCORE add
_meta = sa.MetaData()

_commands = sa.Table(
    "commands",
    _meta,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
# Stays when a device is forgotten: an id that came a second time would not be executed.
_counters = sa.Table(
    "command_ids",
    _meta,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)


class Command(NamedTuple):
    """at: s since 1970, when a person wanted it."""

    id: int
    path: str
    value: Value
    at: float


class Mailbox:
    """In the hub's database, `file`, by transactions of its own, which a power cut does not take back either: an id
    that a device has seen must not be given to another command."""

    def __init__(self, file: Path) -> None:
        self._engine = engine(file, "FULL")
        _meta.create_all(self._engine)
        self._turn = asyncio.Lock()
        self._waiting: dict[str, list[Command]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(sa.select(_commands).order_by(_commands.c.id)):
                self._waiting.setdefault(row.device, []).append(
                    Command(row.id, row.path, json.loads(row.value), row.at)
                )

    def close(self) -> None:
        self._engine.dispose()

    def waiting(self, device: str) -> list[Command]:
        """Oldest first."""
        return list(self._waiting.get(device, ()))

    async def put(self, device: str, path: str, value: Value) -> int:
        """-> its id. It takes the place of an older one for the same path. Raises HostError."""
        async with self._turn:
            others = [command for command in self.waiting(device) if command.path != path]
            if len(others) >= MOST:
                raise HostError(f"{MOST} commands wait for it already")
            command = await self._do(self._put, device, path, value)
            self._waiting[device] = [*others, command]
            return command.id

    async def withdraw(self, device: str, path: str) -> None:
        """What waits for this path is not wanted any more."""
        async with self._turn:
            if any(command.path == path for command in self.waiting(device)):
                await self._do(self._delete, device, _commands.c.path == path)
                self._waiting[device] = [command for command in self.waiting(device) if command.path != path]

    async def acknowledged(self, device: str, last: int) -> bool:
        """The device has executed all up to that id. True when some of them waited here."""
        async with self._turn:
            left = [command for command in self.waiting(device) if command.id > last]
            if len(left) == len(self.waiting(device)) and not await self._do(self._is_ahead, device, last):
                return False
            await self._do(self._acknowledge, device, last)
            changed = len(left) < len(self.waiting(device))
            self._waiting[device] = left
            return changed

    async def forget(self, device: str) -> None:
        async with self._turn:
            await self._do(self._delete, device, sa.true())
            self._waiting.pop(device, None)

    def answer(self, device: str, indexes: Mapping[str, int]) -> list[list[Any]]:
        """[[id, index, value]], oldest first, as many as fit one datagram. indexes: of the device's table, by path."""
        rows: list[list[Any]] = []
        for command in self.waiting(device):
            row = [command.id, indexes.get(command.path), command.value]
            if len(cbor2.dumps([*rows, row])) > _FIT_B:
                break
            if row[1] is not None:
                rows.append(row)
        return rows

    async def _do(self, work: Any, *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(self._transact, work, arguments)
        except sa.exc.DBAPIError as e:
            raise HostError(f"the command cannot be kept: {e.orig}; make room on the disk") from None

    def _transact(self, work: Any, arguments: Any) -> Any:
        with self._engine.begin() as connection:
            return work(connection, *arguments)

    def _put(self, connection: sa.Connection, device: str, path: str, value: Value) -> Command:
        last = connection.execute(sa.select(_counters.c.last).where(_counters.c.device == device)).scalar() or 0
        command = Command(last + 1, path, value, time.time())
        self._count(connection, device, command.id)
        self._delete(connection, device, _commands.c.path == path)
        row = {**command._asdict(), "device": device, "value": json.dumps(value)}
        connection.execute(_commands.insert().values(row))
        return command

    def _delete(self, connection: sa.Connection, device: str, which: Any) -> None:
        connection.execute(_commands.delete().where(_commands.c.device == device, which))

    def _is_ahead(self, connection: sa.Connection, device: str, last: int) -> bool:
        known = connection.execute(sa.select(_counters.c.last).where(_counters.c.device == device)).scalar() or 0
        return last > known

    def _acknowledge(self, connection: sa.Connection, device: str, last: int) -> None:
        self._delete(connection, device, _commands.c.id <= last)
        if self._is_ahead(connection, device, last):  # our database is younger than the device's memory
            self._count(connection, device, last)

    def _count(self, connection: sa.Connection, device: str, last: int) -> None:
        connection.execute(_counters.delete().where(_counters.c.device == device))
        connection.execute(_counters.insert().values(device=device, last=last))
