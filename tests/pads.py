"""A game pad for tests, of others' code: aiocoap's OSCORE, struct, and a socket of its own. CPython."""

import asyncio
import socket
import struct

import aiocoap
from aiocoap.message import Direction

A, BACK, UP, DOWN = 1, 1 << 8, 1 << 12, 1 << 13


def record(sequence, buttons=0, left=(0, 0), right=(0, 0), triggers=(0, 0)):
    """The ten bytes of docs/protocol.md as a byte string of CBOR."""
    return b"\x4a" + struct.pack("<HH4b2B", sequence & 0xFFFF, buttons, *left, *right, *triggers)


class Pad:
    """Sends to address ("127.0.0.1", port). credentials: as those of tosplus.link.client; without, in the clear."""

    def __init__(self, address, credentials=None):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(address)
        self._socket.setblocking(False)
        self._credentials = credentials
        self._mid = 0
        self._asked = None
        self.sequence = 0

    def send(self, buttons=0, payload=None, **about):
        """A record as the protocol wants it: not confirmable, no token, no format -> the datagram."""
        self.sequence += 1
        return self.put(record(self.sequence, buttons, **about) if payload is None else payload)

    def put(self, payload, **options):
        message = aiocoap.Message(code=aiocoap.PUT, payload=payload, **options)
        message.opt.uri_path = ("i",)
        message.direction = Direction.OUTGOING
        if self._credentials:
            message, self._asked = self._credentials.protect(message)
        message.mtype, message.mid, message.token = aiocoap.NON, self._mid, b""
        self._mid = self._mid + 1 & 0xFFFF
        datagram = message.encode()
        self._socket.send(datagram)
        return datagram

    def send_again(self, datagram):
        self._socket.send(datagram)

    async def hears(self, timeout_s=60):
        """-> the next answer, opened; None when none comes."""
        try:
            datagram = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 1500), timeout_s)
        except asyncio.TimeoutError:
            return None
        message = aiocoap.Message.decode(datagram)
        if message.opt.oscore is None:
            return message
        message.direction = Direction.INCOMING
        return self._credentials.unprotect(message, self._asked)[0]

    async def begin(self):
        """Shows a device that has started that we are there, by the Echo that it wants to see."""
        self.send()
        answer = await self.hears()
        assert answer.code == aiocoap.UNAUTHORIZED and answer.opt.echo
        self.sequence += 1
        self.put(record(self.sequence), echo=answer.opt.echo)
        assert await self.hears(0.2) is None

    def close(self):
        self._socket.close()
