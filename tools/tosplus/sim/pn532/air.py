"""The field between two simulated PN532: a Unix socket through which the chips of several processes meet.

Frames are those of the radio, with their checksums. Whoever is asked says what it answers, or that it stays silent; so
that nobody waits for the silence of a field in which there is nobody.
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import anyio


def crc_a(data: bytes) -> bytes:
    """ISO/IEC 14443-3 annex B: CRC_A of the data, as it is sent."""
    crc = 0x6363
    for byte in data:
        byte ^= crc & 0xFF
        byte ^= byte << 4 & 0xFF
        crc = crc >> 8 ^ byte << 8 ^ byte << 3 ^ byte >> 4
    return crc.to_bytes(2, "little")


@dataclass(frozen=True)
class Heard:
    """from_reader: whose frame it was. whole: whether it arrived."""

    from_reader: bool
    data: bytes
    whole: bool = True


class Air:
    """Serves the field at a path. `record` has every frame, which `heard` is told of; `lose_after` and `lose` break it.

    lose_after: the field is lost at this byte, counted over both directions; None: never. It comes back by `touch`.
    lose: numbers of frames, counted from 0, that do not arrive.
    """

    def __init__(self, path: Path, heard: Callable[["Heard"], None] = lambda frame: None) -> None:
        self.path = path
        self._heard = heard
        self.record: list[Heard] = []
        self.lose_after: int | None = None
        self.lose: set[int] = set()
        self.is_near = True
        self._members: dict[asyncio.StreamWriter, dict[int, asyncio.Future[bytes | None]]] = {}
        self._carriers: set[asyncio.StreamWriter] = set()
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Air":
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        for writer in list(self._members):
            writer.close()
        while self._members:
            await asyncio.sleep(0)

    def bytes_over(self) -> int:
        return sum(len(heard.data) for heard in self.record)

    def part(self) -> None:
        """Card and reader are no longer near each other."""
        self.is_near = False
        self._tell_all(False)

    def touch(self) -> None:
        """Near again, and nothing is lost any more."""
        self.lose_after = None
        self.is_near = True
        for writer in self._carriers:
            self._tell_all(True, but=writer)

    def _tell_all(self, carrier: bool, but: asyncio.StreamWriter | None = None) -> None:
        for writer in self._members:
            if writer is not but and writer not in self._carriers:
                _send(writer, {"carrier": carrier})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._members[writer] = {}
        if self.is_near and self._carriers:
            _send(writer, {"carrier": True})
        try:
            while line := await reader.readline():
                message = json.loads(line)
                if "carrier" in message:
                    self._carry(writer, message["carrier"])
                elif "answers" in message:
                    waiting = self._members[writer].pop(message["answers"], None)
                    if waiting and not waiting.done():
                        waiting.set_result(_bytes(message["data"]))
                else:
                    task = asyncio.create_task(self._relay(writer, message["asks"], bytes.fromhex(message["data"])))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        except ConnectionError:
            pass
        finally:
            self._carry(writer, False)
            for waiting in self._members.pop(writer).values():
                if not waiting.done():
                    waiting.set_result(None)
            writer.close()

    def _carry(self, writer: asyncio.StreamWriter, on: bool) -> None:
        if on == (writer in self._carriers):
            return
        (self._carriers.add if on else self._carriers.discard)(writer)
        if self.is_near and (on or not self._carriers):
            self._tell_all(on, but=writer)

    async def _relay(self, asker: asyncio.StreamWriter, number: int, data: bytes) -> None:
        answer = None
        if self._passes(True, data):
            for writer, answers in list(self._members.items()):
                if writer is asker or writer in self._carriers:
                    continue
                asked = next(self._numbers)
                answers[asked] = asyncio.get_running_loop().create_future()
                _send(writer, {"asks": asked, "data": data.hex()})
                heard = await answers[asked]
                if heard is not None and answer is None and self._passes(False, heard):
                    answer = heard
        if asker in self._members:
            _send(asker, {"answers": number, "data": None if answer is None else answer.hex()})

    def _passes(self, from_reader: bool, data: bytes) -> bool:
        """Whether the frame arrives; it is counted, and the field may be lost in the middle of it."""
        if not self.is_near:
            return False
        left = None if self.lose_after is None else self.lose_after - self.bytes_over()
        whole = (left is None or len(data) <= left) and len(self.record) not in self.lose
        self.record.append(Heard(from_reader, data if left is None else data[: max(0, left)], whole))
        self._heard(self.record[-1])
        if left is not None and len(data) > left:
            self.part()
        return whole


class Antenna:
    """A chip's place in the field. hear: what it answers to a reader's frame, None for nothing. carrier: takes whether
    there is a field now. is_near: whether it is near the others, as it is at first."""

    def __init__(self, path: Path, hear: Callable[[bytes], Awaitable[bytes | None]], carrier: Callable[[bool], None]):
        self._path = path
        self._hear = hear
        self._carrier = carrier
        self.is_near = True
        self._carries = self._felt = False
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[bytes | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Antenna":
        self._reader, self._writer = await asyncio.open_unix_connection(self._path)
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in (self._listening, *self._tasks):
            task.cancel()
        self._writer.close()

    def carry(self, on: bool) -> None:
        self._carries = on
        if self.is_near:
            _send(self._writer, {"carrier": on})

    def move(self, near: bool) -> None:
        """To the others, or away from them, also in the middle of a tap."""
        if near != self.is_near:
            self.is_near = near
            if self._carries:
                _send(self._writer, {"carrier": near})
            if self._felt:
                self._carrier(near)

    async def ask(self, frame: bytes, timeout_s: float) -> bytes | None:
        """What a card answers, or None."""
        if not self.is_near:
            return None
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        _send(self._writer, {"asks": number, "data": frame.hex()})
        try:
            with anyio.move_on_after(timeout_s):
                return await self._waiting[number]
            return None
        finally:
            del self._waiting[number]

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await self._reader.readline():
                message = json.loads(line)
                if "carrier" in message:
                    self._felt = message["carrier"]
                    if self.is_near:
                        self._carrier(self._felt)
                elif "answers" in message:
                    waiting = self._waiting.get(message["answers"])
                    if waiting and not waiting.done():
                        waiting.set_result(_bytes(message["data"]))
                else:
                    task = asyncio.create_task(self._answer(message["asks"], bytes.fromhex(message["data"])))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _answer(self, number: int, frame: bytes) -> None:
        heard = await self._hear(frame) if self.is_near else None
        if not self.is_near:
            heard = None  # in the middle of it
        _send(self._writer, {"answers": number, "data": None if heard is None else heard.hex()})


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    with contextlib.suppress(ConnectionError):
        writer.write(json.dumps(message).encode() + b"\n")
