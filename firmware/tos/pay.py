"""A device that pays by a tap: armed by its owner, for one cryptogram; see docs/payments.md. A service. MicroPython.

    pay = app.use(Pay(screen="text", buzz="vibration"))
"""

import asyncio

from micropython import const
from tos import wallet
from tos.owned import Owned
from tos.pin import Pin
from tos.ports import FieldLost
from tos.taps import AC, OUTCOME, Taps
from tos.wallet import Wallet
from toscore.card import Card
from toscore.errors import Busy, Denied, StoreError, TosError

_PAY_ARMED = const(244)
_PAY_SENT = const(245)
_PAY_ENDED = const(246)
_PAY_CHECKED = const(247)
_CANNOT_PAY = const(359)

_ARMED_MS = const(30000)
_CHECK_MS = const(300000)  # so long a cardholder check counts, unless a sleep or a reset ends it
_BUZZ_MS = const(150)
_OUT_B = const(258)
_NOTED = (0,)

# What the device shows; the value of `payment`.
_WORDS = {
    "": "", "armed": "Hold to reader", "confirm": "Press to confirm", "pin": "Enter PIN", "sent": "Sent",
    "approved": "Approved", "declined": "Declined", "none": "No token", "suspended": "Suspended", "locked": "Locked",
    "replenish": "Needs a new key", "failed": "Cannot pay now",
}  # fmt: skip


class Pay:
    """One token, and what a Card asks of its purse. The app needs nfc.

    limit: in minor units of currency (ISO 4217), until the owner sets another; above it the cardholder is checked.
    screen, buzz: paths of a text and of a switch that tell the cardholder. wallet, pin: None before it runs.
    """

    core = b",</y/token>;ct=60"  # in the list of resources
    link = "pay_link"  # answers for /y

    def __init__(self, limit=2500, currency=978, screen=None, buzz=None):
        self._first_limit = limit
        self._screen, self._buzz = screen, buzz
        self.currency = bytes((currency // 100, currency % 100 // 10 << 4 | currency % 10))
        self._until = self._checked_at = self._buzzing = self.wallet = self.pin = None
        self._given = None  # what the tap that is not over has given; _NOTED once it is in the list
        self._told = ""
        self._wake = asyncio.Event()
        self._out = bytearray(_OUT_B)

    def declare(self, app):
        """App.use asks it for the resources that it brings."""
        self._app = app
        app.pay = self
        app.table.add(Owned(app, self._can_arm, "arm", "switch", fn=self._arm, initial=False, safe=False, depends=()))
        about = {"initial": self._first_limit, "minimum": 0, "maximum": 99999999, "step": 1, "keep": True}
        app.table.add(Owned(app, None, "pay_limit", "number", **about))
        app.value("payment", initial="")
        app.value("pay_left", initial=0)

    # What others call

    def press(self):
        """The button. It arms; pressed again, before the tap or when the terminal asks, it is the cardholder's
        confirmation, where there is no PIN."""
        if self.armed():
            if self.pin.tries is None:
                self._check()
                self._tell("armed")
            return
        try:
            self._app.set("arm", True)
        except TosError as e:
            self._app.log.event(e.code)

    def enter(self, pin):
        """Denied when it is wrong, or locked; StoreError."""
        try:
            self.pin.check(pin)
        except Denied:
            self._checked_at = None
            if self.pin.tries == 0:
                self._app.set("arm", False)
                self._tell("locked")
            raise
        self._check()
        if self.armed():
            self._tell("armed")

    def result(self, atc, mac, csu, data):
        """How a tap ended. False unless it comes from who has the keys."""
        tap = self._taps.find(self.wallet.key()[0], atc)
        if tap is None or not self.wallet.load().confirms(atc, tap[AC], csu, data, mac):
            return False
        self._taps.settle(tap, bool(csu[1] & 0x80), data)
        if csu[1] & 0x20:
            self.wallet.suspend(True)
        self._app.log.event(_PAY_ENDED, atc, tap[OUTCOME])
        self._count()
        self._tell("approved" if not tap[OUTCOME] else "declined")
        return True

    def disarm(self):
        if self.armed():
            self._app.set("arm", False)

    def changed(self):
        """Token, key or PIN are others."""
        self._count()
        if self._app.get("payment") in ("none", "suspended", "locked", "replenish", "failed"):
            self._tell("")

    def state(self):
        """As wallet.py numbers them."""
        return wallet.LOCKED if self.pin.tries == 0 else self.wallet.state()

    def left(self):
        """Cryptograms that may still be made with this key; 0 also when its days are over, as far as one knows."""
        ki, uses, until = self.wallet.key()
        wall = self._app.clock.wall()
        if ki is None or (wall is not None and wall >= until):
            return 0
        return max(0, uses - self._taps.used(ki))

    def checked_ms(self):
        """How long ago the cardholder was; None when that counts no more."""
        if self._checked_at is not None:
            ago_ms = self._app.clock.ms() - self._checked_at
            return ago_ms if ago_ms < _CHECK_MS else None

    # The purse of a Card

    @property
    def token(self):
        return self.wallet.token

    @property
    def limit(self):
        return self._app.get("pay_limit")

    def armed(self):
        return self._until is not None and self._app.clock.ms() < self._until

    def checked(self):
        return self.checked_ms() is not None

    def take(self):
        atc = self.wallet.take()
        self._until = None
        return atc

    def asks(self, pdol):
        self._told = "confirm" if self.pin.tries is None else "pin"

    def gave(self, atc, ac, pdol):
        self._given = atc, ac, bytes(pdol)
        self._told = "sent"

    # The service

    async def run(self, app):
        if self.wallet is None:
            self.begin(app)
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self.armed():
                async with app.dev.nfc.lock:
                    await self._while_armed(app, app.dev.nfc)

    def begin(self, app, atc_path="/atc.rec", taps_path="/pay.rec"):
        """What is stored; once after each start."""
        self.wallet = Wallet(app.board, app.log, atc_path)
        self.pin = Pin(app.board, app.log)
        self._taps = Taps(app.log, taps_path)
        self._card = Card(self, getattr(app.dev.nfc, "has_contacts", False))
        self._count()

    async def _while_armed(self, app, nfc):
        """Until a cryptogram was given and its tap is over, or the time is, or somebody thought better of it."""
        task = asyncio.create_task(self._taken(nfc))
        until = self._until
        try:
            while not task.done() and (self.armed() or self._given):
                until = self._until or until
                await asyncio.wait_for_ms(self._wake.wait(), max(0, until - app.clock.ms()))
                self._wake.clear()
        except asyncio.TimeoutError:
            pass
        finally:
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
            finally:  # also of a radio that fails
                self._card.reset()
                if self._given:
                    self._keep()
                elif app.get("payment") in ("armed", "confirm", "pin"):
                    self._tell("")
                app.set("arm", False)
                await nfc.silence()

    async def _taken(self, nfc):
        """One tap after the other, until one has been paid. Writes nothing to flash."""
        card, out = self._card, memoryview(self._out)
        try:
            while self.armed():
                await nfc.listen()
                card.reset()
                try:
                    while True:
                        n = card.step(await nfc.receive(), self._out)
                        await nfc.send(out[:n])
                        if self._told:
                            self._note()
                            self._tell(self._told)
                            self._told = ""
                except FieldLost:
                    pass
        finally:
            self._wake.set()

    def _keep(self):
        """The tap is over."""
        self._note()
        self._given = None
        self._taps.save()
        self._count()

    def _note(self):
        """What a reader was given, in memory: its result may come before the tap is over."""
        if self._given in (None, _NOTED):
            return
        atc, ac, pdol = self._given
        self._given = _NOTED
        self._taps.add(self.wallet.key()[0], atc, ac, pdol, self._app.clock.wall() or 0)
        self._app.log.event(_PAY_SENT, atc)

    def _can_arm(self, value):
        """Busy, and shown, where it cannot pay now."""
        if not value:
            return
        if self.wallet is None:  # the press that woke it comes before the service
            self.begin(self._app)
        if self._given:
            raise Busy(_CANNOT_PAY)
        state = self.state()
        word = {wallet.ACTIVE: "", wallet.SUSPENDED: "suspended", wallet.LOCKED: "locked"}.get(state, "none")
        if not word and not self.left():
            word = "replenish"
        if not word:
            try:
                self.wallet.reserve()
                self.wallet.load()
            except StoreError as e:
                self._app.log.event(e.code)
                word = "failed"
        if word:
            self._tell(word)
            raise Busy(_CANNOT_PAY, word)

    def _arm(self, dev, on):
        """The resource's driver; _can_arm has been asked."""
        if on and self.wallet.token is not None:
            self._until = self._app.clock.ms() + _ARMED_MS
            self._wake.set()
            self._app.log.event(_PAY_ARMED)
            self._tell("armed")
        elif not on:
            self._until = None
            self._wake.set()

    def _check(self):
        self._checked_at = self._app.clock.ms()
        self._app.log.event(_PAY_CHECKED)

    def _count(self):
        self._app.put(self._app.table["pay_left"], self.left())

    def _tell(self, word):
        self._app.put(self._app.table["payment"], word)
        if self._screen:
            self._app.set(self._screen, _WORDS[word])
        if self._buzz and word not in ("", "armed"):
            self._buzzing = asyncio.create_task(self._buzzes())

    async def _buzzes(self):
        self._app.set(self._buzz, True)
        await self._app.clock.sleep_ms(_BUZZ_MS)
        self._app.set(self._buzz, False)
