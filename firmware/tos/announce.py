"""The device announces itself on its network, see docs/protocol.md. A service; a sleeper has none. MicroPython."""

import asyncio

from micropython import const
from tos.ports import FRAME_B
from toscore.errors import WireError
from toscore.mdns import GROUP, PORT, Responder

_CANNOT_ANNOUNCE = const(218)
_NAME_TAKEN = const(377)

_LOOK_MS = const(2000)  # for a new address, or a first owner
_SOON_MS = const(100)  # until the link has its port


class Announce:
    """Where the port belongs to the platform's own mDNS, the device lives on without this.

    A chip's does as soon as it has an address: this service is among the first to start, and before Wi-Fi is joined.
    """

    def __init__(self, app):
        self._app = app
        self._udp = None
        self._responder = None
        self._n = 1

    async def run(self, app):
        radio = app.board.radio
        try:
            self._udp = radio.udp("0.0.0.0", PORT, GROUP)
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
                if len(datagram) <= FRAME_B and self._responder:
                    self._receive(datagram, peer, radio.parts(peer)[1])
        finally:
            self.end()

    def _step(self):
        """Whatever is due. Returns ms until the next."""
        app = self._app
        now = app.clock.ms()
        if self._responder is None:
            if app.link.port is None:
                return _SOON_MS
            self._responder = Responder(app.id, app.link.port, app.board.rng)
            self._group = app.board.radio.address(GROUP, PORT)
        ip = app.board.radio.ip()
        about = ("id=" + app.id, "model=" + app.name, "version=" + app.version, "paired=%d" % app.link.is_owned())
        self._responder.say(now, ip and bytes([int(number) for number in ip.split(".")]), about)
        wait_ms = self._responder.tick(now)
        self._flush()
        if self._responder.n != self._n:
            self._n = self._responder.n
            app.log.event(_NAME_TAKEN, self._n)
        return _LOOK_MS if wait_ms is None else min(wait_ms, _LOOK_MS)

    def _receive(self, datagram, peer, port):
        try:
            self._responder.receive(self._app.clock.ms(), peer, port, datagram)
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
            if self._responder:
                self._responder.goodbye()
                self._flush()
            self._udp.close()
            self._udp = None
