"""The serial port of a simulated PN532: a pty, its speed, what goes wrong on it, and a record of what went over it."""

import asyncio
import contextlib
import os
import termios
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

_SPEEDS = {
    getattr(termios, f"B{baud}"): baud
    for baud in (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
    if hasattr(termios, f"B{baud}")
}
_OSPEED = 5  # in termios' list
_CHUNK_B = 1 << 12
_SPLIT_S = 0.0003


@dataclass
class Faults:
    """What goes wrong, each as often as its number says. They are counted down as they happen.

    split: bytes go to the host one at a time, always. late_ack_s: how long each acknowledge takes.
    status: {command: [status, ...]}: what the next of these commands fail with.
    """

    split: bool = False
    missing_acks: int = 0
    late_ack_s: float = 0.0
    bad_sums: int = 0
    missing_answers: int = 0
    noise: bytes = b""
    status: dict[int, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """from_host: who said it."""

    from_host: bool
    data: bytes


class Line:
    """hear: takes what the host sends. path: for the host to open; it may close and open it as it likes.

    A host that speaks at another speed than `baud` is not understood, and `garbled` counts its bytes.
    """

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self._hear = hear
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self.baud = 115200
        self.next_baud: int | None = None  # from the host's next acknowledge on
        self.garbled = 0
        self.faults = Faults()
        self.record: list[Said] = []
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()

    async def __aenter__(self) -> "Line":
        asyncio.get_running_loop().add_reader(self._master, self._read)
        self._writing = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        self._writing.cancel()
        os.close(self._master)
        os.close(self._slave)

    def send(self, data: bytes) -> None:
        self._queue.put_nowait(data)

    def bytes_over(self) -> int:
        """How many went over it since the record began, both ways."""
        return sum(len(said.data) for said in self.record)

    def _speed(self) -> int | None:
        return _SPEEDS.get(termios.tcgetattr(self._slave)[_OSPEED])

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._master, _CHUNK_B)
            self.record.append(Said(True, data))
            speed = self._speed()
            if self.next_baud and speed == self.next_baud:
                # The acknowledge that changes the speed was sent at the old one, and a pty knows only the newest. nfcpy
                # closes its port right after it, and what a real one has sent by then, a pty takes back.
                self.baud, self.next_baud = self.next_baud, None
            if speed != self.baud:
                self.garbled += len(data)
                return
            self._hear(data)

    async def _write(self) -> None:
        while True:
            data = await self._queue.get()
            for at in range(0, len(data), 1 if self.faults.split else len(data)):
                part = data[at : at + 1] if self.faults.split else data
                self.record.append(Said(False, part))
                if self._speed() != self.baud:
                    continue
                while part:
                    try:
                        part = part[os.write(self._master, part) :]
                    except BlockingIOError:  # nobody reads at the other end
                        await asyncio.sleep(0.01)
                if self.faults.split:
                    await asyncio.sleep(_SPLIT_S)
