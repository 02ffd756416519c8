"""The way to a device: through the hub's relay, end to end by OSCORE (RFC 8613). The hub reads nothing of it."""

import asyncio
from typing import Any, NamedTuple

import aiocoap
import aiocoap.error
import anyio
import cbor2
from aiocoap import Message, oscore
from aiocoap.numbers import codes

from ..errors import HostError, Unreachable
from ..link.pair import Asker, PairError
from ..link.pairing_code import Code
from ..words import WORDS
from .rows import Missing
from .service import Service

ROLE, NAME = "token-service", "token service"
_ANSWER_S = 30.0
_CBOR = 60


class Asleep(Unreachable):
    """It cannot be reached for so long, s."""

    def __init__(self, words: str, wait_s: float) -> None:
        super().__init__(words)
        self.wait_s = wait_s


class Stranger(Unreachable):
    """Whoever answers has not our key, or does not show it: worth no more than no answer."""


class Declined(HostError):
    """The device's answer, by our key but while we pair. code: of CoAP."""

    def __init__(self, code: Any, payload: bytes) -> None:
        super().__init__(f"the device answers {code}{_why(payload)}")
        self.code, self.payload = code, payload


def _why(payload: bytes) -> str:
    """What the code in an error's payload says, see words.py; empty where there is none."""
    word = WORDS.get(int(payload[:3])) if payload[:3].isdigit() else None
    return f": {word.text}\n{word.hint}".rstrip() if word else ""


class Answer(NamedTuple):
    code: Any
    told: Any  # of its CBOR, or None


class Devices:
    """hub: where its CoAP is. An async context."""

    def __init__(self, service: Service, hub: tuple[str, int]) -> None:
        self._contexts, self._hub = service.contexts, hub

    async def __aenter__(self) -> "Devices":
        self._coap = await aiocoap.Context.create_client_context()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._coap.shutdown()

    async def ask(self, id: str, code: Any, path: str, told: Any = None, unproven: bool = False) -> Answer:
        """Raises Unreachable, Stranger, Asleep, Declined, Missing: there is no key with it; HostError."""
        keys = await asyncio.to_thread(self._contexts.of, id, unproven)
        echo = None
        for _ in range(2):
            payload = b"" if told is None else cbor2.dumps(told)
            request = Message(code=code, uri=f"coap://device/{path}", payload=payload)
            if told is not None:
                request.opt.content_format = _CBOR
            request.opt.echo = echo
            sealed, asked = await asyncio.to_thread(keys.protect, request)
            answer = await self._send(id, sealed)
            if answer.opt.oscore is None:
                raise Stranger(f"somebody without our key answers {answer.code}")
            try:
                found, _ = keys.unprotect(answer, asked)
            except oscore.ProtectionInvalid:
                raise Unreachable("an answer that is not the device's") from None
            if found.code is not codes.UNAUTHORIZED or found.opt.echo is None:
                break
            echo = found.opt.echo
        if not found.code.is_successful():
            raise Declined(found.code, found.payload)
        try:
            return Answer(found.code, cbor2.loads(found.payload) if found.payload else None)
        except Exception:  # of a decoder, whatever it meets
            raise HostError("the device answers what is no CBOR") from None

    async def pair(self, code: Code) -> None:
        """Until the device has shown that it has our key. Raises PairError, Unreachable, Asleep, Declined."""
        id = code.device_id
        if await self._proven(id) or await self._holds(id):
            return
        asker = Asker(code.secret, ROLE, NAME, await asyncio.to_thread(self._contexts.free_kid))
        second = await self._send(id, Message(code=codes.POST, uri="coap://device/p", payload=asker.m1))
        if not second.code.is_successful():
            raise Declined(second.code, second.payload)
        try:
            third, paired = asker.answer(second.payload)
        except PairError as e:
            await self._send(id, Message(code=codes.POST, uri="coap://device/p", payload=e.abandon))
            raise
        await asyncio.to_thread(self._contexts.expect, id, paired)  # from m3 on the device may have it
        await self._send(id, Message(code=codes.POST, uri="coap://device/p", payload=third))
        if not await self._proven(id):
            raise HostError("the device has not taken the key; try again")

    async def _proven(self, id: str) -> bool:
        """Whether it answers under the key that it may have; then that is the one."""
        if not await self._holds(id, unproven=True):
            return False
        await asyncio.to_thread(self._contexts.prove, id)
        return True

    async def _holds(self, id: str, unproven: bool = False) -> bool:
        """Whether it answers under the key that is here."""
        try:
            await self.ask(id, codes.GET, "y/token", unproven=unproven)
        except (Missing, Stranger):
            return False
        except Declined:  # it may not pay, but it is the one
            pass
        return True

    async def _send(self, id: str, message: Message) -> Message:
        host, port = self._hub
        where = f"[{host}]" if ":" in host else host
        onward = Message(code=message.code, payload=message.payload, uri=f"coap://{where}:{port}")
        onward.opt.uri_path = message.opt.uri_path
        onward.opt.oscore = message.opt.oscore
        onward.opt.proxy_scheme, onward.opt.uri_host = "coap", id
        try:
            asked = self._coap.request(onward, handle_blockwise=False).response
            with anyio.fail_after(_ANSWER_S):
                answer = await asked
        except (aiocoap.error.Error, TimeoutError):
            raise Unreachable(f"the hub at {where}:{port} does not answer\nIs it on? --hub says where it is.") from None
        if answer.opt.oscore is None and answer.code in (codes.SERVICE_UNAVAILABLE, codes.TOO_MANY_REQUESTS):
            raise Asleep(answer.payload.decode(errors="replace"), answer.opt.max_age or 60)
        if answer.opt.oscore is None and answer.code in (codes.GATEWAY_TIMEOUT, codes.NOT_FOUND):
            raise Unreachable(answer.payload.decode(errors="replace"))
        return answer
