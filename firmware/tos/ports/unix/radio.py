"""A radio among simulated access points, and its sockets on loopback. Unix port only."""

import asyncio
import os
import socket
import sys

import chip
from micropython import const
from tos import ports
from tos.ports.unix.udp import Udp

_EADDRINUSE = const(98)
_COAP_PORT = const(5683)
_DNS_PORT = const(53)

_LOOPBACK = "127.0.0.1"


class Radio:
    """A station among simulated access points: [{ssid, password, rssi_dbm, fault, hidden}]; or, when that is None,
    none of it: a device that is always on the network, as by a cable.

    password None is an open network. fault: None, "security", "no address" or "deaf" (never answers).
    """

    def __init__(self, clock, wire, access_points):
        self._clock = clock
        self._wire = wire
        self.access_points = access_points
        self._joined = None

    def scan(self):
        return [
            (ap["ssid"], ap["rssi_dbm"], ap["password"] is not None, _bssid(ap))
            for ap in self.access_points or ()
            if not ap.get("hidden")
        ]

    def _find(self, ssid, bssid=None):
        for ap in self.access_points or ():
            if ap["ssid"] == ssid and bssid in (None, _bssid(ap)):
                return ap
        return None

    async def join(self, ssid, password, timeout_ms, bssid=None):
        self.leave()
        ap = self._find(ssid, bssid)
        fault = ap.get("fault") if ap else None
        took_ms = timeout_ms + 1 if fault == "deaf" else 5000 if fault == "no address" else 1500
        await self._clock.sleep_ms(min(took_ms, timeout_ms))
        if took_ms > timeout_ms:
            return ports.JOIN_TIMEOUT
        if not ap:
            return ports.JOIN_NOT_FOUND
        if fault == "security":
            return ports.JOIN_SECURITY
        if (ap["password"] or "") != (password or ""):
            return ports.JOIN_SECURITY if ap["password"] is None or not password else ports.JOIN_WRONG_PASSWORD
        if fault == "no address":
            return ports.JOIN_NO_ADDRESS
        self._joined = ssid, _bssid(ap)
        return ports.JOIN_OK

    def leave(self):
        self._joined = None

    def status(self):
        if self.access_points is None:
            return True, _LOOPBACK, None
        ap = self._find(*self._joined) if self._joined else None
        return (True, _LOOPBACK, ap["rssi_dbm"]) if ap else (False, None, None)

    def ip(self):
        return _LOOPBACK

    def udp(self, host, port, group=None):
        if group:
            return Udp(host, port, group)
        # Many devices share one host: the CoAP port is mapped, by default to any free one. No network is to hear them.
        # The port of DNS is the host's own.
        kind = "dns" if port == _DNS_PORT else "link"
        port = {_COAP_PORT: chip.args.get("link_port", 0), _DNS_PORT: 0}.get(port, port)
        udp = Udp(_LOOPBACK, port) if port else _anywhere(_LOOPBACK)
        self._wire.tell(udp, {"hello": kind, "recovery": "/r" in sys.path})
        return udp

    def address(self, host, port):
        if not 0 < port < 65536:
            raise ValueError(port)
        return bytes(socket.getaddrinfo(host, port)[0][-1])

    def parts(self, peer):
        """peer: a sockaddr_in."""
        return ".".join([str(number) for number in peer[4:8]]), peer[2] << 8 | peer[3]

    def access_point(self, ssid, key):
        self._wire.tell(self._wire.udp, {"access_point": {"ssid": ssid, "key": key}})
        return _LOOPBACK

    def end_access_point(self):
        self._wire.tell(self._wire.udp, {"access_point": None})

    async def tcp(self, serve, host, port):
        """Mapped to any free port."""
        while True:
            port = _random_port()
            try:
                server = await asyncio.start_server(serve, _LOOPBACK, port)
                break
            except OSError as e:
                if e.errno != _EADDRINUSE:
                    raise
        self._wire.tell(self._wire.udp, {"portal": port})
        return server, port


def _anywhere(host):
    """On a free port. The kernel would not say which it took: there is no getsockname."""
    while True:
        try:
            return Udp(host, _random_port())
        except OSError as e:
            if e.errno != _EADDRINUSE:
                raise


def _random_port():
    return 49152 + int.from_bytes(os.urandom(2), "big") % 16384


def _bssid(ap):
    return ap.get("bssid", ap["ssid"])
