"""A client for one device: resources by path, refusals in words."""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Any

import aiocoap
import aiocoap.error
import cbor2
from aiocoap import GET, PUT, Message

from ..errors import HostError, Unreachable, UsageFault
from ..words import WORDS
from .schema import Events, Identity, Log, Resource, Rule, Value

_CBOR = 60  # content format, RFC 8949 section 9.4
_BODY_B = 1024  # what every device takes in one datagram
_ANSWER_S = 5.0
_SILENT_S = 2.0  # an observed device that says nothing for this long is asked whether it still knows us
_RETRY_S = 0.5
_TRANSPORTS = ["udp6" if sys.platform == "linux" else "simple6"]


class LinkError(HostError):
    """The device refused. answer: CoAP code such as "4.04"; code: the device's own, see words.py, or None."""

    def __init__(self, answer: str, code: int | None, message: str) -> None:
        super().__init__(message)
        self.answer = answer
        self.code = code


class Client:
    """One device, by the address of its link.

        async with Client("127.0.0.1", 5683) as kettle:
            await kettle.set("power", True)
            async for state in kettle.watch():
                print(state)

    Every method raises LinkError if the device refuses and Unreachable if it does not answer.
    """

    def __init__(self, host: str, port: int) -> None:
        self._authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._identity: Identity | None = None

    async def __aenter__(self) -> "Client":
        self._context = await aiocoap.Context.create_client_context(transports=_TRANSPORTS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._context.shutdown()

    async def identity(self) -> Identity:
        """`/d`, read once; `watch` reads it again after the device was away."""
        if self._identity is None:
            self._identity = Identity.from_wire(await self._get("d"))
        return self._identity

    async def resource(self, path: str) -> Resource:
        """The row of a resource; LinkError 4.04 as the device itself would answer."""
        try:
            return (await self.identity()).resource(path)
        except KeyError:
            raise _refusal("4.04", f"331 {path}") from None

    async def state(self) -> dict[str, Value]:
        """{path: value}, in the order of the table."""
        return await self._by_path(await self._get("s"))

    async def get(self, path: str) -> Value:
        return await self._get(f"s/{path}")

    async def set(self, path: str, value: Value) -> None:
        await self._put(f"s/{path}", value)

    async def rules(self) -> list[Rule]:
        """The owner's rules, `/b`."""
        paths = {row.index: row.path for row in (await self.identity()).resources}
        return [Rule.from_wire(row, paths) for row in await self._get("b")]

    async def set_rules(self, rules: Sequence[Rule] | None) -> None:
        """All of them at once, or none; None brings the maker's back. They run on the device, whoever is connected."""
        if rules is None:
            await self._put("b", None)
            return
        indexes = {row.path: row.index for row in (await self.identity()).resources}
        rows = []
        for n, rule in enumerate(rules, 1):
            try:
                rows.append(rule.to_wire(indexes))
            except KeyError as e:
                raise _refusal("4.00", f"331 rule {n}, {e.args[0]}") from None
        if len(cbor2.dumps(rows)) > _BODY_B:
            raise UsageFault(f"these rules do not fit a datagram: {len(cbor2.dumps(rows))} of {_BODY_B} bytes")
        await self._put("b", rows)

    async def events(self) -> Events:
        """`/e`, the latest that happened."""
        return Events.from_wire(await self._get("e"), (await self.identity()).resources)

    async def log(self) -> Log:
        return Log.from_wire(await self._get("l"))

    async def core(self) -> str:
        """`/.well-known/core`, link format (RFC 6690)."""
        request = Message(code=GET, uri=self._uri(".well-known/core"))
        return (await self._ask(self._context.request(request))).payload.decode()

    async def watch(self) -> AsyncGenerator[dict[str, Value] | None, None]:
        """The state at once and after each change; None once when the device stops answering. Ends with the caller."""
        last: dict[str, Value] | None = {}
        while True:
            try:
                async with contextlib.aclosing(self._observe("s")) as payloads:
                    async for payload in payloads:
                        state = await self._by_path(payload)
                        if state != last:
                            last = state
                            yield state
            except Unreachable:
                self._identity = None  # it may come back as another version
                if last is not None:
                    last = None
                    yield None
            await asyncio.sleep(_RETRY_S)  # a device with too many observers answers each time, and no more

    async def _observe(self, path: str) -> AsyncGenerator[Any, None]:
        """Payloads, until the device ends the observation or has forgotten it, as it does when it restarts."""
        request = self._context.request(Message(code=GET, uri=self._uri(path), observe=0))
        notifications = aiter(request.observation)
        following: asyncio.Future[Message] | None = None
        try:
            payload = _payload(await self._ask(request))
            while True:
                yield payload
                following = asyncio.ensure_future(anext(notifications))
                following.add_done_callback(lambda done: done.cancelled() or done.exception())
                while not (await asyncio.wait({following}, timeout=_SILENT_S))[0]:
                    if await self._get(path) != payload:
                        return
                payload = _payload(_checked(following.result()))
        except (StopAsyncIteration, aiocoap.error.Error):
            return
        finally:
            if following:
                following.cancel()
            if not request.observation.cancelled:
                request.observation.cancel()

    async def _get(self, path: str) -> Any:
        request = self._context.request(Message(code=GET, uri=self._uri(path)))
        return _payload(await self._ask(request))

    async def _put(self, path: str, value: Any) -> None:
        request = Message(code=PUT, uri=self._uri(path), payload=cbor2.dumps(value), content_format=_CBOR)
        await self._ask(self._context.request(request, handle_blockwise=False))

    async def _ask(self, request: Any) -> Message:
        try:
            return _checked(await asyncio.wait_for(request.response, _ANSWER_S))
        except (asyncio.TimeoutError, aiocoap.error.NetworkError):
            raise Unreachable(f"no answer from coap://{self._authority}\nIs it on? `tos dev ls` shows.") from None

    def _uri(self, path: str) -> str:
        return f"coap://{self._authority}/{path}"

    async def _by_path(self, wire: dict[int, Value]) -> dict[str, Value]:
        return {row.path: wire[row.index] for row in (await self.identity()).resources if row.index in wire}


def _payload(response: Message) -> Any:
    try:
        return cbor2.loads(response.payload)
    except cbor2.CBORDecodeError as e:
        raise HostError(f"the device sent what is not CBOR: {response.payload.hex()} ({e})") from None


def _checked(response: Message) -> Message:
    if response.code.is_successful():
        return response
    raise _refusal(response.code.dotted, response.payload.decode(errors="replace"))


def _refusal(answer: str, diagnostic: str) -> LinkError:
    """What a diagnostic payload such as "334 power" says."""
    found = re.fullmatch(r"(\d{3})(?: (.*))?", diagnostic, re.DOTALL)
    if not found or int(found[1]) not in WORDS:
        return LinkError(answer, None, f"the device answers {answer}: {diagnostic or 'without a reason'}")
    code, detail = int(found[1]), found[2] or ""
    word = WORDS[code]
    text = word.text.format(a=detail, b="")
    about = f"{detail}: " if detail and "{a}" not in word.text else ""
    hint = f"\n{word.hint}" if word.hint else ""
    return LinkError(answer, code, f"{about}{text} ({answer}, {code} {word.name}){hint}")
