"""One simulated device: a MicroPython process, and around it the supply, the reset line and the bench."""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import socket
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import state
from ..build import image
from ..build.board import SIMULATED, load
from ..build.product import app_source, build, needs
from ..errors import HostError, Unreachable
from .asleep import Asleep
from .console import Console
from .pn532 import of_device
from .pn532.chip import Pn532
from .process import micropython, start
from .rom.boot import Partition
from .rom.line import Line
from .rom.rom import Rom

_HOST = "127.0.0.1"

# Why the chip started, as the chip itself is told.
_POWER, _RESET, _WATCHDOG, _SOFT_RESET = 0, 1, 2, 3

_READY_S = 10.0
_ANSWER_S = 5.0
_RESEND_S = 0.5
_LOOK_S = 0.01
_SUPPLY_BACK_S = 0.2  # doubled after each start that did not last _LASTED_S
_LASTED_S = 5.0
_LONGEST_BACK_OFF_S = 10.0
_WATCHDOG_AT_LEAST_S = 3.0  # in time-lapse a busy host must not look like a hung device

Say = Callable[[str, str], None]


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
        self.link = (_HOST, port)
        self.rate = rate
        self.access_point: dict[str, Any] | None = None
        self.starts = 0
        self.ready_s = 0.0
        self._app = app
        self._board = board
        self._wall = wall
        self._access_points = access_points
        self._ambient_c = ambient_c
        self._restart = restart
        self._fresh = fresh
        self._hub = hub
        self._plain = plain
        self._chip = chip
        self._bluetooth = bluetooth
        self._keys = keys
        self._air = air
        self._contacts = contacts
        self._firmware = firmware
        self.nfc: Pn532 | None = None
        self._rom: Rom | None = None
        self._line: Line | None = None
        self._vfs: Partition | None = None
        self.serial = ""  # for pyserial; DTR and RTS move the chip's reset and strapping pins
        self._telling: asyncio.Task[None] | None = None
        self._say = say
        self._seen = 0  # the start that ready() or restarted() last returned for
        self._is_linked = False
        self._is_ready = asyncio.Event()
        self._is_plugged = asyncio.Event()
        self._is_plugged.set()
        self._falling: dict[str, Any] = {}  # what the device said of its sleep
        self._asleep: Asleep | None = None
        self._slept_ms = 0
        self.rtc = b""  # its RTC memory, as deep sleep keeps it
        self._kept_wall: int | None = None
        self._ordered: int | None = None  # the cause for the next start, where we ended the process ourselves
        self._process: Process | None = None
        self._wire: asyncio.DatagramTransport | None = None
        self._control: tuple[str, int] | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._asked = 0
        self._watchdog: asyncio.TimerHandle | None = None
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Device":
        async with self._stack:
            self._stack.enter_context(state.claim(self.state_dir))
            if self.link[1]:
                _check_free(*self.link)
            micropython()  # or say that there is none
            if self._fresh:
                (self.state_dir / "flash.bin").unlink(missing_ok=True)
                (self.state_dir / "world.json").unlink(missing_ok=True)
            if not self._chip:
                report = await asyncio.to_thread(build, self._app, self._board, keys=self._keys)
                await asyncio.to_thread(image.update, self.state_dir / "flash.bin", report.out, load(self._board))
            if self._firmware:
                await asyncio.to_thread(self._put_firmware, self._firmware)
            (self.state_dir / "world.json").touch()
            if any(name == "nfc" for name, _ in needs(app_source(self._app))):
                self.nfc = await of_device(self._air, self._stack)
            self._console = Console(self.state_dir / "console.log")
            self._stack.push_async_callback(self._console.close)
            if self._chip:
                await self._add_rom(self._chip)
            self._supply = asyncio.create_task(self._run())
            self._stack.push_async_callback(self._end)
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def address(self) -> str:
        return f"coap://{self.link[0]}:{self.link[1]}"

    @property
    def is_on(self) -> bool:
        """Whether it has started and its link answers."""
        return self._is_ready.is_set()

    @property
    def is_asleep(self) -> bool:
        """In deep sleep: the bench can look at it and press its buttons."""
        return self._asleep is not None

    @property
    def is_plugged(self) -> bool:
        return self._is_plugged.is_set()

    @property
    def tty(self) -> str:
        """The serial port for mpremote; the same over restarts."""
        return self._console.path

    async def ready(self, timeout_s: float = _READY_S) -> None:
        """Until the link answers. Raises HostError with the console's last lines if the device does not come up."""
        waiting = asyncio.create_task(self._is_ready.wait())
        await asyncio.wait({waiting, self._supply}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self._is_ready.is_set():
            raise HostError(f"{self.name} does not come up; its console says:\n{self._console.tail() or '(nothing)'}")
        self._seen = self.starts

    async def restarted(self, timeout_s: float = _READY_S) -> None:
        """Until the device has started once more than when ready() or restarted() last returned, and is ready."""
        deadline = time.monotonic() + timeout_s
        while self.starts <= self._seen:
            if time.monotonic() > deadline:
                raise HostError(f"{self.name} has not restarted in {timeout_s:g} s")
            await asyncio.sleep(0.01)
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
        if self._asleep:
            return await self._control_asleep(self._asleep, op, timeout_s, arguments)
        deadline = time.monotonic() + timeout_s
        self._asked += 1
        request = {"id": self._asked, "op": op, **arguments}
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[self._asked] = answered
        try:
            while not answered.done():
                if time.monotonic() > deadline:
                    raise Unreachable(f"{self.name} does not answer {op!r}; its console says:\n{self._console.tail()}")
                if self._wire and self._control:
                    self._wire.sendto(json.dumps(request, ensure_ascii=False).encode(), self._control)
                await asyncio.wait({answered}, timeout=_RESEND_S)
        finally:
            del self._answers[request["id"]]
        answer = answered.result()
        if "unspent_ms" in answer:  # it fell asleep in the middle of this
            if op == "advance":
                arguments["ms"] = answer["unspent_ms"]
            return await self.control(op, timeout_s, **arguments)
        if not answer["ok"]:
            raise HostError(f"{self.name} refuses {op!r}: {answer['error']}")
        return answer

    async def _control_asleep(
        self, asleep: Asleep, op: str, timeout_s: float, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        answer = asleep.control(op, arguments)
        if asleep.is_over and op == "advance":
            await self.restarted()
            if answer["left_ms"]:
                return await self.control(op, timeout_s, ms=answer["left_ms"])
        return answer

    async def kill(self) -> None:
        """kill -9, as a power cut between two flash operations."""
        if self._asleep:
            self._asleep.end()
        if self._process:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                self._process.kill()
            await self._process.wait()

    async def unplug(self) -> None:
        """No supply until plug()."""
        self._pull()
        await self.kill()

    def _pull(self) -> None:
        self._is_plugged.clear()
        if self._rom and self._line:
            self._rom.power_off()
            self._line.hang_up()

    def plug(self) -> None:
        self._is_plugged.set()

    async def power_cut(self, after: int, tear: str = "clean") -> None:
        """The supply fails at the after-th flash operation from now; tear: clean, half or erased, see chip.py."""
        await self.control("cut", after=after, tear=tear)

    @property
    def rom(self) -> Rom:
        """Of a device with a `chip`: its reset button, its flash."""
        assert self._rom
        return self._rom

    @contextlib.contextmanager
    def attached(self, take: Callable[[bytes], Awaitable[None]]) -> Iterator[Callable[[bytes], Awaitable[None]]]:
        """A host at the serial line: take gets what the device sends. -> what to call with the bytes of the host."""
        self._console.hosts.append(take)
        try:
            yield self._console.hear
        finally:
            self._console.hosts.remove(take)

    def _put_firmware(self, image: bytes) -> None:
        with open(self.state_dir / "flash.bin", "r+b") as flash:
            flash.seek(SIMULATED[1])
            if flash.read(1) == b"\xff":
                flash.seek(SIMULATED[1])
                flash.write(image)

    async def _add_rom(self, chip: str) -> None:
        self._rom = Rom(chip, self.state_dir / "flash.bin", self._console.tell_host, self._reset, self._pull)
        self._stack.callback(self._rom.close)
        self._line = Line(self._console.hear, self._rom.lines)
        self._console.before_device = self._rom.hear
        self._console.hosts.append(self._line.send)
        self.serial = await self._stack.enter_async_context(self._line.serving())

    def _reset(self) -> None:
        """The reset pin: whatever runs is gone."""
        if self._asleep:
            self._asleep.end()
        if self._process:
            self._ordered = _POWER
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                self._process.kill()

    # The supply

    async def _run(self) -> None:
        cause = _POWER
        back_off_s = _SUPPLY_BACK_S
        while True:
            if not self.is_plugged:
                self._say("off", "unplugged")
                await self._is_plugged.wait()
                cause, back_off_s, self._ordered = _POWER, _SUPPLY_BACK_S, None
            if self._rom:
                self._vfs = await self._rom.booted()
                if not self._vfs:
                    continue
            began = time.monotonic()
            code = await self._run_process(cause)
            if not self.is_plugged:
                continue
            if self._ordered is not None:
                cause, self._ordered = self._ordered, None
                continue
            if code == -signal.SIGUSR1:
                cause = await self._sleep()
                continue
            if code == -signal.SIGUSR2:
                self._say("reset", "")
                cause = _RESET
                continue
            if code == 0:  # what Ctrl-D does to the Unix port
                self._say("soft reset", "")
                await self._console.tell_host(b"MPY: soft reboot\r\n")
                cause = _SOFT_RESET
                continue
            ending = "power cut or kill -9" if code == -signal.SIGKILL else f"exit code {code}"
            if not self._restart:
                self._say("off", ending)
                return
            back_off_s = _SUPPLY_BACK_S if time.monotonic() - began > _LASTED_S else back_off_s
            self._say("off", f"{ending}; on again in {back_off_s:.1f} s")
            await asyncio.sleep(back_off_s)
            back_off_s = min(back_off_s * 2, _LONGEST_BACK_OFF_S)
            cause = _POWER

    async def _run_process(self, cause: int) -> int:
        """From start to end of one process -> its exit code, negative for a signal."""
        loop = asyncio.get_running_loop()
        # A wire for each process: nobody hears the last words of the one before.
        self._wire, _ = await loop.create_datagram_endpoint(lambda: _Wire(self._heard), local_addr=(_HOST, 0))
        self._began = time.monotonic()
        tty = self._console.open()
        if cause == _SOFT_RESET and self._console.raw:
            self._console.enter_raw_repl()  # as on a chip: who reset from the raw REPL is back there afterwards
        try:
            arguments = self._arguments(cause, self._wire.get_extra_info("sockname")[1])
            self._process = await start(tty, self.state_dir, arguments)
            self.starts += 1
            if not self.is_plugged:
                self._process.kill()
            elif self._rom and self._rom.has_reset:
                self._reset()
            self._look_ready()
            self._slept_ms, self.rtc, self._kept_wall = 0, b"", None
            code = await self._process.wait()
        finally:
            self._wire.close()
            self._wire = self._control = self.access_point = None
            self._is_linked = False
            self._is_ready.clear()
            self._set_watchdog(0)
            if self._telling:
                self._telling.cancel()
        self._process = None
        await self._console.drained()
        return code

    async def _sleep(self) -> int:
        """Deep sleep, until it is over -> the cause of the next start."""
        told = self._falling
        self._say("asleep", f"{told['sleep'] / 1000:g} s at most")
        self._asleep = Asleep(self.state_dir / "world.json", told["sleep"], told["wake"], self.rate)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result({"unspent_ms": told["unspent_ms"]})
        self._seen = self.starts
        self.rtc = bytes.fromhex(told["rtc"])
        try:
            self._slept_ms = await self._asleep.over()
            if self._asleep.cause == _POWER:
                self.rtc = b""
            elif told["wall"] is not None:
                self._kept_wall = told["wall"] + self._slept_ms // 1000
            return self._asleep.cause
        finally:
            self._asleep = None

    def _arguments(self, cause: int, parent: int) -> dict[str, Any]:
        """What chip.py is started with."""
        arguments = {
            "uid": self.uid,
            "flash": str(self.state_dir / "flash.bin"),
            "world": str(self.state_dir / "world.json"),
            "parent": parent,
            "model": self.model,
            "rate": self.rate,
            "wall": self._wall if self._kept_wall is None else self._kept_wall,
            "access_points": self._access_points,
            "ambient_c": self._ambient_c,
            "link_port": self.link[1],
            "cause": cause,
            "slept_ms": self._slept_ms,
            "rtc": self.rtc.hex(),
            "plain": self._plain,
            "bluetooth": self._bluetooth,
            "nfc": self.nfc and self.nfc.path,
            "contacts": self._contacts,
            "cut": None,
        }
        if self._firmware:
            arguments["partitions"] = SIMULATED
        if self._vfs:
            arguments["vfs"] = (self._vfs.offset, self._vfs.size)
        return arguments

    async def _end(self) -> None:
        self._supply.cancel()
        await asyncio.wait({self._supply})
        await self.kill()
        state.withdraw(self.state_dir)

    # What the device tells its supply

    def _heard(self, message: dict[str, Any], peer: tuple[str, int]) -> None:
        if message.get("hello") == "control":
            self._control = peer
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
            self.access_point["http"] = (_HOST, message["portal"])
            self._say("access point", f"{self.access_point['ssid']}, portal http://{_HOST}:{message['portal']}/")
        elif "sleep" in message:
            self._falling = message
        elif "feed" in message:
            self._set_watchdog(message["feed"])
        elif message.get("id") in self._answers and not self._answers[message["id"]].done():
            self._answers[message["id"]].set_result(message)

    def _look_ready(self) -> None:
        # The device may be heard before we know that its process has started.
        if not (self._process and self._control and self._is_linked):
            return
        run = state.Run(
            name=self.name,
            uid=self.uid,
            model=self.model,
            board=self._board,
            rate=self.rate,
            pid=self._process.pid,
            parent_pid=os.getpid(),
            link=self.link,
            control=self._control,
            tty=self.tty,
        )
        state.publish(self.state_dir, run)
        self.ready_s = time.monotonic() - self._began
        self._say("ready", f"{self.address} after {self.ready_s:.1f} s")
        self._is_ready.set()
        if self._hub is not None:
            self._telling = asyncio.create_task(self._tell_hub(self._hub))

    async def _tell_hub(self, hub: str) -> None:
        try:
            await self.control("config", changes={"hub": hub})
        except HostError as e:  # its flash is full, or somebody has stopped its app
            self._say("no hub", str(e).splitlines()[0])

    def _set_watchdog(self, timeout_ms: int) -> None:
        if self._watchdog:
            self._watchdog.cancel()
            self._watchdog = None
        if timeout_ms and self.rate:
            timeout_s = max(timeout_ms / 1000 / self.rate, _WATCHDOG_AT_LEAST_S)
            self._watchdog = asyncio.get_running_loop().call_later(timeout_s, self._bite)

    def _bite(self) -> None:
        if self._process:
            self._say("watchdog", "the device has stopped feeding it; reset")
            self._ordered = _WATCHDOG
            self._process.kill()


class _Wire(asyncio.DatagramProtocol):
    """Loopback datagrams of JSON, from the device to its supply."""

    def __init__(self, heard: Callable[[dict[str, Any], tuple[str, int]], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._heard(json.loads(data), addr)


def _check_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError as e:
            raise HostError(f"UDP port {port}: {e.strerror}\nStop what uses it, or choose another --port.") from None
