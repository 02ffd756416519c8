"""A PN532 with firmware 1.6 behind its serial port: wake-up, acknowledges and the commands of UM0701-02 section 7.

What it lacks: FeliCa, type B, MIFARE and DEP; who asks for those finds an empty field. Registers hold what is written.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

from .air import Antenna
from .frames import ACK, ERROR, Ear, Heard, encode
from .initiator import Initiator
from .isodep import Failed
from .line import Line
from .target import Target

_TO_CHIP, _TO_HOST = 0xD4, 0xD5
_VERSION = b"\x32\x01\x06\x07"
_BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
_WAKING_EDGES = 5  # section 7.2.11: rising edges on the line
_DEAF_B = 5  # bytes that pass until its oscillator runs; nfcpy sends ten zeros before a frame, libnfc sixteen bytes
_IS_PICC = 0x20  # of SetParameters
_TX_MODE, _RX_MODE, _FIFO = 0x6302, 0x6303, 0x6339
_CRC = 0x80
_REQA = 0x26

_INIT_AS_TARGET = 0x8C
_GET_DATA, _SET_DATA, _GET_COMMAND, _RESPOND = 0x86, 0x8E, 0x88, 0x90

Answer = Awaitable[bytes]


class _Syntax(Exception):
    """The command is none, or too short."""


class Pn532:
    """A chip in the field that `air` serves. path: of its serial port.

        async with Air(folder / "air") as air, Pn532(air.path) as chip:
            ... chip.path ...

    frame_b: what it takes in a frame of the radio, as a card and as a reader; a real one 64 B.
    faults: of its line, see line.Faults. commands: what the host has asked for, code by code.
    """

    def __init__(self, air: Path, frame_b: int = 64) -> None:
        self.commands: list[int] = []
        self._line = Line(self._heard)
        self._ear = Ear()
        self.antenna = Antenna(air, self._answer_radio, self._carrier)
        self.target = Target(frame_b)
        self.initiator = Initiator(self.antenna.ask, self.antenna.carry, frame_b)
        self._is_awake = False
        self._edges = self._deaf_b = 0
        self._in_field = False
        self._parameters = 0x14  # automatic ATR_RES and RATS
        self._registers = {_TX_MODE: _CRC, _RX_MODE: _CRC, _FIFO: _REQA}
        self._running: asyncio.Task[None] | None = None
        self._said = b""
        self._stack = contextlib.AsyncExitStack()
        self._handlers: dict[int, Callable[[bytes], Answer]] = {
            0x00: self._diagnose, 0x02: self._version, 0x04: self._status, 0x06: self._read, 0x08: self._write,
            0x0C: self._gpio, 0x0E: self._nothing, 0x10: self._baud, 0x12: self._set_parameters, 0x14: self._nothing,
            0x16: self._power_down, 0x32: self._configure, 0x40: self._exchange, 0x42: self._through,
            0x44: self._release, 0x46: self._nobody, 0x4A: self._list, 0x50: self._nobody, 0x52: self._release,
            0x54: self._select, 0x56: self._nobody, 0x60: self._poll, 0x8A: self._target_status,
            _INIT_AS_TARGET: self._init, _GET_DATA: self._get, _SET_DATA: self._put, _GET_COMMAND: self._get_frame,
            _RESPOND: self._reply,
        }  # fmt: skip

    @property
    def path(self) -> str:
        return self._line.path

    @property
    def line(self) -> Line:
        return self._line

    async def __aenter__(self) -> "Pn532":
        async with self._stack:
            await self._stack.enter_async_context(self._line)
            await self._stack.enter_async_context(self.antenna)
            self._stack.callback(self._stop)
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    # The radio

    @property
    def is_listening(self) -> bool:
        """Whether a reader would find a card here."""
        return self.target.is_free

    async def _answer_radio(self, frame: bytes) -> bytes | None:
        return None if self.initiator.is_carrying else await self.target.hear(frame)

    def _carrier(self, on: bool) -> None:
        self._in_field = on
        self.target.carrier(on)

    # The host

    def _heard(self, data: bytes) -> None:
        while data and not self._is_awake:
            if self._edges < _WAKING_EDGES:
                self._edges += _rising(data[0])
            else:
                self._deaf_b += 1
            self._is_awake = self._deaf_b == _DEAF_B
            data = data[1:]
        for heard in self._ear.feed(data):
            self._understand(heard)

    def _understand(self, heard: Heard) -> None:
        if heard is None:
            self._line.send(self._said)
            return
        self._stop()
        if not heard:
            if self._line.next_baud:
                self._line.baud, self._line.next_baud = self._line.next_baud, None
            return
        self._line.next_baud = None
        self._running = asyncio.create_task(self._run(heard))

    def _stop(self) -> None:
        """A new command or an acknowledge ends what runs; a card goes on being one."""
        if self._running:
            self._running.cancel()
            self._running = None

    async def _run(self, frame: bytes) -> None:
        faults = self._line.faults
        if faults.late_ack_s:
            await asyncio.sleep(faults.late_ack_s)
        if faults.missing_acks:
            faults.missing_acks -= 1
            return
        if faults.noise:
            self._line.send(faults.noise)
            faults.noise = b""
        self._line.send(ACK)
        answer = await self._do(frame)
        if answer is None:
            self._said = ERROR
        else:
            self._said = encode(bytes((_TO_HOST, frame[1] + 1)) + answer)
        if faults.missing_answers:
            faults.missing_answers -= 1
        elif faults.bad_sums:
            faults.bad_sums -= 1
            self._line.send(self._said[:-2] + bytes((self._said[-2] ^ 0x55,)) + self._said[-1:])
        else:
            self._line.send(self._said)
        if frame[1] == 0x16:
            self._is_awake, self._edges, self._deaf_b = False, 0, 0

    async def _do(self, frame: bytes) -> bytes | None:
        """-> what follows the answer's code; None for an error frame."""
        if len(frame) < 2 or frame[0] != _TO_CHIP or frame[1] not in self._handlers:
            return None
        code = frame[1]
        self.commands.append(code)
        if status := self._line.faults.status.get(code):
            return bytes((status.pop(0),))
        try:
            return await self._handlers[code](frame[2:])
        except (_Syntax, IndexError):
            return None
        except Failed as e:
            return bytes((e.status,))

    # Commands: the data after the code -> what follows the answer's code

    async def _nothing(self, data: bytes) -> bytes:
        return b""

    async def _nobody(self, data: bytes) -> bytes:
        raise Failed(0x01)

    async def _diagnose(self, data: bytes) -> bytes:
        return data if data[0] == 0 else b"\x00"

    async def _version(self, data: bytes) -> bytes:
        return _VERSION

    async def _status(self, data: bytes) -> bytes:
        cards = b"\x01\x01\x00\x00\x00" if self.initiator.card else b"\x00"
        return bytes((0, self._in_field or self.initiator.is_carrying)) + cards + b"\x00"

    async def _read(self, data: bytes) -> bytes:
        addresses = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
        return bytes(self._registers.get(address, 0) for address in addresses)

    async def _write(self, data: bytes) -> bytes:
        for at in range(0, len(data), 3):
            self._registers[int.from_bytes(data[at : at + 2], "big")] = data[at + 2]
        return b""

    async def _gpio(self, data: bytes) -> bytes:
        return bytes(3)

    async def _baud(self, data: bytes) -> bytes:
        if data[0] >= len(_BAUDS):
            raise _Syntax
        self._line.next_baud = _BAUDS[data[0]]
        return b""

    async def _set_parameters(self, data: bytes) -> bytes:
        self._parameters = data[0]
        return b""

    async def _power_down(self, data: bytes) -> bytes:
        self.target.off()
        self.initiator.field(False)
        return b"\x00"

    async def _configure(self, data: bytes) -> bytes:
        item, values = data[0], data[1:]
        if item == 0x01:
            self.initiator.field(bool(values[0] & 1))
        elif item == 0x02:
            self.initiator.timeout_s = 0.0001 * 2 ** (values[2] - 1) if values[2] else 3600
        elif item == 0x04:
            self.initiator.retries = values[0]
        elif item == 0x05:
            self.initiator.activations = values[2]
        return b""

    async def _list(self, data: bytes) -> bytes:
        self.target.off()
        if data[1] != 0:  # another modulation
            return b"\x00"
        self._registers.update({_TX_MODE: _CRC, _RX_MODE: _CRC})  # the selection ends with them on
        found = await self.initiator.find(self._parameters, data[2:])
        return b"\x00" if found is None else b"\x01" + found

    async def _poll(self, data: bytes) -> bytes:
        """InAutoPoll: of the types that are polled for, those of type A."""
        self.target.off()
        tries = itertools.count() if data[0] == 0xFF else range(data[0])
        before, self.initiator.activations = self.initiator.activations, 0
        try:
            for _ in tries:
                for kind in data[2:]:
                    found = await self.initiator.find(self._parameters, b"") if kind & 0x0F == 0 else None
                    if found:
                        return bytes((1, kind, len(found))) + found
                await asyncio.sleep(data[1] * 0.15)
            return b"\x00"
        finally:
            self.initiator.activations = before

    async def _exchange(self, data: bytes) -> bytes:
        answer, more = await self.initiator.exchange(data[1:], bool(data[0] & 0x40))
        return bytes((0x40 if more else 0,)) + answer

    async def _through(self, data: bytes) -> bytes:
        return b"\x00" + await self.initiator.through(data, bool(self._registers[_TX_MODE] & _CRC))

    async def _release(self, data: bytes) -> bytes:
        self.target.off()
        await self.initiator.release()
        return b"\x00"

    async def _select(self, data: bytes) -> bytes:
        return b"\x00" if self.initiator.card else b"\x27"

    async def _init(self, data: bytes) -> bytes:
        if len(data) < 37 or len(data) != 37 + data[35] + data[36 + data[35]]:
            raise _Syntax
        self.initiator.field(False)
        return await self.target.init(data, bool(self._parameters & _IS_PICC))

    async def _get(self, data: bytes) -> bytes:
        command, more = await self.target.get()
        return bytes((0x40 if more else 0,)) + command

    async def _put(self, data: bytes) -> bytes:
        self.target.put(data)
        return b"\x00"

    async def _get_frame(self, data: bytes) -> bytes:
        return b"\x00" + (await self.target.get())[0]

    async def _reply(self, data: bytes) -> bytes:
        self.target.reply(data)
        return b"\x00"

    async def _target_status(self, data: bytes) -> bytes:
        return bytes((self.target.is_on, 0))


def _rising(byte: int) -> int:
    """Rising edges of a byte on a serial line: it starts low, the least bit comes first, and it ends high."""
    levels = [0, *(byte >> bit & 1 for bit in range(8)), 1]
    return sum(after > before for before, after in itertools.pairwise(levels))
