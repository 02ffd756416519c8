"""Reports to a hub that this device lives, see docs/protocol.md. A service. MicroPython."""

import asyncio

from micropython import const
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import TosError

_HUB_ANSWERS = const(207)
_HUB_SILENT = const(337)
_HUB_REFUSES = const(338)
_NOT_A_PEER = const(375)
_HUB_ADDRESS = const(413)

_PERIOD_MS = const(30000)
_BACK_OFF_MS = (1000, 60000)  # first and longest pause after a report without an answer
_LONGEST_S = const(600)  # whatever a hub asks for

_OWNER = const(1)  # roles, as in roles.py
_HUB = const(4)

# Keys of a report that come from the product; 0, 1 and 5 are our own.
STATE = 2
NEXT_MS = 3
ASLEEP = 4
_DONE = const(5)


class Hub:
    """Config "hub", "HOST:PORT", says where the hub is, and "hub_peer" which peer; without them there is nothing to do,
    but for a simulated device that was started plain: that tells a hub in the clear, which can bring nothing then.

    A report that was answered is followed by the next after 30 s, or later if a hub with too many asks for that.
    commands: of the peer that is the hub, once there is one; see commands.py.
    """

    def __init__(self, app, link):
        self._app = app
        self._link = link
        self._wake = asyncio.Event()
        self._logged = None
        self._held = False
        self._peer = None
        self.commands = None
        app.config.watch(self._changed)
        self.peer()  # what it needs is loaded now, rather than scattered over the heap later

    async def run(self, app):
        pause_ms, longest_ms = _BACK_OFF_MS
        while True:
            hub = self._where()
            wait_ms = None if self._held else await self.report()
            if self._where() != hub:
                pause_ms = _BACK_OFF_MS[0]
                continue
            if wait_ms is not None:
                pause_ms = _BACK_OFF_MS[0]
            elif hub[0] and not self._held:
                wait_ms = pause_ms
                pause_ms = min(pause_ms * 2, longest_ms)
            self._wake.clear()
            try:
                await asyncio.wait_for_ms(self._wake.wait(), wait_ms)
            except asyncio.TimeoutError:
                pass

    def hold(self, held):
        """Whoever held it reports for itself; let go, the reporter reports at once."""
        if held != self._held:
            self._held = held
            self._wake.set()

    async def report(self, more=None):
        """One report -> ms until the hub wants the next; None when it did not answer, or when config changed meanwhile.

        more: {key: value} of what only some products tell, such as {NEXT_MS: 60000, ASLEEP: True}. CoAP itself tries
        for 62 to 93 s; who cannot stay awake for that waits with a timeout of its own.
        """
        app = self._app
        hub, name = self._where()
        address = self._address(hub) if hub else None
        if address is None:
            return None
        peer = self.peer()
        if peer is None and not getattr(app.board, "plain", False):
            self._tell(_NOT_A_PEER)
            return None
        body = {0: app.boot}
        wall = app.clock.wall()
        if wall is not None:
            body[1] = wall
        if more:
            body.update(more)
        if peer is not None and self.commands.last is not None:
            body[_DONE] = self.commands.last
        answers = []
        wake = self._wake = asyncio.Event()  # of this report alone: what an earlier one hears is too late

        def done(code, options, payload):
            answers.append((code, options, payload))
            wake.set()

        asked = app.clock.ms()
        try:
            if peer is None:
                self._link.ask(address, coap.POST, "r/" + app.id, cbor.dumps(body), done)
            else:  # its context says who we are
                self._link.ask(address, coap.POST, "r", cbor.dumps(body), done, name)
        except TosError as e:
            self._tell(e.code)
            return None
        await wake.wait()
        if not answers:
            return None
        code, options, payload = answers[0]
        if code is None:
            self._tell(_HUB_SILENT)
            return None
        if code >> 5 == 2:
            self._tell(_HUB_ANSWERS)
            if payload and peer is not None and peer is self.peer() and peer.role in (_OWNER, _HUB):
                self.commands.take(payload, "link/" + name, app.clock.ms() - asked)
            return _PERIOD_MS
        self._tell(_HUB_REFUSES, (code >> 5) * 100 + (code & 31))
        age = coap.option(options, coap.MAX_AGE)
        return _PERIOD_MS if age is None else 1000 * max(1, min(coap.uint(age), _LONGEST_S))

    def peer(self):
        """The peer that is the hub, with its commands; None when there is none."""
        peers = self._link.peers
        peer = peers and peers.find(self._where()[1])
        if peer is not self._peer:
            from tos.commands import Commands

            self.commands = peer and Commands(self._app, peers.mark(peer))
            self._peer = peer
        return peer

    def _where(self):
        return self._app.config.get("hub"), self._app.config.get("hub_peer")

    def _address(self, hub):
        """Where the hub is, as the link's socket takes it; None, logged, when config cannot mean that."""
        try:
            host, port = hub.split(":")
            return self._app.board.radio.address(host, int(port))
        except (OSError, ValueError):
            self._tell(_HUB_ADDRESS)
            return None

    def _tell(self, code, a=0):
        """Log it, unless that is what was logged last."""
        if (code, a) != self._logged:
            self._logged = code, a
            self._app.log.event(code, a)

    def _changed(self, changes):
        if "hub" in changes or "hub_peer" in changes:
            self._wake.set()
