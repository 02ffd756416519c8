"""The serial port of a simulated device: a pty whose path stays while the process behind it comes and goes.

A process and mpremote cannot share one pty, so there are two, with bytes carried between them. What the device prints
is also kept in console.log, whether anyone is attached or not.
"""

import asyncio
import os
import re
import termios
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

import anyio

from .lines import Lines

_LOG_B = 1_000_000  # then console.log becomes console.log.1
_RECENT_B = 4096
_STUCK_S = 1.0  # a reader or a device that takes nothing for this long loses what comes
_LOOK_S = 0.05  # how often to see whether somebody opened the port
_RAW = b"raw REPL; CTRL-B to exit\r\n"
_FRIENDLY = b'Type "help()" for more information.'
_PROMPT = b">>> "
_CODE = re.compile(rb"^Pairing code: (\S+)\r?\n", re.MULTILINE)


class Console:
    """`path` is for mpremote; `raw` tells whether the device was last seen in its raw REPL.

    before_device: where there is a ROM, it hears first: what the host sends -> the answer, or None when it is for the
    device. hosts: who else takes what the device sends, beside the pty.
    """

    before_device: Callable[[bytes], bytes | None] | None = None

    def __init__(self, log: Path) -> None:
        self._log_path = log
        self._log = _private(log)
        self._host, slave = os.openpty()
        self.path = os.ttyname(slave)
        tty.setraw(slave)  # whoever opens it need not
        os.close(slave)
        os.set_blocking(self._host, False)
        self._device: int | None = None
        self._attached = False
        self.hosts: list[Callable[[bytes], Awaitable[None]]] = []
        self._recent = b""
        self._code: str | None = None
        self.raw = False
        self._at_prompt = b""
        self._from_host = asyncio.create_task(self._carry_in())
        self._from_device: asyncio.Task[None] | None = None

    def open(self) -> int:
        """A pty for the next process; returns its end, which the caller closes once the process has it."""
        self._device, slave = os.openpty()
        os.set_blocking(self._device, False)
        self._recent = b""
        self._code = None
        mode = termios.tcgetattr(slave)
        # No translation and no echo, as on a UART; whether Ctrl-C interrupts, the firmware decides when it runs.
        mode[0] = mode[1] = mode[3] = 0
        for key in (termios.VQUIT, termios.VSUSP):
            mode[6][key] = b"\0"
        termios.tcsetattr(slave, termios.TCSANOW, mode)
        self._from_device = asyncio.create_task(self._carry_out(self._device))
        return slave

    async def drained(self) -> None:
        """Returns when everything that an ended process had printed has been carried."""
        if self._from_device:
            await self._from_device

    async def tell_host(self, text: bytes) -> None:
        """The supply has something to say where the firmware would."""
        self._keep(text)
        await self._give_host(text)

    @property
    def entering_raw_repl(self) -> bool:
        return bool(self._at_prompt)

    def enter_raw_repl(self) -> None:
        """As soon as the device has a prompt, put it into the raw REPL."""
        self._at_prompt = b"\x01"

    async def interrupt(self) -> None:
        """Ctrl-C."""
        if self._device is not None:
            await _write(self._device, b"\x03")

    def tail(self, lines: int = 15) -> str:
        """The last lines since the device started."""
        return "\n".join(self._recent.decode(errors="replace").splitlines()[-lines:])

    def code(self) -> str | None:
        """The pairing code that the device has printed last since it started."""
        return self._code

    async def close(self) -> None:
        self._from_host.cancel()
        await asyncio.wait({self._from_host})
        await self.drained()
        os.close(self._host)
        self._log.close()

    async def _carry_out(self, device: int) -> None:
        lines = Lines()
        while True:
            await _readable(device)
            try:
                data = os.read(device, 4096)
            except OSError:  # EIO: the process has ended
                break
            self._keep(data)
            if not self.raw:
                data = lines.ended(data)  # a mounted file system in the raw REPL carries bytes, not lines
            await self._give_host(data)
            if self._at_prompt and self._recent.endswith(_PROMPT):
                await _write(device, self._at_prompt)
                self._at_prompt = b""
        self._device = None
        os.close(device)

    async def hear(self, data: bytes) -> None:
        """What a host sends."""
        answer = self.before_device(data) if self.before_device else None
        if answer is not None:
            await self._give_host(answer)
        elif self._device is not None:
            await _write(self._device, data)

    async def _give_host(self, data: bytes) -> None:
        if self._attached:
            await _write(self._host, data)
        for take in list(self.hosts):
            await take(data)

    async def _carry_in(self) -> None:
        while True:
            try:
                data = os.read(self._host, 4096)
            except BlockingIOError:
                self._attached = True
                await _readable(self._host)
                continue
            except OSError:  # EIO: nobody has the port open
                self._attached = False
                await asyncio.sleep(_LOOK_S)
                continue
            await self.hear(data)

    def _keep(self, data: bytes) -> None:
        self._recent = (self._recent + data)[-_RECENT_B:]
        for found in _CODE.finditer(self._recent):
            self._code = found[1].decode()
        latest = max(self._recent.rfind(_RAW), self._recent.rfind(_FRIENDLY))
        if latest >= 0:
            self.raw = self._recent.startswith(_RAW, latest)
        if self._log.tell() > _LOG_B:
            self._log.close()
            self._log_path.replace(self._log_path.with_suffix(".log.1"))
            self._log = _private(self._log_path)
        self._log.write(data)
        self._log.flush()


def _private(path: Path) -> BinaryIO:
    """For its owner alone: a console shows the pairing code."""
    file = open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
    os.fchmod(file.fileno(), 0o600)
    return file


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fd, ready.set_result, None)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


async def _writable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def be_ready() -> None:
        if not ready.done():  # the loop calls again before the task goes on
            ready.set_result(None)

    loop.add_writer(fd, be_ready)
    try:
        with anyio.fail_after(_STUCK_S):
            await ready
    finally:
        loop.remove_writer(fd)


async def _write(fd: int, data: bytes) -> None:
    """All of it, at the pace of the reader; the rest is lost when the reader is stuck or gone."""
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            try:
                await _writable(fd)
            except TimeoutError:
                return
        except OSError:
            return
