"""Simulated PN532s in a field of their own, in a thread, and what sits at their serial ports."""

import asyncio
import contextlib
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tosplus.sim.pn532.air import Air
from tosplus.sim.pn532.chip import Pn532

_SOON_S = 10


class Field:
    """with Field() as field: two chips, field.card and field.reader, near each other."""

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._folder = tempfile.TemporaryDirectory()
        self._stack = contextlib.AsyncExitStack()
        self.run(self._open())
        return self

    def __exit__(self, *_):
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    async def _open(self):
        self.air = await self._stack.enter_async_context(Air(Path(self._folder.name) / "air"))
        self.card = await self._stack.enter_async_context(Pn532(self.air.path))
        self.reader = await self._stack.enter_async_context(Pn532(self.air.path))

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SOON_S)

    def do(self, function, *arguments):
        """Call it where the chips are."""

        async def call():
            return function(*arguments)

        return self.run(call())


def until(what, timeout_s=_SOON_S):
    deadline = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.005)
    return found


def libnfc(program, chip, *arguments):
    """It runs with that chip; its output is one pipe."""
    environment = {**os.environ, "LIBNFC_DEFAULT_DEVICE": f"pn532_uart:{chip.path}"}
    return subprocess.Popen(
        [program, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
