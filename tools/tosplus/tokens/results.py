"""The card hears what became of its tap, from the service itself. Once, if its device can be reached now: a till's
answer never waits for that, and nothing depends on it."""

import asyncio
import contextlib
import functools
from collections import deque
from collections.abc import Callable

import sqlalchemy as sa
from aiocoap.numbers import codes

from ..errors import HostError
from . import tables, wallet
from .device import Devices
from .service import Service
from .wire import Result

_MOST = 32  # at a time
_REMEMBERED = 256  # a till that repeats itself has nothing told twice
_PATH = "y/result"
_CSU_BLOCKED = 0x20  # of its second byte


class Results:
    """In the loop that makes it. awake: called with a device that has just answered."""

    def __init__(
        self, service: Service, devices: Devices, awake: Callable[[str], None] = lambda device: None
    ) -> None:
        self._service, self._devices, self._awake = service, devices, awake
        self._loop = asyncio.get_running_loop()
        self._known: deque[str] = deque(maxlen=_REMEMBERED)
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, result: Result) -> None:
        """From any thread; returns at once."""
        self._loop.call_soon_threadsafe(self._begin, result)

    async def settled(self) -> None:
        """What was begun has ended."""
        await asyncio.gather(*self._tasks)

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _begin(self, result: Result) -> None:
        if result.transaction in self._known or len(self._tasks) >= _MOST:
            return
        self._known.append(result.transaction)
        task = asyncio.create_task(self._tell(result))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, result: Result) -> None:
        t = tables.tokens.c
        query = sa.select(t.device, t.id).where(t.number == result.number, t.device.is_not(None))
        row = await asyncio.to_thread(self._service.read, lambda connection: connection.execute(query).first())
        if row is None:
            return
        with contextlib.suppress(HostError):
            if result.csu[1] & _CSU_BLOCKED:  # it suspends itself by that, and nobody may hear that it has
                await asyncio.to_thread(self._service.write, functools.partial(_unsure, row.id))
            told = {0: result.atc, 1: result.mac, 2: result.csu, 3: result.data}
            await self._devices.ask(row.device, codes.PUT, _PATH, told)
            self._awake(row.device)


def _unsure(id: str, connection: sa.Connection, now: float) -> None:
    wallet.told(connection, id, wallet.UNSURE)
