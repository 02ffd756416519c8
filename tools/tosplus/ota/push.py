"""An update from here to one device, with no hub: we are its server until it has all of it, and look on after that."""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiocoap
from aiocoap import resource
from aiocoap.credentials import CredentialsMap

from ..errors import HostError, Unreachable
from ..link import find
from ..link.client import Client
from ..link.secure import Credentials
from ..link.site import SecuredSite
from .bundle import Bundle
from .progress import SETTLED, WAITING, Progress, Status
from .serve import Parts

_TRANSPORT = "udp6" if sys.platform == "linux" else "simplesocketserver"
_ANSWER_S = 10.0  # a chip verifies a signature before it answers
_LOOK_S = 0.3
_SILENT_S = 90.0  # three starts of a version that hangs


async def push(
    bundle: Bundle, where: tuple[str, int], credentials: Credentials | None, show: Callable[[Progress], None]
) -> Progress:
    """Until the device has confirmed it or come back from it -> what became of it.

    show: called with how far it is. Raises LinkError with what the device refuses, and Unreachable.
    """
    progress = Progress()
    serving, client = _serving(bundle, where, credentials), Client(*where, answer_s=_ANSWER_S, credentials=credentials)
    async with serving as url, client:
        heard = time.monotonic()
        while True:
            try:
                wanted = progress.seen(_status(await client.read("o")), bundle.sequence)
                heard = time.monotonic()
            except Unreachable:  # it starts anew
                if progress.state == WAITING or time.monotonic() > heard + _SILENT_S:
                    raise
                wanted = False
            if wanted:
                await client.write("o", {0: bundle.message(), 1: url})
                progress.ordered(sum(len(part.data) for part in bundle.parts))
            show(progress)
            if progress.state in SETTLED:
                return progress
            await asyncio.sleep(_LOOK_S)


@contextlib.asynccontextmanager
async def _serving(bundle: Bundle, where: tuple[str, int], credentials: Credentials | None) -> AsyncIterator[str]:
    """The address of the bundle, for this device alone where there is a key."""
    host, name = find.own_address(where), str(bundle.sequence)
    if not host:
        raise HostError(f"there is no way from here to {find.told(where)}")
    site: Any = resource.Site()
    site.add_resource(["o"], Parts({name: bundle.dumps()}.get))
    if credentials:
        site = SecuredSite(site, CredentialsMap({":device": credentials}))
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
    server = await aiocoap.Context.create_server_context(site, bind=(host, port), transports=[_TRANSPORT])
    try:
        yield f"coap://{find.told((host, port))}/o/{name}"
    finally:
        await server.shutdown()


def _status(wire: Any) -> Status:
    try:
        return Status.from_wire(wire)
    except ValueError as e:
        raise HostError(str(e)) from None
