"""A till: an amount, a tap, and what the token service says, see docs/payments.md. A service. MicroPython.

    till = app.use(Till(amount="amount", screen="text"))

What it does is in till_*.py. They are there while there is something to do; at rest a till is this file.
"""

import asyncio

from micropython import const
from tos.lazy import drop, load
from tos.resource import Resource

_IDLE_MS = const(30000)
_MOST = const(999999)
_PARTS = ("tos.till_ask", "tos.till_desk", "tos.till_link", "tos.till_sale", "tos.till_sales", "tos.till_tell")
_PARTS += ("tos.till_words", "toscore.terminal", "toscore.apdu", "toscore.emv", "toscore.cmac", "toscore.tlv")


class Till:
    """The app needs nfc. amount, screen: paths of the number that is typed, in minor units, and of a text.

    wanted: what is to be sold, 0 is nothing. undo: what is to be taken back of the last sale, 0 is all, -1 nothing.
    is_back: the next keys say that. is_new: what is owed since before the start has not been looked at.
    due, pause_ms: when what is owed is told again, and how long that has been put off.
    trace: of the latest tap, see note in till_ask.py.
    """

    core = b",</y/till>;ct=60"  # in the list of resources
    link = "till_link"  # answers for /y
    terms_path, sales_path = "/till.rec", "/sales.rec"

    def __init__(self, amount, screen):
        self.amount = amount
        self.screen = screen
        self.wanted = 0
        self.undo = -1
        self.is_back = False
        self.is_new = True
        self.trace = [None, [], 0, 0]
        self.due = self.pause_ms = 0
        self.wake = asyncio.Event()

    def declare(self, app):
        """App.use asks it for the resources that it brings."""
        self.app = app
        app.pay = self
        about = {"unit": "ct", "maximum": _MOST, "step": 1, "writable": True, "depends": (), "origins": ("link", "app")}
        for path, fn, none in (("take", self._take, 0), ("undo", self._undo, -1)):
            r = Resource(path, "number", fn=fn, initial=none, safe=none, minimum=none, **about)
            r.check = lambda value, origin, r=r: self.part("desk").check(self, r, value, origin)
            app.table.add(r)
        app.value("sale", initial="")
        app.value("receipt", initial="", maximum=128)
        app.value("owed", initial=0)

    def press(self, key):
        """A key: "0" to "9", "ok", "clear"."""
        self.part("desk").press(self, key)

    def part(self, name):
        """-> till_NAME, which goes again when nothing has happened for a while."""
        self.wake.set()
        return load("till_" + name)

    async def run(self, app):
        while True:
            self.wake.clear()
            wait_ms = await load("till_desk").step(self)
            try:
                await asyncio.wait_for_ms(self.wake.wait(), wait_ms or _IDLE_MS)
            except asyncio.TimeoutError:
                if wait_ms is None:
                    drop(*_PARTS)
                    await self.wake.wait()

    # The drivers of two resources; what they must not be, check has refused

    def _take(self, dev, amount):
        self.wanted = amount
        self.wake.set()

    def _undo(self, dev, amount):
        self.undo = amount
        self.wake.set()
