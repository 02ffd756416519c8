"""ISO/IEC 14443-4 as the PN532's own firmware speaks it on the radio, both sides: chaining, retries, WTX, DESELECT.

Blocks are without their CRC here. Rule numbers are those of ISO/IEC 14443-4 section 7.5.4.
"""

import asyncio
from collections.abc import Awaitable, Callable

SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)  # of frames, by FSDI and FSCI: tables 1 and 5
DESELECT = 0xC2

_I, _MORE, _R_ACK, _R_NAK, _WTX, _PPS = 0x02, 0x10, 0xA2, 0xB2, 0xF2, 0xD0
_OVERHEAD_B = 3  # PCB and CRC
_WTX_S = 0.04  # a quarter of the waiting time that the ATS promises


class Failed(Exception):
    """status: as the chip tells it to its host, UM0701-02 table 2."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:#04x}")
        self.status = status


def pieces(data: bytes, frame_b: int) -> list[bytes]:
    """What fits into one block each; at least one."""
    most = frame_b - _OVERHEAD_B
    return [data[at : at + most] for at in range(0, len(data), most)] or [b""]


class Pcd:
    """The reader's side. ask: sends a block -> the answer, or None when there was none or it was damaged.

    frame_b: what the card takes. retries: how often a silence is asked after (MaxRtyCOM).
    """

    def __init__(self, ask: Callable[[bytes], Awaitable[bytes | None]], frame_b: int, retries: int) -> None:
        self._ask = ask
        self._frame_b = frame_b
        self._retries = retries
        self._number = 0

    async def exchange(self, data: bytes) -> bytes:
        """A whole command -> the whole answer. Raises Failed."""
        answer = b""
        parts = pieces(data, self._frame_b)
        for n, part in enumerate(parts):
            more = n + 1 < len(parts)
            block = bytes((_I | (_MORE if more else 0) | self._number,)) + part
            answer = await self._pass(block)
            is_ack = answer[0] & 0xFE == _R_ACK
            if is_ack != more:
                raise Failed(0x0B)
            self._number ^= 1
        whole = answer[1:]
        while answer[0] & _MORE:
            answer = await self._pass(bytes((_R_ACK | self._number,)))
            if answer[0] & 0xEE != _I:
                raise Failed(0x0B)
            self._number ^= 1
            whole += answer[1:]
        return whole

    async def _pass(self, block: bytes) -> bytes:
        """One block of ours and what follows it, until it is answered with our block number."""
        sent, tries = block, 0
        while True:
            answer = await self._ask(sent)
            if not answer:
                if tries == self._retries:
                    raise Failed(0x01)
                tries += 1
                sent = block if block[0] & 0xF0 == _R_ACK & 0xF0 else bytes((_R_NAK | self._number,))  # rules 4, 5
                continue
            if answer[0] & 0xF7 == _WTX & 0xF7:
                sent = answer[:1] + bytes((answer[1] & 0x3F,))
                continue
            if answer[0] & 0xFE == _R_ACK and answer[0] & 1 != self._number:  # rule 6: it has not heard our block
                if tries == self._retries:
                    raise Failed(0x0B)
                tries += 1
                sent = block
                continue
            if answer[0] & 1 != self._number:
                raise Failed(0x0B)
            return answer

    async def deselect(self) -> None:
        await self._ask(bytes((DESELECT,)))


class Picc:
    """The card's side. command: takes a whole command; `answer` brings what the host says to it. While the host takes
    its time, more of it is asked for (WTX).

    frame_b: what the reader takes.
    """

    def __init__(self, command: Callable[[bytes], None], frame_b: int) -> None:
        self._command = command
        self._frame_b = frame_b
        self._number = 1
        self._chained = b""
        self._last: bytes | None = None
        self._parts: list[bytes] = []
        self._answer: asyncio.Future[bytes] | None = None
        self.is_selected = True

    def answer(self, data: bytes) -> None:
        """The host's answer to the command. Raises Failed when there was none."""
        if not self._answer or self._answer.done():
            raise Failed(0x25)
        self._answer.set_result(data)

    def forget(self) -> None:
        """The field is gone."""
        self.is_selected = False
        if self._answer:
            self._answer.cancel()

    async def hear(self, block: bytes) -> bytes | None:
        """A block -> what is sent back, None for nothing. CID and NAD are not used, as the ATS says."""
        if not block:
            return None
        pcb = block[0]
        if pcb & 0xEE == _I:
            return await self._information(pcb, block[1:])
        if pcb & 0xE6 == _R_ACK & 0xE6:
            return await self._supervise(pcb)
        if pcb == DESELECT:
            self.is_selected = False
            return block
        if pcb == _WTX and self._answer:
            return await self._wait()
        if pcb & 0xF0 == _PPS:
            return block[:1]
        return None

    async def _information(self, pcb: int, data: bytes) -> bytes | None:
        self._number ^= 1  # rule D
        self._chained += data
        if pcb & _MORE:
            self._last = bytes((_R_ACK | self._number,))
            return self._last
        whole, self._chained = self._chained, b""
        self._parts = []
        self._answer = asyncio.get_running_loop().create_future()
        self._command(whole)
        return await self._wait()

    async def _supervise(self, pcb: int) -> bytes | None:
        if pcb & 1 == self._number:  # rule 11
            return self._last
        if pcb & 0x10:  # R(NAK) of the other number, rule 12
            return bytes((_R_ACK | self._number,))
        self._number ^= 1  # rules E and 13
        if self._parts:
            return self._next()
        return await self._wait() if self._answer else None

    async def _wait(self) -> bytes | None:
        """The first block of the host's answer, or a request for more time."""
        assert self._answer
        done, _ = await asyncio.wait((self._answer,), timeout=_WTX_S)
        if not done:
            self._last = bytes((_WTX, 1))
            return self._last
        if self._answer.cancelled():
            return None
        self._parts = pieces(self._answer.result(), self._frame_b)
        self._answer = None
        return self._next()

    def _next(self) -> bytes:
        part = self._parts.pop(0)
        self._last = bytes((_I | (_MORE if self._parts else 0) | self._number,)) + part
        return self._last
