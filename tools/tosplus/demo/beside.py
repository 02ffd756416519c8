"""A `tos` command beside the demo, as a process of its own, started again when it dies."""

import asyncio
import contextlib
import ctypes
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import anyio
import httpx

from .. import ports
from ..errors import HostError
from ..paths import shown

_READY_S = 30.0
_LOOK_S = 0.05
_AGAIN_S = 0.5
_END_S = 5.0
_TAIL_B = 2000
_PR_SET_PDEATHSIG = 1  # of Linux, prctl(2)

Say = Callable[[str, str], None]


class Beside:
    """Runs while the context is entered and it is plugged in; its output is in `log`. name: what a person calls it.
    health: URL that answers once it is ready. say: called with ("off", details) when it died."""

    def __init__(self, name: str, arguments: list[str], health: str, log: Path, say: Say) -> None:
        self.log = log
        self._name = name
        self._arguments = arguments
        self._health = health
        self._say = say
        self._process: Process | None = None
        self._was_ready = False
        self._is_plugged = asyncio.Event()

    async def __aenter__(self) -> "Beside":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        self._supply = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._supply.cancel()
        await asyncio.wait({self._supply})
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with anyio.move_on_after(_END_S) as ending:
                await self._process.wait()
            if ending.cancelled_caught:
                await self._kill()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def ready(self) -> None:
        """Until it answers. Raises HostError with the last lines of its log, at once when it ends instead."""
        deadline = time.monotonic() + _READY_S
        async with httpx.AsyncClient(trust_env=False) as http:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.get(self._health)).is_success:
                        self._was_ready = True
                        return
                if time.monotonic() > deadline or self._supply.done():
                    raise HostError(f"the {self._name} does not come up; its log says:\n{self._tail() or '(nothing)'}")
                await asyncio.sleep(_LOOK_S)

    async def unplug(self) -> None:
        """kill -9, and off until plug()."""
        self._is_plugged.clear()
        await self._kill()

    def plug(self) -> None:
        self._is_plugged.set()

    async def _kill(self) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def _run(self) -> None:
        command = [sys.executable, "-m", "tosplus", *self._arguments]
        while True:
            await self._is_plugged.wait()
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_with_its_parent
                )
            code = await self._process.wait()
            self._process = None
            if not self._was_ready:
                return
            if self._is_plugged.is_set():
                ending = "kill -9" if code == -signal.SIGKILL else f"exit code {code}, log in {shown(self.log)}"
                self._say("off", f"{ending}; on again in {_AGAIN_S} s")
                await asyncio.sleep(_AGAIN_S)

    def _tail(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return self.log.read_bytes()[-_TAIL_B:].decode(errors="replace").strip()
        return ""


def _with_its_parent() -> None:
    """It ends when the demo does, also by kill -9; elsewhere than on Linux only when the demo can still say so."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def free(kind: socket.SocketKind, wanted: int) -> int:
    """The wanted port, or a free one if it is taken."""
    return wanted if ports.is_free(wanted, kind) else ports.free(kind)
