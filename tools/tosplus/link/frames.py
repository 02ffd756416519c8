"""The datagrams between one client and a device as they are on the wire: a relay before the device, and a reader.

The relay stands outside of the client's library, so that retransmissions and what the library would drop show as well.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import aiocoap

from ..errors import UsageFault
from ..ports import HOST
from . import oscore
from .client import Client
from .explain import Explained, coap

if TYPE_CHECKING:
    from .secure import Credentials

Seen = Callable[[str, bytes], None]


async def watch(
    host: str, port: int, context: oscore.Context | None = None, credentials: "Credentials | None" = None
) -> AsyncGenerator[tuple[float, str, bytes, Explained], None]:
    """What passes while a Client watches the device: (s since the start, "to" or "from" it, datagram, its words).

    credentials: secured, as for a Client; context: of the same key, opens what is seen then.
    Raises what Client.watch raises. Ends with the caller.
    """
    began = time.monotonic()
    passed: asyncio.Queue[tuple[float, str, bytes] | None] = asyncio.Queue()

    async def follow() -> None:
        try:
            async for _ in client.watch():
                pass
        finally:
            passed.put_nowait(None)

    reader = Reader(context)
    async with (
        relay(host, port, lambda *seen: passed.put_nowait((time.monotonic() - began, *seen))) as here,
        Client(*here, credentials=credentials) as client,
    ):
        following = asyncio.create_task(follow())
        try:
            while one := await passed.get():
                at_s, way, frame = one
                yield round(at_s, 3), way, frame, reader.read(way, frame)
            await following
        finally:
            while not following.done():  # wait_for drops a cancellation that comes together with its result
                following.cancel()
                await asyncio.wait({following}, timeout=0.1)


@contextlib.asynccontextmanager
async def relay(host: str, port: int, seen: Seen) -> AsyncIterator[tuple[str, int]]:
    """Yields the address that stands for the device, for one client at a time.

    seen("to" or "from", datagram) is called for each as it passes.
    """
    loop = asyncio.get_running_loop()
    clients: list[Any] = []  # the address of the latest

    def asked(datagram: bytes, client: Any) -> None:
        clients[:] = [client]
        seen("to", datagram)
        outside.sendto(datagram)

    def answered(datagram: bytes, device: Any) -> None:
        seen("from", datagram)
        if clients:
            inside.sendto(datagram, clients[0])

    outside, _ = await loop.create_datagram_endpoint(lambda: _Each(answered), remote_addr=(host, port))
    try:
        inside, _ = await loop.create_datagram_endpoint(lambda: _Each(asked), local_addr=(HOST, 0))
        try:
            yield inside.get_extra_info("sockname")
        finally:
            inside.close()
    finally:
        outside.close()


class _Each(asyncio.DatagramProtocol):
    """A device that is off makes errors here too; the client tells them by the answers that do not come."""

    def __init__(self, heard: Callable[[bytes, Any], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._heard(data, addr)


class Reader:
    """Frames in words. It remembers what was asked under each token, so that an answer has the words of its path.

    context: opens what is secured.
    """

    def __init__(self, context: oscore.Context | None = None) -> None:
        self._context = context
        self._requests: dict[bytes, bytes] = {}

    def read(self, way: str, frame: bytes) -> Explained:
        """way: "to" or "from" the device. What is malformed is told as that."""
        try:
            token = aiocoap.Message.decode(frame).token
            if way == "to" and frame[1]:
                self._requests[token] = frame
            request = self._requests.get(token) if way == "from" and frame[1] else None
            try:
                return coap(frame, context=self._context, request=request)
            except UsageFault:  # of another key, or its request was not seen
                return coap(frame, request=request)
        except (UsageFault, aiocoap.error.Error, ValueError) as e:
            return Explained(f"{len(frame)} bytes that are no CoAP message: {e}", [frame.hex()], {"malformed": str(e)})
