"""The wire between a simulated device and its supply: datagrams of JSON on loopback. The device tells, and is asked."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from ..ports import HOST

Address = tuple[str, int]

_RESEND_S = 0.5


class Wire(asyncio.DatagramProtocol):
    """heard: called with (message, from where) for all that the device tells unasked.

    peer: where the device is asked, once it has said hello.
    """

    def __init__(self, heard: Callable[[dict[str, Any], Address], None]) -> None:
        self.peer: Address | None = None
        self._heard = heard
        self._transport: asyncio.DatagramTransport | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._asked = 0

    async def open(self) -> int:
        """For one process of the device -> our port. The next has another: nobody hears the last words of the one
        before."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def close(self) -> None:
        """The process has ended. Who has asked waits for the next."""
        if self._transport:
            self._transport.close()
        self._transport = self.peer = None

    async def ask(self, op: str, timeout_s: float, arguments: dict[str, Any]) -> dict[str, Any]:
        """One request, see tos/ports/unix/control.py -> its answer. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        self._asked += 1
        request = {"id": self._asked, "op": op, **arguments}
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[self._asked] = answered
        try:
            while not answered.done():
                if time.monotonic() > deadline:
                    raise TimeoutError
                if self._transport and self.peer:
                    self._transport.sendto(json.dumps(request, ensure_ascii=False).encode(), self.peer)
                await asyncio.wait({answered}, timeout=_RESEND_S)
        finally:
            del self._answers[request["id"]]
        return answered.result()

    def answer_all(self, answer: dict[str, Any]) -> None:
        """In the device's place."""
        for answered in self._answers.values():
            if not answered.done():
                answered.set_result(answer)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        message = json.loads(data)
        if "id" in message:
            answered = self._answers.get(message["id"])
            if answered and not answered.done():
                answered.set_result(message)
            return
        if message.get("hello") == "control":
            self.peer = addr
        self._heard(message, addr)
