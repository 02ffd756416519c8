"""The device announces itself on its network, see docs/protocol.md. A service; a sleeper has none. MicroPython."""

import asyncio

from micropython import const
from tos.lazy import drop
from tos.ports import FRAME_B
from toscore.errors import WireError

_CANNOT_ANNOUNCE = const(218)
_NAME_TAKEN = const(377)

_GROUP = "224.0.0.251"  # as in mdns.py
_PORT = const(5353)
_LOOK_MS = const(2000)  # for a new address, or a first owner
_SOON_MS = const(100)  # until the link has its port
_QUIET_MS = const(30000)


class Announce:
    """Where the port belongs to the platform's own mDNS, the device lives on without this.

    A chip's does as soon as it has an address: this service is among the first to start, and before Wi-Fi is joined.

    When all is said, and nobody has asked for half a minute, toscore/mdns.py is dropped. An ear for our names stays.
    """

    def __init__(self, app):
        self._app = app
        self._udp = None
        self._responder = None
        self._told = None  # (address, items) as it was told last
        self._n = 1
        self._heard = 0  # when somebody asked, or there was something to say
        self._label = app.id.encode()[-59:].lower()

    async def run(self, app):
        radio = app.board.radio
        try:
            self._udp = radio.udp("0.0.0.0", _PORT, _GROUP)
        except OSError as e:
            app.log.event(_CANNOT_ANNOUNCE, e.errno or 0)
            return
        try:
            while True:
                wait_ms = self._step()
                try:
                    datagram, peer = await asyncio.wait_for_ms(self._udp.recv(), wait_ms)
                except asyncio.TimeoutError:
                    continue
                if len(datagram) <= FRAME_B and self._told and self._is_for_us(datagram):
                    self._receive(datagram, peer, radio.parts(peer)[1])
        finally:
            self.end()

    def _step(self):
        """Whatever is due. Returns ms until the next."""
        app = self._app
        if app.link.port is None:
            return _SOON_MS
        now = app.clock.ms()
        ip = app.board.radio.ip()
        items = ("id=" + app.id, "model=" + app.name, "version=" + app.version, "paired=%d" % app.link.is_owned())
        told = ip and bytes([int(number) for number in ip.split(".")]), items
        if told != self._told:
            self._machine(now).say(now, *told)
            self._told = told
        if self._responder is None:
            return _LOOK_MS
        wait_ms = self._responder.tick(now)
        self._flush()
        if self._responder.n != self._n:
            self._n = self._responder.n
            app.log.event(_NAME_TAKEN, self._n)
        if not self._responder.is_quiet():
            self._heard = now
        elif now - self._heard > _QUIET_MS:
            self._responder = None
            drop("toscore.mdns")
        return _LOOK_MS if wait_ms is None else min(wait_ms, _LOOK_MS)

    def _machine(self, now):
        """-> the Responder, loaded now if it was not."""
        self._heard = now
        if self._responder is None:
            from toscore.mdns import Responder

            app = self._app
            self._responder = Responder(app.id, app.link.port, app.board.rng)
            self._group = app.board.radio.address(_GROUP, _PORT)
            if self._told:
                self._responder.resume(*self._told, self._n)
        return self._responder

    def _is_for_us(self, datagram):
        """Most of what passes on a network is not, and needs no reading."""
        text = datagram.lower()
        return self._label in text or b"\x04_tos" in text or b"\x09_services" in text

    def _receive(self, datagram, peer, port):
        now = self._app.clock.ms()
        try:
            self._machine(now).receive(now, peer, port, datagram)
        except WireError as e:
            # What others say to each other must not fill the ring.
            if e.code not in self._app.log.counts:
                self._app.log.event(e.code, e.detail)
        self._flush()

    def _flush(self):
        for packet, peer in self._responder.out:
            self._udp.send(packet, self._group if peer is None else peer)
        self._responder.out.clear()

    def end(self):
        """The device leaves in good order: it says so, and is forgotten at once and not when its records expire."""
        if self._udp:
            try:
                if self._told:
                    self._machine(0).goodbye()
                    self._flush()
            except MemoryError:  # its records expire
                pass
            self._udp.close()
            self._udp = None
