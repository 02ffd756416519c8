"""`POST /r`: devices say that they are there, and take what waits for them. CoAP by aiocoap.

One that is paired is heard under its own key alone, which says who it is. Plain ones, `POST /r/<id>`, are taken only
where the hub was told so, on loopback.
"""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import aiocoap
import cbor2
from aiocoap import Message, error, interfaces, resource
from aiocoap.numbers import codes
from aiocoap.transports.oscore import OSCOREAddress
from aiocoap.util import hostportsplit

from ..errors import HostError
from ..link.client import Client
from ..link.schema import Identity
from ..link.server import listening
from ..link.site import SecuredSite
from ..ota.serve import Parts
from . import said
from .house import MOST
from .pace import Buckets
from .relay import Relay

if TYPE_CHECKING:
    from .house import Device
    from .hub import Hub

_PORT = 5683  # of a CoAP address that has none
_CBOR = 60
_BODY_B = 4096
_UNVERIFIED = 16  # at a time
_VERIFY_S = 3.0
_HERTZ, _BURST = 2.0, 10.0  # of one source; a sound one reports each 30 s, in time-lapse each second
_MAX_AGE_S = 30


class Reports(resource.Resource, resource.PathCapable):
    """The id of a plain device is believed when it can be read from the address that reports it, and nobody else
    answers to it."""

    def __init__(self, hub: "Hub") -> None:
        super().__init__()
        self._hub = hub
        self._buckets = Buckets(_HERTZ, _BURST)
        self._unverified: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        return False

    async def render_post(self, request: Message) -> Message:
        address = _address(request)
        if not self._buckets.take(address):
            return _refused(codes.TOO_MANY_REQUESTS, "too many reports")
        secured = isinstance(request.remote, OSCOREAddress)
        try:
            report = _read(request)
            id = self._hub.trust.id_of(request.remote.security_context) if secured else _id(request)
        except ValueError as e:
            return _refused(codes.BAD_REQUEST, str(e))
        device = self._hub.devices.get(id)
        if secured:
            if device is None or request.opt.uri_path not in ((), (id,)):
                return _refused(codes.FORBIDDEN, "not your id")
            return await self._paired(device, address, report)
        if id in self._hub.trust:
            return _refused(codes.UNAUTHORIZED, "paired devices are heard by their key")
        if device and device.address == address:
            self._hub.heard(device, report)
            return Message(code=codes.CHANGED)
        if address in self._unverified:
            return Message(code=codes.CHANGED)
        if len(self._unverified) >= _UNVERIFIED or (not device and len(self._hub.devices) >= MOST):
            return _refused(codes.TOO_MANY_REQUESTS, "too many devices")
        self._unverified.add(address)
        if device:
            return await self._contest(device, address, report)
        task = asyncio.create_task(self._register(id, address, report))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Message(code=codes.CHANGED)

    async def _paired(self, device: "Device", address: str, report: said.Report) -> Message:
        """It may have moved; it is told the time, and what waits for it."""
        hub = self._hub
        if report.done is not None:
            with contextlib.suppress(HostError):  # the disk is full: they come once more, and it knows them
                await hub.executed(device, report.done)
        if device.address != address:
            hub.move(device, address, report)
        else:
            hub.heard(device, report)
        indexes = {path: index for index, path in device.paths().items()}
        told: dict[int, Any] = {0: int(time.time())}
        if commands := hub.mailbox.answer(device.id, indexes):
            told[1] = commands
        if report.asleep and (stay_ms := hub.rollouts.stay_ms(device.id)):
            told[2] = stay_ms
        return Message(code=codes.CHANGED, payload=cbor2.dumps(told), content_format=_CBOR)

    async def _register(self, id: str, address: str, report: said.Report) -> None:
        identity = await self._identity(id, address)
        self._unverified.discard(address)
        if identity and id not in self._hub.devices:
            self._hub.register(identity, address, report)

    async def _contest(self, device: "Device", address: str, report: said.Report) -> Message:
        """A known id from another address: it has moved, or there are two of them."""
        asked = [self._identity(device.id, address), self._identity(device.id, device.address)]
        claimed, present = await asyncio.gather(*asked)
        self._unverified.discard(address)
        if not claimed or device.id not in self._hub.devices:
            return Message(code=codes.CHANGED)
        if present:
            self._hub.conflict(device, address)
            return _refused(codes.CONFLICT, "another device with this id")
        self._hub.move(device, address, report)
        return Message(code=codes.CHANGED)

    async def _identity(self, id: str, address: str) -> Identity | None:
        """What is read from there, if it is that device."""
        host, port = hostportsplit(address)
        try:
            identity = said.identity(await Client(host, port, self._hub.context, _VERIFY_S).read("d"))
        except (HostError, ValueError):
            return None
        return identity if identity.id == id else None


class _Own(resource.Resource):
    """`POST /r`, whose context says who it is."""

    def __init__(self, reports: Reports) -> None:
        super().__init__()
        self._reports = reports

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        return False

    async def render_post(self, request: Message) -> Message:
        if not isinstance(request.remote, OSCOREAddress):
            return _refused(codes.BAD_REQUEST, "/r/<device id>")
        return await self._reports.render_post(request)


class _Door(interfaces.Resource):
    """What comes by CoAP: for others, under a key, or in the clear."""

    def __init__(self, hub: "Hub", plain: bool, tokens: tuple[str, int] | None) -> None:
        site = resource.Site()
        reports = Reports(hub)
        site.add_resource(["r"], reports)  # with an id
        site.add_resource(["r"], _Own(reports))
        site.add_resource(["o"], Parts(hub.rollouts.bundles.data))
        self._site = site
        self._secured = SecuredSite(site, hub.trust)
        self._plain = plain
        self._relay = Relay(hub, tokens)

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        return False

    async def render(self, request: Message) -> Message:
        raise NotImplementedError  # render_to_pipe does it all

    async def render_to_pipe(self, pipe: Any) -> None:
        if Relay.wanted(pipe.request):
            pipe.add_response(await self._relay.answer(pipe.request), is_last=True)
        elif pipe.request.opt.oscore is not None:
            await self._secured.render_to_pipe(pipe)
        elif self._plain:
            await self._site.render_to_pipe(pipe)
        else:
            raise _Unsecured


class _Unsecured(error.ConstructionRenderableError):
    code = codes.UNAUTHORIZED
    message = "this hub hears who is paired with it"


async def listen(
    hub: "Hub", host: str, port: int, plain: bool, tokens: tuple[str, int] | None = None
) -> aiocoap.Context:
    """The server, bound. plain: unpaired devices are taken too. tokens: see Relay. Raises HostError when the port is
    taken."""
    context, _ = await listening(_Door(hub, plain, tokens), host, port)
    return context


def _id(request: Message) -> str:
    """That of the path. Raises ValueError."""
    path = request.opt.uri_path
    if len(path) != 1 or not said.ID.fullmatch(path[0]):
        raise ValueError("/r/<device id>")
    return str(path[0])


def _read(request: Message) -> said.Report:
    """Raises ValueError."""
    if request.opt.content_format not in (None, _CBOR) or request.opt.block1 is not None:
        raise ValueError("one CBOR map, in one piece")
    if len(request.payload) > _BODY_B:
        raise ValueError(f"longer than {_BODY_B} bytes")
    try:
        return said.report(cbor2.loads(request.payload))
    except cbor2.CBORDecodeError as e:
        raise ValueError(f"not CBOR: {e}") from None


def _address(request: Message) -> str:
    host, port = hostportsplit(request.remote.hostinfo)
    port = port or _PORT
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _refused(code: codes.Code, text: str) -> Message:
    message = Message(code=code, payload=text.encode()[:200])
    if code is codes.TOO_MANY_REQUESTS:
        message.opt.max_age = _MAX_AGE_S
    return message
