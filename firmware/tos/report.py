"""One report to a hub, see docs/protocol.md. MicroPython.

Loaded only on a device that reports.
"""

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
_LONGEST_S = const(600)  # whatever a hub asks for
_OWNER = const(1)  # roles, as in roles.py
_HUB = const(4)

_DONE = const(5)  # key of a report, beside those in hub.py


class Reporter:
    """commands: of the peer that is the hub, once there is one; see commands.py."""

    def __init__(self, app, link):
        self._app = app
        self._link = link
        self._logged = None
        self._peer = None
        self.commands = None

    async def report(self, where, wake, more):
        """See Hub.report. where: (config "hub", config "hub_peer"). wake: an Event, which another may set meanwhile."""
        app = self._app
        hub, name = where
        address = self._address(hub)
        if address is None:
            return None
        peer = self.peer(name)
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
            if payload and peer is not None and peer is self.peer(name) and peer.role in (_OWNER, _HUB):
                self.commands.take(payload, "link/" + name, app.clock.ms() - asked)
            return _PERIOD_MS
        self._tell(_HUB_REFUSES, (code >> 5) * 100 + (code & 31))
        age = coap.option(options, coap.MAX_AGE)
        return _PERIOD_MS if age is None else 1000 * max(1, min(coap.uint(age), _LONGEST_S))

    def peer(self, name):
        """The peer that is the hub, with its commands; None when there is none."""
        peers = self._link.peers
        peer = peers and peers.find(name)
        if peer is not self._peer:
            from tos.commands import Commands, mark

            self.commands = peer and Commands(self._app, mark(peers, peer))
            self._peer = peer
        return peer

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
