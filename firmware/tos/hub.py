"""Reports to a hub that this device lives, see docs/protocol.md. A service. MicroPython."""

import asyncio

_BACK_OFF_MS = (1000, 60000)  # first and longest pause after a report without an answer

# Keys of a report that come from the product; 0, 1 and 5 are our own.
STATE = 2
NEXT_MS = 3
ASLEEP = 4


class Hub:
    """Config "hub", "HOST:PORT", says where the hub is, and "hub_peer" which peer; without them there is nothing to do,
    but for a simulated device that was started plain: that tells a hub in the clear, which can bring nothing then.

    A report that was answered is followed by the next after 30 s, or later if a hub with too many asks for that.
    """

    def __init__(self, app, link):
        self._app = app
        self._link = link
        self._wake = asyncio.Event()
        self._held = False
        self._reporter = None
        app.config.watch(self._changed)
        if self._where()[1]:
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
        hub = self._where()
        if not hub[0]:
            return None
        wake = self._wake = asyncio.Event()  # of this report alone: what an earlier one hears is too late
        return await self.reporter().report(hub, wake, more)

    def reporter(self):
        """-> the Reporter, which is loaded now if it was not."""
        if self._reporter is None:
            from tos.report import Reporter

            self._reporter = Reporter(self._app, self._link)
        return self._reporter

    def peer(self):
        """The peer that is the hub, with its commands in reporter().commands; None when there is none."""
        return self.reporter().peer(self._where()[1])

    def _where(self):
        return self._app.config.get("hub"), self._app.config.get("hub_peer")

    def _changed(self, changes):
        if "hub" in changes or "hub_peer" in changes:
            self._wake.set()
