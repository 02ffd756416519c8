"""Where a service of ours listens. CPython."""

import contextlib
import ipaddress
import socket
from collections.abc import Iterator

from .errors import HostError, UsageFault


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def listening_on(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as e:
        raise UsageFault(f"--host {host}: {e.strerror}") from None
    with socket.socket(family, kind) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            found.bind(where)
            found.listen(100)
        except OSError as e:
            raise HostError(
                f"port {port} of {host} cannot be used ({e.strerror}); does another hub run?\n"
                "Stop it, or choose another with --port."
            ) from None
        found.setblocking(False)
        yield found
