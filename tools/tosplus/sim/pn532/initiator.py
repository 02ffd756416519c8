"""A PN532 as a reader of type A cards: polling, selection, and exchanges (UM0701-02 sections 7.3.1 to 7.3.13)."""

import asyncio
from collections.abc import Awaitable, Callable

from . import isodep
from .air import crc_a
from .isodep import Failed, Pcd

MOST_B = 262

_SLOWER = 20  # than the radio's: a process takes longer than a card, and silence is told at once
_POLL_S = 0.01
_AUTO_RATS = 0x10  # of SetParameters
_ISO_DEP = 0x20  # of SEL_RES


class Initiator:
    """ask: sends a frame -> what is answered, None for silence. carry: switches the field. frame_b: what it takes."""

    def __init__(
        self, ask: Callable[[bytes, float], Awaitable[bytes | None]], carry: Callable[[bool], None], frame_b: int = 64
    ) -> None:
        self._ask = ask
        self._carry = carry
        self.frame_b = frame_b
        self.is_carrying = False
        self.card: bytes | None = None  # uid of the one that is selected
        self.activations = 0xFF  # RFConfiguration item 5: tries of an activation after the first; 255 for ever
        self.retries = 0  # item 4
        self.timeout_s = 0.0512  # item 2
        self._pcd: Pcd | None = None
        self._begun = b""
        self._rest = b""

    def field(self, on: bool) -> None:
        if on != self.is_carrying:
            self.is_carrying = on
            self._carry(on)
        if not on:
            self.card = self._pcd = None

    async def find(self, parameters: int, uid: bytes) -> bytes | None:
        """InListPassiveTarget at 106 kbit/s: -> the target's data; None when there is no card, after so many tries.

        uid: of the card that is meant, b"" for any.
        """
        if self.card is not None:
            self.field(False)
        self.field(True)
        tries = self.activations
        while True:
            found = await self._select(parameters, uid)
            if found or tries == 0:
                return found
            if tries != 0xFF:
                tries -= 1
            await asyncio.sleep(_POLL_S)

    async def _select(self, parameters: int, uid: bytes) -> bytes | None:
        atqa = await self._send(b"\x26")
        if atqa is None or len(atqa) != 2:
            return None
        whole = await self._send(b"\x93\x20")
        if whole is None or len(whole) != 5 or whole[0] ^ whole[1] ^ whole[2] ^ whole[3] != whole[4]:
            return None
        if uid and uid != whole[:4]:
            return None
        sak = await self._exchange(b"\x93\x70" + whole)
        if sak is None or len(sak) != 1:
            return None
        self.card = whole[:4]
        self._begun = self._rest = b""
        found = b"\x01" + atqa[::-1] + sak + b"\x04" + whole[:4]
        if not parameters & _AUTO_RATS or not sak[0] & _ISO_DEP:
            return found
        ats = await self._exchange(bytes((0xE0, isodep.SIZES.index(self.frame_b) << 4)))
        if not ats or ats[0] != len(ats):
            return None
        # Without T0 a card takes 32 B.
        frame_b = isodep.SIZES[min(ats[1] & 15, 8)] if len(ats) > 1 else 32
        self._pcd = Pcd(self._exchange, frame_b, self.retries)
        return found + ats

    async def exchange(self, data: bytes, more: bool) -> tuple[bytes, bool]:
        """InDataExchange: a command, or a part of one -> (as much of the answer as fits, whether there is more)."""
        if self.card is None:
            raise Failed(0x27)
        if not self._rest:
            self._begun += data
            if more:
                return b"", False
            whole, self._begun = self._begun, b""
            self._rest = await (self._pcd.exchange(whole) if self._pcd else self.through(whole, True))
        answer, self._rest = self._rest[:MOST_B], self._rest[MOST_B:]
        return answer, bool(self._rest)

    async def through(self, data: bytes, has_crc: bool) -> bytes:
        """InCommunicateThru: one frame as it is."""
        self.field(True)
        heard = await (self._exchange(data) if has_crc else self._send(data))
        if heard is None:
            raise Failed(0x01)
        return heard

    async def release(self) -> None:
        if self._pcd:
            await self._pcd.deselect()
        self.card = self._pcd = None

    async def _send(self, frame: bytes) -> bytes | None:
        return await self._ask(frame, self.timeout_s * _SLOWER) if self.is_carrying else None

    async def _exchange(self, data: bytes) -> bytes | None:
        """A frame with its CRC -> what is answered, without; None also when it is damaged."""
        heard = await self._send(data + crc_a(data))
        if heard is None or len(heard) < 3 or crc_a(heard[:-2]) != heard[-2:]:
            return None
        return heard[:-2]
