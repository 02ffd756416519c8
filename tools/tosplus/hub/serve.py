"""`tos hub` as a process: its folder, its two ports, the web server (uvicorn), the parts."""

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from .. import web_server, wellknown
from ..errors import HostError, UsageFault
from ..link.find import parsed
from ..listening import is_loopback, listening_on
from . import report
from .hub import Hub, Say
from .part import keep
from .parts import PARTS
from .password import Password
from .token_service import TokenService
from .web import application

_GOODBYE_S = 2
# aiocoap logs what devices send, the hub tells of it itself. Below ERROR, uvicorn logs cookies.
_LOGS = {"coap": logging.CRITICAL, "coap-server": logging.CRITICAL, "uvicorn.error": logging.ERROR}


@dataclass(frozen=True)
class Options:
    """As of `tos hub`. Port 0 of HTTP is any free one. coap_host: as host when it is not given. tokens_coap:
    HOST:PORT. tokens: an address, and tokens_secret the file of a credential for it."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = wellknown.HUB
    coap_port: int = wellknown.REPORTS
    coap_host: str | None = None
    plain: bool = False
    bench: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    tokens_coap: str | None = None
    tokens: str | None = None
    tokens_secret: Path | None = None


class _WebSockets(WebSocketsSansIOProtocol):
    """With a way out of a connection whose other end reads nothing: closing it politely would wait for that end."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope["abort"] = self.transport.abort  # type: ignore[typeddict-unknown-key]

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # it is answered; uvicorn would log each refusal as a fault of ours


_WEB_SOCKETS = {"ws": _WebSockets, "ws_per_message_deflate": False, "ws_max_size": 4096, "ws_max_queue": 1}


@contextlib.asynccontextmanager
async def serving(
    options: Options, say: Say = lambda event: None
) -> AsyncIterator[tuple[Hub, str, asyncio.Task[None]]]:
    """(hub, address of the page, task of the web server). Raises HostError, UsageFault."""
    for logger, level in _LOGS.items():
        logging.getLogger(logger).setLevel(level)
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password = Password.load(options.folder)
    if not is_loopback(options.host) and not password:
        raise UsageFault(f"--host {options.host} opens the hub to a network; set a password first: `tos hub password`")
    coap_host = options.coap_host or options.host
    if options.plain and not is_loopback(coap_host):
        raise UsageFault("--plain is for loopback: in the clear anybody could be anybody; pair the devices instead")
    tokens = parsed(options.tokens_coap) if options.tokens_coap else None
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_locked(options.folder))
        listening = stack.enter_context(listening_on(options.host, options.port))
        service = None
        if options.tokens and options.tokens_secret:
            service = await stack.enter_async_context(TokenService(options.tokens, options.tokens_secret))
        hub = await stack.enter_async_context(Hub(options.folder, say, options.bench, options.coap_port, service))
        parts = [part for part in PARTS if part.wanted(hub)]
        hub.pages = [{"name": p.name, "title": p.title, "module": p.module} for p in parts if p.module]
        coap = await report.listen(hub, coap_host, options.coap_port, options.plain, tokens)
        stack.push_async_callback(coap.shutdown)
        routes = [route for part in parts for route in part.routes(hub)]
        door = application(hub, options.host, password, routes)
        server = web_server.server(door, _GOODBYE_S, options.certificate, options.key, **_WEB_SOCKETS)
        running = [asyncio.create_task(keep(part, hub)) for part in parts]
        web = asyncio.create_task(server.serve([listening]))
        try:
            yield hub, _address(listening, options), web
        finally:
            server.should_exit = True
            for task in running:
                task.cancel()
            await asyncio.gather(web, *running, return_exceptions=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two hubs do not share a folder."""
    with open(os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600), "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HostError(f"another hub runs with {folder}\nStop it, or give this one another --state.") from None
        yield


def _address(listening: socket.socket, options: Options) -> str:
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"{'https' if options.certificate else 'http'}://{host}:{listening.getsockname()[1]}/"
