"""What outlives a restart: the config that provisioning writes, the state of resources with keep, the owner's rules.
MicroPython.
"""

import asyncio

from micropython import const
from tos.lazy import lend
from tos.store import Record
from toscore.errors import Busy, StoreError, TosError

_SAVED = const(204)

_PAUSE_MS = 10000  # between two writes of the state: at most 8,640 a day, whatever an app does


def load(record, log, default):
    """The stored value; default when there is none or, which is logged, it was damaged."""
    try:
        return record.load(default)
    except StoreError as e:
        log.event(e.code)
        return default


class Config:
    """The map in /config.rec. Written whole, seldom, by provisioning."""

    def __init__(self, log, path="/config.rec"):
        self._record = Record(path)
        self._values = load(self._record, log, {})
        self._watchers = []

    def get(self, key, default=None):
        return self._values.get(key, default)

    def update(self, changes):
        """Durable when it returns; StoreError leaves all as it was."""
        values = dict(self._values)
        values.update(changes)
        self._record.save(values)
        self._values = values
        for watcher in self._watchers:
            watcher(changes)

    def watch(self, fn):
        """fn(changes) is called after each update; it must not block."""
        self._watchers.append(fn)


class State:
    """A service: {path: value} of the kept resources in /state.rec.

    Made at boot, it gives every resource its stored or its initial value; an output that depends on a sensor gets it
    when the sensor has answered, unless somebody wrote it before. A change is written at once, and later ones at most
    every 10 s.
    """

    def __init__(self, app, path="/state.rec"):
        self._app = app
        self._record = Record(path)
        self._stored = load(self._record, app.log, {})
        self._changed = asyncio.Event()
        for r in app.table.rows:
            value = self._stored.get(r.path) if r.keep else None
            if value is None or r.fault(value):
                value = r.initial
            if value != r.value:
                self._restore(r, value)
        app.watch(self._notice)

    def _restore(self, r, value):
        try:
            self._app.drive(r, value)
        except Busy:
            r.waiting = value
        except TosError as e:
            self._app.log.event(e.code, r.index)

    def _notice(self, r):
        if r.period_ms:
            for output in self._app.table.rows:
                if output.waiting is not None:
                    self._restore(output, output.waiting)
        if r.keep:
            self._changed.set()

    async def run(self, app):
        while True:
            await self._changed.wait()
            self.save()
            await app.clock.sleep_ms(_PAUSE_MS)

    def save(self):
        """Write now what has changed. A failure is logged, and the old values stay."""
        values = {r.path: r.value if r.waiting is None else r.waiting for r in self._app.table.rows if r.keep}
        if values != self._stored:
            try:
                self._record.save(values)
                self._stored = values
                self._app.log.event(_SAVED)
            except StoreError as e:
                self._app.log.event(e.code, e.detail)
        self._changed.clear()  # last: who crashes before, for want of memory, has still to write


class Rules:
    """The owner's rules, in /rules.rec; rules.py knows them."""

    def __init__(self, app, path="/rules.rec"):
        self.app = app
        self.record = Record(path)
        lend("rules").begin(self)

    def rows(self):
        """Those in force, as `/b` has them."""
        return lend("rules").rows(self.app)

    def replace(self, rows):
        """Put others in their place, or with None the maker's. Durable when it returns.

        Raises WireError or Denied, with the number of the rule that is wrong, counted from 1, or StoreError; all is as
        it was then.
        """
        lend("rules").replace(self, rows)
