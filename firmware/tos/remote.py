"""What the owner's rules set on other devices, see docs/protocol.md. A service. MicroPython.

Loaded with the first rule that names a peer.
"""

import asyncio

from micropython import const
from tos.roles import PEER
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import TosError, WireError

_REMOTE_SET = const(219)
_RULE_MALFORMED = const(341)
_REMOTE_UNKNOWN = const(394)
_REMOTE_REFUSES = const(395)
_REMOTE_SILENT = const(396)

_PATIENCE_MS = const(600000)  # what has not been answered by then is not wanted any more
_BACK_OFF_MS = (1000, 60000)  # first and longest pause after an attempt that failed
_PACE_MS = const(100)  # between two wishes of one peer: rules of two devices may make a circle

_PATH_B = const(64)
_TEXT_CHARS = const(256)


def parse(written, to):
    """What a rule that sets it to `to` has under 4 -> (name of the peer, path). Raises WireError."""
    if len(written) == 2 and (to is None or isinstance(to, (bool, int, float, str))):
        peer, path = written
        are_texts = isinstance(peer, str) and isinstance(path, str)
        if are_texts and 0 < len(path.encode()) <= _PATH_B and not (isinstance(to, str) and len(to) > _TEXT_CHARS):
            return peer, path
    raise WireError(_RULE_MALFORMED)


def check_peer(app, name):
    """WireError unless it is a peer that a hub has brought, and that can be called."""
    peers = app.link.peers
    peer = peers and peers.find(name)
    if peer is None or peer.role != PEER or peer.address is None:
        raise WireError(_REMOTE_UNKNOWN, name)


class Wish:
    """Of rule n: a resource of a peer shall be `to`. None: the other way than it is, which has to be asked first; from
    then on it is a value, so that what is lost, doubled or asked again toggles nothing twice."""

    def __init__(self, n, path, to, now):
        self.n = n
        self.path = path
        self.to = to
        self.since = now


class Line:
    """The wishes for one peer, in order. One is on its way at a time, because the network may turn the order around."""

    def __init__(self, name):
        self.name = name
        self.wishes = []
        self.asker = None  # of what is on its way
        self.peer = None  # whom it was asked
        self.due = 0
        self.pause_ms = _BACK_OFF_MS[0]

    def stop(self, now):
        if self.asker is not None:
            self.asker.stop(now)
            self.asker = None


class Remote:
    def __init__(self, app):
        self._app = app
        self._lines = []
        self._wake = asyncio.Event()

    # What rules and others say

    def wish(self, n, name, path, to):
        """Rule n wants it. Of wishes for one resource the latest counts, and toggling twice is none."""
        now = self._app.clock.ms()
        line = self._line(name)
        for wish in line.wishes:
            if wish.path == path:
                line.wishes.remove(wish)
                if to is None:
                    if wish.to is None:
                        return
                    to = not wish.to
                break
        line.wishes.append(Wish(n, path, to, now))
        self._wake.set()

    def obey(self, rules):
        """What no rule wants any more is not asked for."""
        wanted = [(rule.peer, rule.target) for rule in rules]
        for line in self._lines:
            for wish in line.wishes[:]:
                if (line.name, wish.path) not in wanted:
                    if wish is line.wishes[0]:
                        line.stop(self._app.clock.ms())
                    line.wishes.remove(wish)

    def trust_changed(self):
        """Nothing more is sent with a key that is not that of the peer."""
        for line in self._lines:
            if line.asker is not None and self._app.link.peers.find(line.name) is not line.peer:
                line.stop(self._app.clock.ms())
                line.due = 0
        self._wake.set()

    def busy(self):
        return any([line.wishes for line in self._lines])

    def end(self):
        """Before a sleep: what is not done by now will not be."""
        for line in self._lines:
            line.stop(self._app.clock.ms())
            self._drop(line, _REMOTE_SILENT)

    # The service

    async def run(self, app):
        while True:
            wait_ms = self._step(app.clock.ms())
            try:
                await asyncio.wait_for_ms(self._wake.wait(), wait_ms)
            except asyncio.TimeoutError:
                continue
            self._wake.clear()

    def _step(self, now):
        """Ask what is due. Returns ms until there is more to do, or None."""
        waits = []
        for line in self._lines[:]:
            if line.asker is None:
                while line.wishes and now - line.wishes[0].since >= _PATIENCE_MS:
                    self._app.log.event(_REMOTE_SILENT, line.wishes.pop(0).n)
                if line.wishes and line.due <= now:
                    self._ask(now, line)
            if line.asker is None:
                if line.due > now:
                    waits.append(line.due - now)
                elif not line.wishes:
                    self._lines.remove(line)
        return min(waits, default=None)

    def _line(self, name):
        for line in self._lines:
            if line.name == name:
                return line
        self._lines.append(Line(name))
        return self._lines[-1]

    def _ask(self, now, line):
        app = self._app
        peers = app.link.peers
        line.peer = peer = peers and peers.find(line.name)
        try:
            if peer is None or peer.role != PEER:
                raise ValueError
            host, port = peer.address.split(":")
            address = app.board.radio.address(host, int(port))
        except (OSError, ValueError, AttributeError):
            self._drop(line, _REMOTE_UNKNOWN)
            return
        wish = line.wishes[0]
        to = wish.to

        over = []

        def done(code, options, payload):
            over.append(True)
            line.asker = None
            self._wake.set()
            self._answered(line, wish, to, code, payload)

        method, body = (coap.GET, b"") if to is None else (coap.PUT, cbor.dumps(to))
        try:
            asker = app.link.ask(address, method, "s/" + wish.path, body, done, line.name)
            if not over:
                line.asker = asker
        except TosError as e:
            app.log.event(e.code)
            self._failed(line)

    def _answered(self, line, wish, to, code, payload):
        if code is None or code == coap.UNAUTHORIZED:
            self._failed(line)
            return
        line.pause_ms = _BACK_OFF_MS[0]
        if wish not in line.wishes:  # another is wanted meanwhile
            return
        if code >> 5 != 2:
            self._refused(line, wish, (code >> 5) * 100 + (code & 31))
        elif to is None:
            try:
                value = cbor.loads(payload)
            except TosError:
                value = None
            if isinstance(value, bool):
                wish.to = not value
            else:
                self._refused(line, wish, 0)
        else:
            line.wishes.remove(wish)
            line.due = self._app.clock.ms() + _PACE_MS
            self._app.log.event(_REMOTE_SET, wish.n)

    def _refused(self, line, wish, code):
        line.wishes.remove(wish)
        self._app.log.event(_REMOTE_REFUSES, wish.n, code)

    def _failed(self, line):
        line.due = self._app.clock.ms() + line.pause_ms
        line.pause_ms = min(line.pause_ms * 2, _BACK_OFF_MS[1])

    def _drop(self, line, code):
        for wish in line.wishes:
            self._app.log.event(code, wish.n)
        line.wishes = []
