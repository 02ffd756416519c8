"""A UDP socket of this computer, also in a multicast group. Unix port only."""

import asyncio
import socket

from micropython import const
from tos import ports

_EAGAIN = const(11)
_LOST = (1, 22, 101, 111, 113)  # EPERM, EINVAL (off loopback, from there), ENETUNREACH, ECONNREFUSED, EHOSTUNREACH

# Linux's numbers for what the module socket has no names for.
_SOL_SOCKET = const(1)
_SO_REUSEADDR = const(2)
_SO_REUSEPORT = const(15)
_IP = const(0)
_IP_MULTICAST_IF = const(32)
_IP_MULTICAST_TTL = const(33)
_IP_ADD_MEMBERSHIP = const(35)
_IP_MULTICAST_ALL = const(49)  # else it would hear the group on interfaces that other programs joined it on
_LOOPBACK_IN = b"\x7f\x00\x00\x01"  # as in_addr


class Udp:
    def __init__(self, host, port, group=None):
        self.port = port
        self._most_b = 1 + (ports.FRAME_B if group else ports.DATAGRAM_B)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            if group:
                # Bound to the group's own address, it hears nothing that is sent to the host itself.
                host = group
                self._set((_SOL_SOCKET, _SO_REUSEADDR, 1), (_SOL_SOCKET, _SO_REUSEPORT, 1))
            self._socket.bind(socket.getaddrinfo(host, port)[0][-1])
            if group:
                member = bytes([int(number) for number in group.split(".")]) + _LOOPBACK_IN
                self._set((_IP, _IP_ADD_MEMBERSHIP, member), (_IP, _IP_MULTICAST_ALL, 0))
                self._set((_IP, _IP_MULTICAST_IF, _LOOPBACK_IN), (_IP, _IP_MULTICAST_TTL, 255))
        except OSError:
            self._socket.close()
            raise

    def _set(self, *options):
        for option in options:
            self._socket.setsockopt(*option)

    def recv(self):  # a coroutine in MicroPython's sense, as in its own asyncio.stream
        while True:
            yield asyncio.core._io_queue.queue_read(self._socket)
            try:
                return self._socket.recvfrom(self._most_b)
            except OSError as e:
                if e.errno != _EAGAIN:  # another task was quicker, or the checksum was wrong
                    raise

    def send(self, datagram, peer):
        try:
            self._socket.sendto(datagram, peer)
        except OSError as e:
            if e.errno not in _LOST:
                raise

    def close(self):
        self._socket.close()
