"""`tos tokens serve` as a process: the service, its HTTP API (uvicorn), its CoAP, and what brings keys to devices."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .. import web_server, wellknown
from ..errors import UsageFault
from ..link.find import address, told
from ..link.server import listening
from ..listening import is_loopback, listening_on
from .api import application
from .coap import Door
from .courier import Courier
from .database import Database
from .device import Devices
from .results import Results
from .service import Service
from .vault import Vault
from .wire import Result

_GOODBYE_S = 5
# Below, these log headers, and what devices send and are sent, opened.
LOGGERS = {"uvicorn.error": logging.ERROR, "coap": logging.CRITICAL, "coap-server": logging.CRITICAL}


@dataclass(frozen=True)
class Options:
    """As of `tos tokens`. database: None is SQLite in the folder. master: None is a file there, or the environment.
    Port 0 is any free one. hub: HOST:PORT of its CoAP, by which devices are reached."""

    folder: Path
    database: str | None = None
    master: Path | None = None
    host: str = "127.0.0.1"
    port: int = wellknown.TOKENS
    coap_port: int = wellknown.TILLS
    certificate: Path | None = None
    key: Path | None = None
    hub: str | None = None


def opened(options: Options) -> Service:
    """Raises HostError, UsageFault."""
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    vault = Vault.load(options.master or options.folder / "master")
    return Service(Database(options.database or f"sqlite:///{options.folder / 'tokens.db'}"), vault)


class Served(NamedTuple):
    """address: of HTTP. coap: HOST:PORT. web: the task of the web server."""

    service: Service
    address: str
    coap: str
    web: "asyncio.Task[None]"


@contextlib.asynccontextmanager
async def serving(options: Options) -> AsyncIterator[Served]:
    """Raises HostError, UsageFault."""
    if not is_loopback(options.host) and not options.certificate:
        raise UsageFault(f"--host {options.host} opens it to a network: it wants --certificate and --key, for HTTPS")
    for name, least in LOGGERS.items():
        logging.getLogger(name).setLevel(least)
    async with contextlib.AsyncExitStack() as stack:
        service = await asyncio.to_thread(opened, options)
        stack.push_async_callback(asyncio.to_thread, service.close)
        http = stack.enter_context(listening_on(options.host, options.port))
        tell: Callable[[Result], None] = lambda result: None  # noqa: E731
        if options.hub:
            devices = await stack.enter_async_context(Devices(service, address(options.hub)))
            courier = Courier(service, devices)
            results = Results(service, devices, courier.awake)
            stack.callback(results.stop)
            tell = results.put
            await stack.enter_async_context(_running(courier.run()))
        door = Door(service, tell)
        stack.push_async_callback(asyncio.to_thread, door.close)
        coap, coap_port = await listening(door, options.host, options.coap_port)
        stack.push_async_callback(coap.shutdown)
        api = application(service, tell)
        server = web_server.server(api, _GOODBYE_S, options.certificate, options.key, ws="none")
        web = asyncio.create_task(server.serve([http]))
        try:
            scheme = "https" if options.certificate else "http"
            where = f"{scheme}://{told((options.host, http.getsockname()[1]))}"
            yield Served(service, where, told((options.host, coap_port)), web)
        finally:
            server.should_exit = True
            await asyncio.gather(web, return_exceptions=True)


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
