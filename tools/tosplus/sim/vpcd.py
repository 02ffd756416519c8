"""The card of a simulated device, in a PC/SC reader: a reader in the device's field, and what it finds in pcscd's vpcd.

vpcd is a driver of pcscd (vsmartcard) that listens on TCP; who connects is a card. Each message has its length before
it, two bytes. Of the reader's, one byte is an order: 0 power off, 1 power on, 2 reset, 4 say the ATR; what is longer is
a command APDU. The card answers the ATR and APDUs. It is in the reader as long as the device emulates one.
"""

import asyncio
import contextlib
import socket
from pathlib import Path

from .pn532.air import Antenna
from .pn532.initiator import Initiator
from .pn532.isodep import Failed

PORT = 0x8C7B
ATR = bytes.fromhex("3b00")  # without TA1 and its like it speaks T=0, which some tools insist on

_LOOK_S = 0.1
_FRAME_B = 256
_TRIES = 20
_AUTO_RATS = 0x10
_R_NAK = b"\xb2"  # ISO/IEC 14443-4: is the card still there?
_OFF, _ON, _RESET, _ATR = 0, 1, 2, 4


async def serve(air: Path, host: str = "127.0.0.1", port: int = PORT) -> None:
    """Until it is cancelled. air: the device's field. host, port: of vpcd, which need not be there yet."""

    async def hear(frame: bytes) -> None:
        return None

    async with Antenna(air, hear, lambda carrier: None) as antenna:
        reader = Initiator(antenna.ask, antenna.carry, _FRAME_B)
        reader.retries = 3
        while True:
            if await _finds(reader):
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, Failed):
                    await _insert(reader, host, port)
                reader.field(False)
            await asyncio.sleep(_LOOK_S)


async def _finds(reader: Initiator) -> bool:
    reader.activations = _TRIES
    return await reader.find(_AUTO_RATS, b"") is not None


async def _insert(reader: Initiator, host: str, port: int) -> None:
    """Be a card in vpcd, until one of them is gone: an exception says so."""
    lines, writer = await asyncio.open_connection(host, port)
    line: socket.socket = writer.get_extra_info("socket")
    try:
        while True:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # else its two writes cost 40 ms
            message = await lines.readexactly(int.from_bytes(await lines.readexactly(2), "big"))
            answer = await _answer(reader, message)
            if answer is not None:
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
    finally:
        writer.close()


async def _answer(reader: Initiator, message: bytes) -> bytes | None:
    """Raises Failed when the device has no card any more."""
    if len(message) != 1:
        answer, more = await reader.exchange(message, False)
        return answer
    order = message[0]
    if order == _ATR:  # pcscd asks for it to know whether there is a card
        if reader.card is not None:
            try:
                await reader.through(_R_NAK, True)
            except Failed:  # a process may have had no turn for a second; who has left says so at once, and again
                await reader.through(_R_NAK, True)
        return ATR
    if order in (_OFF, _RESET):
        reader.field(False)
    if order in (_ON, _RESET) and reader.card is None and not await _finds(reader):
        raise Failed(0x01)
    return None
