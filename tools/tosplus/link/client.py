"""A client for one device: resources by path, refusals in words."""

import asyncio
import contextlib
import operator
import re
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import aiocoap
import aiocoap.error
import cbor2
from aiocoap import DELETE, GET, POST, PUT, Message
from aiocoap.numbers.constants import TransportTuning

from ..errors import HostError, Unreachable
from ..words import WORDS
from .schema import Events, Identity, Log, Peer, Resource, Rule, Value

if TYPE_CHECKING:
    from .secure import Credentials

_CBOR = 60  # content format, RFC 8949 section 9.4
_ANSWER_S = 5.0
_SILENT_S = 2.0  # an observed device that says nothing for this long is asked whether it still knows us
_RETRY_S = 0.5
_ATTEMPTS = 3
_REPLAY = 353
_TRANSPORTS = ["udp6" if sys.platform == "linux" else "simple6"]


class _Tuning(TransportTuning):
    """Gives up within our own patience: what aiocoap still repeats holds back all that is asked later."""

    ACK_TIMEOUT = 0.5
    MAX_RETRANSMIT = 2


class Notified(NamedTuple):
    """A payload of an observed resource. number: of the notification (RFC 7641 section 3.4), None where polled."""

    payload: Any
    number: int | None


class LinkError(HostError):
    """The device refused. answer: CoAP code such as "4.04"; code: the device's own, see words.py, or None."""

    def __init__(self, answer: str, code: int | None, message: str) -> None:
        super().__init__(message)
        self.answer = answer
        self.code = code


class Estranged(LinkError):
    """What was secured is refused in the clear: the device does not know our key, or somebody else says so."""


class Client:
    """One device, by the address of its link.

        async with Client("127.0.0.1", 5683) as kettle:
            await kettle.set("power", True)
            async for state in kettle.watch():
                print(state)

    Every method raises LinkError if the device refuses and Unreachable if it does not answer. context: one from
    `open_context` for the clients of many devices; they need no `async with`. credentials: of one of the device's
    peers, see secure.py; all is protected then.
    """

    def __init__(
        self,
        host: str,
        port: int,
        context: aiocoap.Context | None = None,
        answer_s: float = _ANSWER_S,
        credentials: "Credentials | None" = None,
    ) -> None:
        self._authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._identity: Identity | None = None
        self._answer_s = answer_s
        self._credentials = credentials
        if context:
            self._use(context)

    async def __aenter__(self) -> "Client":
        self._use(await open_context())
        return self

    def _use(self, context: aiocoap.Context) -> None:
        self._context = context
        if self._credentials:
            from .secure import Transport

            if not any(isinstance(known, Transport) for known in context.request_interfaces):
                # Before the one that would send in the clear.
                context.request_interfaces.insert(0, Transport(context, context))
            context.client_credentials[self._uri("*")] = self._credentials
        else:
            context.client_credentials.pop(self._uri("*"), None)  # of who was at this address before

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.sleep(0)  # aiocoap fails to end a request that was cancelled in this very moment
        await self._context.shutdown()

    async def identity(self) -> Identity:
        """`/d`, read once; `watch` reads it again after the device was away."""
        if self._identity is None:
            self._identity = Identity.from_wire(await self.read("d"))
        return self._identity

    async def resource(self, path: str) -> Resource:
        """The row of a resource; LinkError 4.04 as the device itself would answer."""
        try:
            return (await self.identity()).resource(path)
        except KeyError:
            raise _refusal("4.04", f"331 {path}") from None

    async def state(self) -> dict[str, Value]:
        """{path: value}, in the order of the table."""
        return await self._by_path(await self.read("s"))

    async def get(self, path: str) -> Value:
        return await self.read(f"s/{path}")

    async def set(self, path: str, value: Value) -> None:
        await self.write(f"s/{path}", value)

    async def rules(self) -> list[Rule]:
        """The owner's rules, `/b`."""
        paths = {row.index: row.path for row in (await self.identity()).resources}
        return [Rule.from_wire(row, paths) for row in await self.read("b")]

    async def set_rules(self, rules: Sequence[Rule] | None) -> None:
        """All of them at once, or none; None brings the maker's back. They run on the device, whoever is connected."""
        if rules is None:
            await self.write("b", None)
            return
        indexes = {row.path: row.index for row in (await self.identity()).resources}
        rows = []
        for n, rule in enumerate(rules, 1):
            try:
                rows.append(rule.to_wire(indexes))
            except KeyError as e:
                raise _refusal("4.00", f"331 rule {n}, {e.args[0]}") from None
        await self.write("b", rows)

    async def events(self) -> Events:
        """`/e`, the latest that happened."""
        return Events.from_wire(await self.read("e"), (await self.identity()).resources)

    async def log(self) -> Log:
        return Log.from_wire(await self.read("l"))

    async def peers(self) -> tuple[int, list[Peer]]:
        """(ms for which it still takes others, who is paired with it)"""
        told = await self.read("p")
        try:
            return told.get(0, 0), [Peer.from_wire(row) for row in told[1]]
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            raise HostError("what the device says of its peers cannot be understood") from None

    async def bring(self, peer: str, row: dict[int, Any]) -> None:
        """`PUT /p/<name>`: a key that it shares with another device."""
        await self.write(f"p/{quote(peer, safe='')}", row)

    async def revoke(self, peer: str) -> None:
        """The device forgets it at once."""
        await self.delete(f"p/{quote(peer, safe='')}")

    async def core(self) -> str:
        """`/.well-known/core`, link format (RFC 6690)."""
        return (await self._answer(self._message(".well-known/core"))).payload.decode()

    async def watch(self) -> AsyncGenerator[dict[str, Value] | None, None]:
        """The state at once and after each change; None once when the device stops answering. Ends with the caller."""
        last: dict[str, Value] | None = {}
        while True:
            try:
                async with contextlib.aclosing(self.observe("s")) as notifications:
                    async for notified in notifications:
                        state = await self._by_path(notified.payload)
                        if state != last:
                            last = state
                            yield state
            except Unreachable:
                self._identity = None  # it may come back as another version
                if last is not None:
                    last = None
                    yield None
            await asyncio.sleep(_RETRY_S)  # a device with too many observers answers each time, and no more

    async def observe(
        self, path: str, silent_s: float | None = None, same: Callable[[Any, Any], bool] = operator.eq
    ) -> AsyncGenerator[Notified, None]:
        """Payloads, until the device ends the observation or has forgotten it, as it does when it restarts.

        After each silent_s without one the resource is read: what is not the `same` then shows that we are forgotten.
        A caller that is slow gets the latest, not all.
        """
        request, response = await self._ask(self._message(path, observe=0))
        notifications = aiter(request.observation)
        following = _waiting(notifications)
        try:
            while True:
                payload = _payload(response)
                yield Notified(payload, response.opt.observe)
                while not (await asyncio.wait({following}, timeout=silent_s or _SILENT_S))[0]:
                    if not same(await self.read(path), payload):
                        return
                response = _checked(following.result())
                following = _waiting(notifications)
        except (StopAsyncIteration, aiocoap.error.Error):
            return
        finally:
            following.cancel()
            if not request.observation.cancelled:
                request.observation.cancel()

    async def read(self, path: str) -> Any:
        """The payload of any resource, block by block where it is long (RFC 7959), as it is on the wire."""
        return _payload(await self._answer(self._message(path)))

    async def write(self, path: str, payload: Any) -> None:
        """PUT to any resource."""
        request = Message(
            code=PUT,
            uri=self._uri(path),
            payload=cbor2.dumps(payload),
            content_format=_CBOR,
            transport_tuning=_Tuning(),
        )
        await self._answer(request)

    async def post(self, path: str, payload: bytes, tuning: TransportTuning | None = None) -> bytes:
        """POST of CBOR -> what is answered. tuning: for what takes longer."""
        tuning = tuning or _Tuning()
        request = Message(
            code=POST, uri=self._uri(path), payload=payload, content_format=_CBOR, transport_tuning=tuning
        )
        return (await self._answer(request)).payload

    async def delete(self, path: str) -> None:
        await self._answer(Message(code=DELETE, uri=self._uri(path), transport_tuning=_Tuning()))

    async def identify(self) -> None:
        """It blinks, taps or shows its name, for 5 s. LinkError 4.05 where it has nothing for that."""
        await self._answer(Message(code=POST, uri=self._uri("d"), transport_tuning=_Tuning()))

    def _message(self, path: str, **options: int) -> Message:
        return Message(code=GET, uri=self._uri(path), transport_tuning=_Tuning(), **options)

    async def _answer(self, message: Message) -> Message:
        return (await self._ask(message))[1]

    async def _ask(self, message: Message) -> tuple[Any, Message]:
        """(request, its response)"""
        failure: HostError | None = None
        if self._credentials:
            self._context.client_credentials.credentials_from_request(message)  # or raise: nothing goes in the clear
        for _ in range(_ATTEMPTS):
            request = self._context.request(message.copy())
            try:
                await asyncio.wait({request.response}, timeout=self._answer_s)  # wait_for may lose a cancellation
                if not request.response.done():
                    break
                return request, _checked(request.response.result())
            except aiocoap.error.TimeoutError:
                break
            except aiocoap.error.NetworkError:
                continue  # on Linux also for a port that another device has closed: the socket is one for all
            except aiocoap.error.Error as e:
                plain = getattr(e, "plain_message", None)
                if self._credentials and plain is not None:  # refused without a context, RFC 8613 section 8.2
                    refused = _refusal(plain.code.dotted, plain.payload.decode(errors="replace"), Estranged)
                    if refused.code != _REPLAY:
                        raise refused from None
                    self._credentials.skip()
                    failure = refused
                    continue
                # It changed between two blocks, or they do not fit together.
                failure = HostError(f"what coap://{self._authority} sent cannot be used: {type(e).__name__} {e}")
            finally:
                request.response.cancel()
        raise failure or Unreachable(f"no answer from coap://{self._authority}\nIs it on? `tos dev ls` shows.")

    def _uri(self, path: str) -> str:
        return f"coap://{self._authority}/{path}"

    async def _by_path(self, wire: dict[int, Value]) -> dict[str, Value]:
        return {row.path: wire[row.index] for row in (await self.identity()).resources if row.index in wire}


async def open_context() -> aiocoap.Context:
    """What clients send from. Whoever opens one shuts it down."""
    return await aiocoap.Context.create_client_context(transports=_TRANSPORTS)


def _waiting(notifications: Any) -> "asyncio.Future[Message]":
    """The next one; what becomes of it need not be asked."""
    following: asyncio.Future[Message] = asyncio.ensure_future(anext(notifications))
    following.add_done_callback(lambda done: done.cancelled() or done.exception())
    return following


def _payload(response: Message) -> Any:
    try:
        return cbor2.loads(response.payload)
    except cbor2.CBORDecodeError as e:
        raise HostError(f"the device sent what is not CBOR: {response.payload[:32].hex()} ({e})") from None


def _checked(response: Message) -> Message:
    if response.code.is_successful():
        return response
    raise _refusal(response.code.dotted, response.payload.decode(errors="replace"))


def _refusal(answer: str, diagnostic: str, kind: type[LinkError] = LinkError) -> LinkError:
    """What a diagnostic payload such as "334 power" says."""
    found = re.fullmatch(r"(\d{3})(?: (.*))?", diagnostic, re.DOTALL)
    if not found or int(found[1]) not in WORDS:
        return kind(answer, None, f"the device answers {answer}: {diagnostic or 'without a reason'}")
    code, detail = int(found[1]), found[2] or ""
    word = WORDS[code]
    text = word.text.format(a=detail, b="")
    about = f"{detail}: " if detail and "{a}" not in word.text else ""
    hint = f"\n{word.hint}" if word.hint else ""
    return kind(answer, code, f"{about}{text} ({answer}, {code} {word.name}){hint}")
