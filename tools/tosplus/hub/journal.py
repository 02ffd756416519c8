"""The one writer of the database: commit, then publish. A thread; under load its batches become larger by themselves.

Whatever a page is shown was committed first, so that kill -9 leaves no page knowing more than the history. When the
database cannot be written, live goes on: the latest values and events are owed, and written when there is room again.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..link.schema import Value
from .store import Store

_BATCH = 1000
_AGAIN_S = 2.0  # to a database that could not be written
_OWED_EVENTS = 1000


class Values(NamedTuple):
    device: str
    at: float
    values: dict[str, Value]


class Event(NamedTuple):
    """path, boot and sequence are None for what the hub itself tells. id: given by the journal."""

    at: float
    device: str | None
    kind: str
    value: Value
    path: str | None = None
    boot: int | None = None
    sequence: int | None = None
    id: int = 0


class Known(NamedTuple):
    """A device as it is in the table of devices."""

    row: Mapping[str, Any]


class Forget(NamedTuple):
    device: str


class Drop(NamedTuple):
    """All older readings and events."""

    before: float


Entry = Values | Event | Known | Forget | Drop
Publish = Callable[[list[Entry], str | None], None]


class Journal:
    """publish(entries, trouble) is called in the loop for each batch; trouble says why it is not kept, or is None."""

    def __init__(self, store: Store, publish: Publish) -> None:
        self._store = store
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._event_id = store.last_event()
        self._owed: list[Entry] = []
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Into the next batch, in this order."""
        self._queue.put(entry)

    async def close(self) -> None:
        """After what was put is written."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)  # what was published last

    def _run(self) -> None:
        going = True
        while going:
            batch: list[Entry] = []
            try:
                entry = self._queue.get(timeout=_AGAIN_S if self._owed else None)
                while entry is not None:
                    batch.append(self._numbered(entry))
                    if len(batch) == _BATCH:
                        break
                    entry = self._queue.get_nowait()
                going = entry is not None
            except queue.Empty:
                pass
            published, trouble = self._commit(batch)
            self._loop.call_soon_threadsafe(self._publish, published, trouble)

    def _numbered(self, entry: Entry) -> Entry:
        if isinstance(entry, Event):
            self._event_id += 1
            return entry._replace(id=self._event_id)
        return entry

    def _commit(self, batch: list[Entry]) -> tuple[list[Entry], str | None]:
        """(what is to be published, trouble)"""
        try:
            with self._store.engine.begin() as connection:
                for entry in self._owed:
                    self._write(connection, entry)
                fresh = [entry for entry in batch if self._write(connection, entry)]
        except sa.exc.DBAPIError as e:
            self._owed = _owed([*self._owed, *batch])
            return batch, str(e.orig)
        self._owed = []
        return fresh, None

    def _write(self, connection: sa.Connection, entry: Entry) -> bool:
        match entry:
            case Values():
                self._store.write_values(connection, *entry)
            case Event():
                return self._store.write_event(connection, entry._asdict())
            case Known():
                self._store.write_device(connection, entry.row)
            case Forget():
                self._store.forget(connection, entry.device)
            case Drop():
                self._store.drop_before(connection, entry.before)
        return True


def _owed(entries: Iterable[Entry]) -> list[Entry]:
    """The same with bounds: of values and devices the latest, of events so many."""
    forgets: list[Entry] = []
    devices: dict[str, Entry] = {}
    values: dict[tuple[str, str], Values] = {}
    events: list[Event] = []
    for entry in entries:
        match entry:
            case Values():
                for path, value in entry.values.items():
                    values[entry.device, path] = Values(entry.device, entry.at, {path: value})
            case Event():
                events.append(entry)
            case Known():
                devices[entry.row["id"]] = entry
            case Forget():
                forgets.append(entry)
                devices.pop(entry.device, None)
                values = {key: owed for key, owed in values.items() if owed.device != entry.device}
                events = [event for event in events if event.device != entry.device]
    return [*dict.fromkeys(forgets), *devices.values(), *values.values(), *events[-_OWED_EVENTS:]]
