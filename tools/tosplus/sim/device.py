"""One simulated device, as a program has it that switches it on, presses its buttons and pulls its plug."""

import asyncio
import contextlib
import hashlib
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import ports, state
from ..build.apps import app_source, needs
from ..build.board import SIMULATED
from ..errors import HostError, Unreachable
from . import flash
from .chip import Chip, Say
from .console import Console
from .pn532 import of_device
from .pn532.chip import Pn532
from .process import micropython
from .rom.line import Line
from .rom.rom import Rom
from .supply import Supply
from .wire import Address

_READY_S = 30.0
_ANSWER_S = 20.0
_LOOK_S = 0.01


class Device:
    """A device that runs while the context is entered.

        async with Device(app="kettle", rate=30) as kettle:
            await kettle.ready()
            await kettle.control("set", signal="probe_mv", value=500)
            await kettle.kill()
            await kettle.restarted()

    rate: 1 real time, n time-lapse, 0 a clock that moves only by control("advance", ms=...).
    port: of the link; 0 takes any free one, which the device keeps over restarts.
    hub: "HOST:PORT" of the hub to which it reports, told at each start as pairing would; "" is none, None says nothing.
    plain: it answers in the clear too, whoever its peers are; then it is on loopback only.
    bluetooth: UDP port on loopback of the program that is its Bluetooth radio, see ports/unix/gatt.py; None is a board
    without.
    access_points: what its radio can hear, see ports/unix; None is a device that needs none, as by a cable.
    chip: esp32, esp32s3 or esp32c3: a new board with that chip, wired as the app's product. Nothing is built: it starts
    from what a flasher writes through `serial` (with DTR and RTS) or `tty` (without). docs/flashing.md says how.
    keys: public ones, x and y, of who may sign its updates.
    firmware: an application image of an ESP32: a chip with two slots for firmware, a new one with this in the first.
    MicroPython's Unix port stands in for it, see ports/unix/partition.py. None is a chip that is updated by its files.
    air: the field of devices near by, see sim/pn532/air.py, for one with NFC; None is one of its own. Its chip: `nfc`.
    contacts: its card has the profile of a contact card besides, for tools that know no other.
    restart: whether the supply comes back after a crash or a power cut. fresh: forget flash and world first.
    say: called with (what, details) for each thing that happens: "ready", "off", "asleep", "watchdog", "soft reset",
    "reset", "access point", "recovery".
    access_point: the device's own while it is on, {ssid, key, dns, http}; the last two are (host, port) of its portal.
    """

    def __init__(
        self,
        app: str,
        name: str | None = None,
        state_dir: Path | None = None,
        board: str = "UNIX",
        rate: float = 1,
        port: int = 0,
        wall: int | None = None,
        access_points: tuple[dict[str, Any], ...] | None = None,
        ambient_c: float = 20.0,
        restart: bool = True,
        fresh: bool = False,
        hub: str | None = None,
        plain: bool = False,
        chip: str | None = None,
        bluetooth: int | None = None,
        keys: tuple[bytes, ...] = (),
        air: Path | None = None,
        contacts: bool = False,
        firmware: bytes | None = None,
        say: Say = lambda what, details: None,
    ) -> None:
        self.model = app_source(app).stem
        self.name = name or self.model
        self.state_dir = Path(state_dir or state.directory(self.name)).absolute()
        self.uid = hashlib.sha256(f"{self.state_dir.parent.name}/{self.name}".encode()).hexdigest()[:12]
        self.rate = rate
        self.nfc: Pn532 | None = None
        self.serial = ""  # for pyserial; DTR and RTS move the chip's reset and strapping pins
        self._app = app
        self._board = board
        self._fresh = fresh
        self._hub = hub
        self._blank = chip
        self._keys = keys
        self._air = air
        self._firmware = firmware
        self._say = say
        self._flash = self.state_dir / "flash.bin"
        self._world = self.state_dir / "world.json"
        self._arguments = {  # of chip.py
            "uid": self.uid,
            "flash": str(self._flash),
            "world": str(self._world),
            "model": self.model,
            "rate": rate,
            "wall": wall,
            "access_points": access_points,
            "ambient_c": ambient_c,
            "plain": plain,
            "bluetooth": bluetooth,
            "contacts": contacts,
            "nfc": None,
            "cut": None,
        }
        if firmware:
            self._arguments["partitions"] = SIMULATED
        self._chip = Chip(self.state_dir, self._arguments, port, say, self._up, self._down)
        self._supply = Supply(self._chip, self._world, rate, restart, say)
        self._telling: asyncio.Task[None] | None = None
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Device":
        async with self._stack:
            self._stack.enter_context(state.claim(self.state_dir))
            if self.link[1]:
                _check_free(*self.link)
            else:
                self._chip.link = (ports.HOST, ports.free())  # while it is off or asleep nobody is to be given it
            micropython()  # or say that there is none
            if self._fresh:
                self._flash.unlink(missing_ok=True)
                self._world.unlink(missing_ok=True)
            if not self._blank:
                await asyncio.to_thread(flash.put_app, self._flash, self._app, self._board, self._keys)
            if self._firmware:
                await asyncio.to_thread(flash.put_firmware, self._flash, self._firmware)
            self._world.touch()
            if any(name == "nfc" for name, _ in needs(app_source(self._app))):
                self.nfc = await of_device(self._air, self._stack)
                self._arguments["nfc"] = self.nfc.path
            self._console = Console(self.state_dir / "console.log")
            self._stack.push_async_callback(self._console.close)
            if self._blank:
                await self._add_rom(self._blank)
            self._running = asyncio.create_task(self._supply.run(self._console))
            self._stack.push_async_callback(self._end)
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def link(self) -> Address:
        return self._chip.link

    @property
    def address(self) -> str:
        return f"coap://{self.link[0]}:{self.link[1]}"

    @property
    def is_on(self) -> bool:
        """Whether it has started and its link answers."""
        return self._chip.ready.is_set()

    @property
    def starts(self) -> int:
        """How often it has started."""
        return self._chip.starts

    @property
    def ready_s(self) -> float:
        """How long the last start took."""
        return self._chip.ready_s

    @property
    def is_asleep(self) -> bool:
        """In deep sleep: the bench can look at it and press its buttons."""
        return self._supply.asleep is not None

    @property
    def is_plugged(self) -> bool:
        return self._supply.is_plugged

    @property
    def access_point(self) -> dict[str, Any] | None:
        return self._chip.access_point

    @property
    def tty(self) -> str:
        """The serial port for mpremote; the same over restarts."""
        return self._console.path

    @property
    def rtc(self) -> bytes:
        """The RTC memory of a device that is asleep."""
        assert self._supply.asleep
        return self._supply.asleep.rtc

    @rtc.setter
    def rtc(self, data: bytes) -> None:
        assert self._supply.asleep
        self._supply.asleep.rtc = data

    async def ready(self, timeout_s: float = _READY_S) -> None:
        """Until the link answers. Raises HostError with the console's last lines if the device does not come up."""
        waiting = asyncio.create_task(self._chip.ready.wait())
        await asyncio.wait({waiting, self._running}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self._chip.ready.is_set():
            raise HostError(f"{self.name} does not come up; its console says:\n{self._console.tail() or '(nothing)'}")
        self._supply.seen = self.starts

    async def restarted(self, timeout_s: float = _READY_S) -> None:
        """Until the device has started once more than when ready() or restarted() last returned, and is ready."""
        deadline = time.monotonic() + timeout_s
        while self.starts <= self._supply.seen:
            if time.monotonic() > deadline:
                raise HostError(f"{self.name} has not restarted in {timeout_s:g} s")
            await asyncio.sleep(_LOOK_S)
        await self.ready(max(0.1, deadline - time.monotonic()))

    async def code(self, timeout_s: float = _ANSWER_S) -> str:
        """The pairing code that it has shown on its console since it started, as a person would read it there.

        Raises HostError if it shows none: a device that has an owner does so when its button is pressed.
        """
        deadline = time.monotonic() + timeout_s
        while not (code := self._console.code()):
            if time.monotonic() > deadline:
                raise HostError(f"{self.name} shows no pairing code; if it has an owner, press its button")
            await asyncio.sleep(_LOOK_S)
        return code

    async def press(self, signal: str, ms: int) -> None:
        """A button is down for so long, by the device's clock."""
        await self.control("set", signal=signal, value=True)
        if self.rate:
            await asyncio.sleep(ms / 1000 / self.rate)
        else:
            await self.control("advance", ms=ms)
        await self.control("set", signal=signal, value=False)

    async def control(self, op: str, timeout_s: float = _ANSWER_S, **arguments: Any) -> dict[str, Any]:
        """One request to the bench side of the device, see tos/ports/unix/control.py -> its answer.

        Raises HostError if the device refuses, Unreachable if it does not answer.
        """
        if self._supply.asleep:
            return await self._control_asleep(op, timeout_s, arguments)
        try:
            answer = await self._chip.wire.ask(op, timeout_s, arguments)
        except TimeoutError:
            raise Unreachable(
                f"{self.name} does not answer {op!r}; its console says:\n{self._console.tail()}"
            ) from None
        if "unspent_ms" in answer:  # it fell asleep in the middle of this
            if op == "advance":
                arguments["ms"] = answer["unspent_ms"]
            return await self.control(op, timeout_s, **arguments)
        if not answer["ok"]:
            raise HostError(f"{self.name} refuses {op!r}: {answer['error']}")
        return answer

    async def _control_asleep(self, op: str, timeout_s: float, arguments: dict[str, Any]) -> dict[str, Any]:
        asleep = self._supply.asleep
        assert asleep
        answer = asleep.control(op, arguments)
        if asleep.is_over and op == "advance":
            await self.restarted()
            if answer["left_ms"]:
                return await self.control(op, timeout_s, ms=answer["left_ms"])
        return answer

    async def kill(self) -> None:
        """kill -9, as a power cut between two flash operations."""
        await self._supply.kill()

    async def unplug(self) -> None:
        """No supply until plug()."""
        self._supply.pull()
        await self._supply.kill()

    def plug(self) -> None:
        self._supply.plug()

    async def power_cut(self, after: int, tear: str = "clean") -> None:
        """The supply fails at the after-th flash operation from now; tear: clean, half or erased, see chip.py."""
        await self.control("cut", after=after, tear=tear)

    @property
    def rom(self) -> Rom:
        """Of a device with a `chip`: its reset button, its flash."""
        assert self._supply.rom
        return self._supply.rom

    @contextlib.contextmanager
    def attached(self, take: Callable[[bytes], Awaitable[None]]) -> Iterator[Callable[[bytes], Awaitable[None]]]:
        """A host at the serial line: take gets what the device sends. -> what to call with the bytes of the host."""
        self._console.hosts.append(take)
        try:
            yield self._console.hear
        finally:
            self._console.hosts.remove(take)

    async def _add_rom(self, chip: str) -> None:
        rom = Rom(chip, self._flash, self._console.tell_host, self._supply.reset, self._supply.pull)
        self._stack.callback(rom.close)
        line = Line(self._console.hear, rom.lines)
        self._console.before_device = rom.hear
        self._console.hosts.append(line.send)
        self._supply.rom, self._supply.serial = rom, line
        self.serial = await self._stack.enter_async_context(line.serving())

    async def _end(self) -> None:
        self._running.cancel()
        await asyncio.wait({self._running})
        await self._supply.kill()
        state.withdraw(self.state_dir)

    def _up(self) -> None:
        assert self._chip.pid and self._chip.wire.peer
        run = state.Run(
            name=self.name,
            uid=self.uid,
            model=self.model,
            board=self._board,
            rate=self.rate,
            pid=self._chip.pid,
            parent_pid=os.getpid(),
            link=self.link,
            control=self._chip.wire.peer,
            tty=self.tty,
        )
        state.publish(self.state_dir, run)
        self._say("ready", f"{self.address} after {self.ready_s:.1f} s")
        if self._hub is not None:
            self._telling = asyncio.create_task(self._tell_hub(self._hub))

    def _down(self) -> None:
        if self._telling:
            self._telling.cancel()

    async def _tell_hub(self, hub: str) -> None:
        try:
            await self.control("config", changes={"hub": hub})
        except HostError as e:  # its flash is full, or somebody has stopped its app
            self._say("no hub", str(e).splitlines()[0])


def _check_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError as e:
            raise HostError(f"UDP port {port}: {e.strerror}\nStop what uses it, or choose another --port.") from None
