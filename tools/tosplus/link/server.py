"""A CoAP server (aiocoap) on a port of its own."""

import socket
import sys

import aiocoap
from aiocoap import interfaces

from ..errors import HostError

_TRANSPORT = "udp6" if sys.platform == "linux" else "simplesocketserver"


async def listening(site: interfaces.Resource, host: str, port: int) -> tuple[aiocoap.Context, int]:
    """The server, bound, and its port, which for 0 is any free one. Raises HostError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:  # aiocoap says neither why it cannot, nor which it got
        try:
            probe.bind((host, port))
        except OSError as e:
            raise HostError(
                f"UDP port {port} of {host} cannot be used ({e.strerror}); does another one run?\n"
                "Stop it, or choose another with --coap-port."
            ) from None
        port = probe.getsockname()[1]
    return await aiocoap.Context.create_server_context(site, bind=(host, port), transports=[_TRANSPORT]), port
