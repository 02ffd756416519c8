"""A PN532 as a card: anticollision, and ISO-DEP by itself or by its host (UM0701-02 sections 7.3.14 to 7.3.20).

What its firmware does and what is left to the host depends on the mode: as a PICC (SetParameters bit 5) it answers
RATS and speaks ISO/IEC 14443-4, and the host sees whole commands; else the host sees each frame after the selection.
"""

import asyncio

from . import isodep
from .air import crc_a
from .isodep import Failed, Picc

MOST_B = 262  # of data in one answer to the host

_RELEASED = 0x29
_REQA, _WUPA = b"\x26", b"\x52"
_ANTICOLLISION, _SELECT, _HALT = b"\x93\x20", b"\x93\x70", b"\x50\x00"
_RATS = 0xE0
_PICC_ONLY = 0x04
_IS_PICC = 0x08  # in the mode that is told
_FSCI = 5  # 64 B
_ATS = bytes((0x70 | _FSCI, 0x33, 0x92, 0x00))  # both ways up to 424 kbit/s, FWI 9, neither CID nor NAD


class Target:
    """frame_b: what it takes in one frame, 64 B in a real chip."""

    def __init__(self, frame_b: int = 64) -> None:
        self.frame_b = frame_b
        self._state = "off"
        self._is_picc = False
        self._picc: Picc | None = None
        self._arrived: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: released
        self._rest = b""
        self._reply: asyncio.Future[bytes | None] | None = None
        self._activated: asyncio.Future[bytes] | None = None

    @property
    def is_on(self) -> bool:
        """Whether a reader would find it, or has."""
        return self._state not in ("off", "released")

    @property
    def is_free(self) -> bool:
        return self._state in ("idle", "ready")

    async def init(self, parameters: bytes, is_picc: bool) -> bytes:
        """What TgInitAsTarget has: mode, SENS_RES, NFCID1t, SEL_RES ... -> mode and first command, once there is one.

        Cut short, it goes on answering readers until `off`.
        """
        self.off()
        self._mode = parameters[0]
        self._atqa, self._sak = parameters[1:3], parameters[6]
        self._uid = b"\x08" + parameters[3:6]  # section 7.3.14: the first byte is the chip's
        general_b = parameters[35]
        historical = parameters[37 + general_b : 37 + general_b + parameters[36 + general_b]]
        self._ats = bytes((1 + len(_ATS) + len(historical),)) + self._with_frame(_ATS) + historical
        self._is_picc = is_picc
        self._state = "idle"
        self._activated = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._activated)

    def _with_frame(self, ats: bytes) -> bytes:
        return bytes((ats[0] & 0xF0 | isodep.SIZES.index(self.frame_b),)) + ats[1:]

    def off(self) -> None:
        self._release()
        self._state = "off"
        self._activated = None
        self._arrived = asyncio.Queue()
        self._rest = b""

    async def get(self) -> tuple[bytes, bool]:
        """The next command, or frame -> (as much of it as the host may have at once, whether there is more)."""
        if not self._rest:
            if self._state not in ("active", "protocol") and self._arrived.empty():
                raise Failed(_RELEASED if self._state == "released" else 0x25)
            command = await self._arrived.get()
            if command is None:
                raise Failed(_RELEASED)
            self._rest = command
        data, self._rest = self._rest[:MOST_B], self._rest[MOST_B:]
        return data, bool(self._rest)

    def put(self, data: bytes) -> None:
        """TgSetData: a whole answer."""
        if not self._picc or not self._picc.is_selected:
            raise Failed(_RELEASED if self._state == "released" else 0x25)
        self._picc.answer(data)

    def reply(self, frame: bytes) -> None:
        """TgResponseToInitiator: one frame."""
        if not self._reply or self._reply.done():
            raise Failed(_RELEASED if self._state == "released" else 0x25)
        self._reply.set_result(frame)

    def carrier(self, on: bool) -> None:
        if not on and self.is_on:
            self._release()

    def _release(self) -> None:
        """The reader is gone, or let go. Once the host knew of it, it has to arm the chip again (status 29)."""
        if self._activated and self._activated.done():
            if self._state in ("active", "protocol"):
                self._arrived.put_nowait(None)
            self._state = "released"
        else:
            self._state = "idle"
        if self._picc:
            self._picc.forget()
        if self._reply and not self._reply.done():
            self._reply.set_result(None)
        self._picc = self._reply = None

    async def hear(self, frame: bytes) -> bytes | None:
        """A reader's frame -> what the card says."""
        if not self.is_on:
            return None
        if frame in (_REQA, _WUPA):
            if self._state == "idle":
                self._state = "ready"
                return self._atqa
            if self._state != "protocol":
                self._release()
            return None
        if self._state == "ready":
            return self._anticollide(frame)
        if self._state not in ("active", "protocol") or len(frame) < 3 or crc_a(frame[:-2]) != frame[-2:]:
            return None
        heard = await self._command(frame[:-2])
        return None if heard is None else heard + crc_a(heard)

    def _anticollide(self, frame: bytes) -> bytes | None:
        whole = self._uid + bytes((self._uid[0] ^ self._uid[1] ^ self._uid[2] ^ self._uid[3],))
        if frame == _ANTICOLLISION:
            return whole
        selection = _SELECT + whole
        if frame != selection + crc_a(selection):
            self._state = "idle"
            return None
        self._state = "active"
        sak = bytes((self._sak,))
        return sak + crc_a(sak)

    async def _command(self, data: bytes) -> bytes | None:
        if self._state == "protocol" and self._picc:
            heard = await self._picc.hear(data)
            if self._picc and not self._picc.is_selected:  # DESELECT
                self._release()
            return heard
        if data == _HALT:
            self._release()
            return None
        if self._is_picc and data[0] == _RATS and len(data) == 2:
            self._picc = Picc(self._arrived.put_nowait, isodep.SIZES[min(data[1] >> 4, 8)])
            self._state = "protocol"
            self._tell(bytes((_IS_PICC,)) + data)
            return self._ats
        if self._mode & _PICC_ONLY:
            return None
        self._reply = asyncio.get_running_loop().create_future()
        if self._activated and not self._activated.done():
            self._tell(b"\x00" + data)
        else:
            self._arrived.put_nowait(data)
        return await self._reply

    def _tell(self, told: bytes) -> None:
        """The host learns that there is a reader: once for each TgInitAsTarget."""
        if self._activated and not self._activated.done():
            self._activated.set_result(told)
