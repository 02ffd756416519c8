"""Reports to a hub that this device lives, see docs/protocol.md. A service. MicroPython."""

import asyncio

from micropython import const
from toscore import cbor_viper as cbor
from toscore import coap

_HUB_ANSWERS = const(207)
_HUB_SILENT = const(337)
_HUB_REFUSES = const(338)
_HUB_ADDRESS = const(413)

_PERIOD_MS = const(30000)
_BACK_OFF_MS = (1000, 60000)  # first and longest pause after a report without an answer
_LONGEST_S = const(600)  # whatever a hub asks for

# Keys of a report that come from the product; 0 and 1 are our own.
STATE = 2
NEXT_MS = 3
ASLEEP = 4


class Hub:
    """Config "hub", "HOST:PORT", says where the hub is; without it there is nothing to do.

    A report that was answered is followed by the next after 30 s, or later if a hub with too many asks for that.
    """

    def __init__(self, app, link):
        self._app = app
        self._link = link
        self._wake = asyncio.Event()
        self._logged = None
        self._held = False
        app.config.watch(self._changed)

    async def run(self, app):
        pause_ms, longest_ms = _BACK_OFF_MS
        while True:
            hub = app.config.get("hub")
            wait_ms = None if self._held else await self.report()
            if app.config.get("hub") != hub:
                pause_ms = _BACK_OFF_MS[0]
                continue
            if wait_ms is not None:
                pause_ms = _BACK_OFF_MS[0]
            elif hub and not self._held:
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
        hub = app.config.get("hub")
        peer = self._peer(hub) if hub else None
        if peer is None:
            return None
        body = {0: app.boot}
        wall = app.clock.wall()
        if wall is not None:
            body[1] = wall
        if more:
            body.update(more)
        answers = []
        wake = self._wake = asyncio.Event()  # of this report alone: what an earlier one hears is too late

        def done(code, options, payload):
            answers.append((code, options))
            wake.set()

        self._link.ask(peer, coap.POST, "r/" + app.id, cbor.dumps(body), done)
        await wake.wait()
        if not answers:
            return None
        code, options = answers[0]
        if code is None:
            self._tell(_HUB_SILENT)
            return None
        if code >> 5 == 2:
            self._tell(_HUB_ANSWERS)
            return _PERIOD_MS
        self._tell(_HUB_REFUSES, (code >> 5) * 100 + (code & 31))
        age = coap.option(options, coap.MAX_AGE)
        return _PERIOD_MS if age is None else 1000 * max(1, min(coap.uint(age), _LONGEST_S))

    def _peer(self, hub):
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
        if "hub" in changes:
            self._wake.set()
