"""The chip of a simulated device: its process, from each start to its end, and what it tells meanwhile."""

import asyncio
import contextlib
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from ..ports import HOST
from .console import Console
from .process import SOFT_RESET, WATCHDOG, Start, start
from .watchdog import Watchdog
from .wire import Address, Wire

Say = Callable[[str, str], None]


class Chip:
    """keys: those of chip.py that last. port: of its link. say: as of the device.

    up: called when it has started and its link answers, until down, called when its process has ended.
    falling: what it said last of its sleep. ordered: the cause for the next start, where we ended the process.
    """

    def __init__(
        self,
        folder: Path,
        keys: dict[str, Any],
        port: int,
        say: Say,
        up: Callable[[], None],
        down: Callable[[], None],
    ) -> None:
        self.link = (HOST, port)
        self.wire = Wire(self._heard)
        self.starts = 0
        self.ready = asyncio.Event()
        self.ready_s = 0.0
        self.pid: int | None = None
        self.access_point: dict[str, Any] | None = None
        self.falling: dict[str, Any] = {}
        self.ordered: int | None = None
        self._folder = folder
        self._keys = keys
        self._say = say
        self._up = up
        self._down = down
        self._watchdog = Watchdog(keys["rate"], self._bite)
        self._is_linked = False
        self._process: Process | None = None

    async def run(self, why: Start, console: Console, meddle: Callable[[], None]) -> int:
        """From start to end of one process -> its exit code, negative for a signal. meddle: called once it runs."""
        async with self._started(why, console) as self._process:
            meddle()
            code = await self._process.wait()
        self._process = None
        await console.drained()
        return code

    def end(self, cause: int | None = None) -> None:
        """kill -9. cause: for the next start, where it is not the supply that fails."""
        if self._process:
            if cause is not None:
                self.ordered = cause
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                self._process.kill()

    async def ended(self) -> None:
        if self._process:
            await self._process.wait()

    @contextlib.asynccontextmanager
    async def _started(self, why: Start, console: Console) -> AsyncIterator[Process]:
        self._console = console
        port = await self.wire.open()
        self._began = time.monotonic()
        tty = console.open()
        if why.cause == SOFT_RESET and console.raw:
            console.enter_raw_repl()  # as on a chip: who reset from the raw REPL is back there afterwards
        try:
            process = await start(tty, self._folder, self._arguments(why, port))
            self.pid = process.pid
            self.starts += 1
            self._look_ready()
            yield process
        finally:
            self.wire.close()
            self.pid = self.access_point = None
            self._is_linked = False
            self.ready.clear()
            self._watchdog.feed(0)
            self._down()

    def _arguments(self, why: Start, parent: int) -> dict[str, Any]:
        """What chip.py is started with."""
        arguments = {**self._keys, "parent": parent, "link_port": self.link[1]}
        arguments |= {"cause": why.cause, "slept_ms": why.slept_ms, "rtc": why.rtc.hex()}
        if why.wall is not None:
            arguments["wall"] = why.wall
        if why.vfs:
            arguments["vfs"] = (why.vfs.offset, why.vfs.size)
        return arguments

    def _heard(self, message: dict[str, Any], peer: Address) -> None:
        if message.get("hello") == "control":
            if self._console.entering_raw_repl:
                self._interrupting = asyncio.create_task(self._console.interrupt())
        elif message.get("hello") == "link":
            self.link = peer
            self._is_linked = True
            if message["recovery"]:
                self._say("recovery", f"the app does not start; the console says:\n{self._console.tail()}")
            self._look_ready()
        elif message.get("hello") == "dns" and self.access_point:
            self.access_point["dns"] = peer
        elif "access_point" in message:
            self.access_point = message["access_point"]
        elif "portal" in message and self.access_point:
            self.access_point["http"] = (HOST, message["portal"])
            self._say("access point", f"{self.access_point['ssid']}, portal http://{HOST}:{message['portal']}/")
        elif "sleep" in message:
            self.falling = message
        elif "feed" in message:
            self._watchdog.feed(message["feed"])

    def _look_ready(self) -> None:
        # The device may be heard before we know that its process has started.
        if self.pid and self.wire.peer and self._is_linked:
            self.ready_s = time.monotonic() - self._began
            self._up()
            self.ready.set()

    def _bite(self) -> None:
        if self._process:
            self._say("watchdog", "the device has stopped feeding it; reset")
            self.end(WATCHDOG)
