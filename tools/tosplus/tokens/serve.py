"""`tos tokens serve` as a process: the service, its HTTP API (uvicorn), and what brings keys to devices."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from ..errors import UsageFault
from ..hub.guard import is_loopback
from ..hub.serve import listening_on
from ..link.find import address
from .api import application
from .courier import Courier
from .database import Database
from .device import Devices
from .service import Service
from .vault import Vault

_GOODBYE_S = 5
PORT = 8689


@dataclass(frozen=True)
class Options:
    """As of `tos tokens`. database: None is SQLite in the folder. master: None is a file there, or the environment.
    hub: HOST:PORT of its CoAP, by which devices are reached."""

    folder: Path
    database: str | None = None
    master: Path | None = None
    host: str = "127.0.0.1"
    port: int = PORT
    certificate: Path | None = None
    key: Path | None = None
    hub: str | None = None


def opened(options: Options) -> Service:
    """Raises HostError, UsageFault."""
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    vault = Vault.load(options.master or options.folder / "master")
    return Service(Database(options.database or f"sqlite:///{options.folder / 'tokens.db'}"), vault)


@contextlib.asynccontextmanager
async def serving(options: Options) -> AsyncIterator[tuple[Service, str, "asyncio.Task[None]"]]:
    """(service, its address, task of the web server). Raises HostError, UsageFault."""
    if not is_loopback(options.host) and not options.certificate:
        raise UsageFault(f"--host {options.host} opens it to a network: it wants --certificate and --key, for HTTPS")
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # below, it logs headers
    service = await asyncio.to_thread(opened, options)
    try:
        with listening_on(options.host, options.port) as listening:
            server = uvicorn.Server(
                uvicorn.Config(
                    application(service),
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    proxy_headers=False,
                    timeout_graceful_shutdown=_GOODBYE_S,
                    ssl_certfile=options.certificate,
                    ssl_keyfile=options.key,
                )
            )
            web = asyncio.create_task(server.serve([listening]))
            riding = asyncio.create_task(_riding(service, address(options.hub))) if options.hub else None
            try:
                scheme = "https" if options.certificate else "http"
                host = f"[{options.host}]" if ":" in options.host else options.host
                yield service, f"{scheme}://{host}:{listening.getsockname()[1]}", web
            finally:
                server.should_exit = True
                if riding:
                    riding.cancel()
                await asyncio.gather(web, *filter(None, [riding]), return_exceptions=True)
    finally:
        await asyncio.to_thread(service.close)


async def _riding(service: Service, hub: tuple[str, int]) -> None:
    async with Devices(service, hub) as devices:
        await Courier(service, devices).run()
