"""Ports on this computer that are bound later, or again and again. CPython."""

import itertools
import os
import socket

from .errors import HostError

HOST = "127.0.0.1"
_FIRST, _COUNT = 20_000, 12_000  # below those that systems give to sockets that want any
_tried = itertools.count(os.getpid() * 97)  # two processes begin apart


def free(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """One that nobody has, is given by chance, or hears of here once more before all the others."""
    for n in itertools.islice(_tried, _COUNT):
        port = _FIRST + n % _COUNT
        if is_free(port, kind):
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
