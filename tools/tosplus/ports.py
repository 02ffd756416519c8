"""Ports on this computer that are bound later, or again and again. CPython."""

import itertools
import os
import socket
from collections import deque

from .errors import HostError

HOST = "127.0.0.1"
_FIRST, _COUNT = 20_000, 6_000  # below those that systems give to sockets that want any
_CLAIMS = 100
_tried = itertools.count(os.getpid() * 97)  # two processes begin apart
_claims: deque[socket.socket] = deque()


def free(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """One that nobody has, is given by chance, or hears of here, in any process, before many others."""
    for n in itertools.islice(_tried, _COUNT):
        port = _FIRST + n % _COUNT
        if _claimed(port) and is_free(port, kind):
            return port
    raise HostError(f"no port from {_FIRST} to {_FIRST + _COUNT - 1} is free")


def is_free(port: int, kind: socket.SocketKind = socket.SOCK_DGRAM) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections do not count
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _claimed(port: int) -> bool:
    """Until it is bound nobody sees that it is taken: so another port says so. Who finds that one taken does not look
    at this one at all, for that could be in the way of whoever binds it now."""
    claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        claim.bind((HOST, port + _COUNT))
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    if len(_claims) > _CLAIMS:
        _claims.popleft().close()
    return True
