"""Pairing: the device's secret, the button that opens it, and `/p` for who knows it, see docs/pairing.md. A service.
MicroPython.
"""

import asyncio

from micropython import const
from tos import drop
from tos.link import refuse
from tos.roles import CONTROL, HUB, INPUT, OWNER, PEER, TOKENS
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import Busy, Denied, StoreError, TosError, WireError

_BAD_OPTION = const(327)
_NOT_CBOR = const(328)
_PEER_NO_ROOM = const(358)
_PAIR_ROLE = const(363)
_PAIR_BUSY = const(364)
_PAIR_OVER = const(365)
_SECRET_FAILED = const(414)
_RESET_FAILED = const(415)

_SECRET = "pairing"  # in the keystore
_SECRET_B = const(16)
_TIMER = const(4)  # a cause of start
_LOOK_MS = const(100)
_OPEN_MS = const(120000)
_RESET_MS = const(10000)
_PATIENCE_MS = const(3000)
_IDLE_MS = const(30000)  # as long as an exchange may take
_M3_HEAD = b"\xa1"  # a map of one
_NAMELESS = "unnamed"
_ROLES = (OWNER, CONTROL, INPUT, HUB, TOKENS, PEER)
_FORMAT_CBOR = ((coap.CONTENT_FORMAT, bytes((coap.CBOR,))),)


class Pairing:
    """Open until there is an owner, and then for two minutes after the button was pressed. Held for ten seconds, the
    button resets the device to what it was when it was new.

    The exchange itself, lib/toscore/pairing.py, is loaded when somebody begins one, and trust.py when somebody asks for
    it; both are dropped when they are over.
    """

    def __init__(self, app):
        self._app = app
        self._peers = app.link.peers
        self._secret = self._find_secret()
        self._open_until = 0
        self._screen = None
        self._machine = None  # that of the last exchange
        self._work = None  # (generator, peer, token) of an m2 that is being made
        self._patient_until = 0  # then the exchange makes way for another
        self._idle_at = None  # then that code is dropped; None when it is not loaded
        self._wake = asyncio.Event()

    def _find_secret(self):
        """None, logged, when it can be neither read nor kept."""
        board = self._app.board
        try:
            secret = board.keystore.get(_SECRET)
            if secret is None or len(secret) != _SECRET_B:
                secret = board.rng(_SECRET_B)
                board.keystore.put(_SECRET, secret)
            return secret
        except (StoreError, OSError):
            self._app.log.event(_SECRET_FAILED)

    async def run(self, app):
        if not self._peers.has_owner() and app.board.cause != _TIMER:
            self._show(app)
        tasks = [asyncio.create_task(self._look()), asyncio.create_task(self._answer())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            self._machine = self._work = None

    # The code

    def _show(self, app):
        code = self._print()
        if code and "display" in app.needs:
            self._screen = app.dev.display = Screen(app.dev.display, code)

    def _print(self):
        if self._secret is None:
            return None
        from toscore.pairing_code import encode

        code = encode(self._app.id, self._secret)
        print("Pairing code:", code)
        drop("toscore.pairing_code")
        return code

    # The button

    async def _look(self):
        """It polls; a button that is down from the start on counts once it was up."""
        app = self._app
        button = _button(app)
        pressed_at = now = app.clock.ms()
        was_down = True
        is_new = False
        while True:
            try:
                down = button()
            except OSError:
                down, is_new = was_down, False
            now = app.clock.ms()
            if down and not was_down:
                pressed_at, is_new = now, True
            elif down and is_new and now - pressed_at >= _RESET_MS:
                is_new = False
                self._reset()
            elif was_down and not down and is_new:
                is_new = False
                self._open(now)
            was_down = down
            if self._idle_at is not None and now >= self._idle_at and self._work is None:
                self._drop()
            await app.clock.sleep_ms(_LOOK_MS)

    def _open(self, now):
        self._open_until = now + _OPEN_MS
        self._app.wifi.machine(self._app).press()
        self._print()

    def access_point_key(self):
        """The passphrase of the device's own access point, which the code tells; None when there is no secret."""
        if self._secret is None:
            return None
        from toscore.pairing_code import access_point_key

        key = access_point_key(self._secret)
        drop("toscore.pairing_code")
        return key

    def _reset(self):
        """The next start does it, see tos/reset.py: so it is not done by halves."""
        board = self._app.board
        try:
            from tos.reset import order

            order(board.keystore)
        except (StoreError, OSError):
            self._app.log.event(_RESET_FAILED)
            return
        self._app.make_safe()
        if self._app.announce:
            self._app.announce.end()  # as what it was
        board.restart()

    # Who may

    def open_ms(self):
        """For how long it is open; None without an end, 0 when it is closed."""
        if not self._peers.has_owner():
            return None
        return max(0, self._open_until - self._app.clock.ms())

    def _roles(self):
        left_ms = self.open_ms()
        return (OWNER,) if left_ms is None else _ROLES if left_ms else ()

    # What is asked

    def route(self, peer, code, token, path, options, payload, seal):
        """What the link is asked of /p, /p/<name> and /r -> (code, options, payload). Raises TosError."""
        if code != coap.GET:
            form = coap.option(options, coap.CONTENT_FORMAT)
            if form is not None and coap.uint(form) != coap.CBOR:
                return refuse(coap.UNSUPPORTED_FORMAT, _NOT_CBOR, path)
            if coap.option(options, coap.BLOCK1) is not None:  # all of them are short
                return refuse(coap.BAD_OPTION, _BAD_OPTION, coap.BLOCK1)
        if path == "p" and code == coap.POST and seal is None:
            return self._ask(peer, token, bytes(payload))
        self._idle_at = self._app.clock.ms() + _IDLE_MS
        try:
            from tos.trust import route
        except MemoryError:
            raise Busy(_PEER_NO_ROOM)
        return route(self._app, peer, code, path, payload, seal)

    def _ask(self, peer, token, message):
        """-> EMPTY, and m2 later, for an m1."""
        now = self._app.clock.ms()
        if message[:1] == _M3_HEAD:
            return self._finish(now, peer, message)
        roles = self._roles() if self._secret else ()
        if not roles:
            raise Denied(_PAIR_ROLE)
        if self._work is not None or now < self._patient_until:
            raise Busy(_PAIR_BUSY)
        self._idle_at = now + _IDLE_MS
        try:
            from toscore.pairing import Pairing as Machine

            machine = Machine(self._secret, self._app.board.rng, cbor, self._keep)
            work = machine.begin(message, peer, now, roles, [p.recipient_id for p in self._peers.all])
        except MemoryError:
            raise Busy(_PEER_NO_ROOM)
        self._machine = machine
        self._work = work, peer, token
        self._wake.set()
        return coap.EMPTY, (), b""

    def _finish(self, now, peer, message):
        if self._machine is None:
            raise WireError(_PAIR_OVER)
        try:
            self._machine.finish(message, peer, now)
        finally:
            if not self._machine.busy(now):  # else it came from elsewhere
                self._patient_until = self._idle_at = now
        return coap.CHANGED, (), b""

    def _keep(self, role, name, secret, salt, sender_id, recipient_id):
        self._peers.add(name or _NAMELESS, role, secret, salt, sender_id, recipient_id, is_new=True)
        if self._screen is not None:
            self._screen.clear()

    async def _answer(self):
        """Makes each m2, in pieces, so that the loop turns meanwhile and the watchdog is fed."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._make(*self._work)

    async def _make(self, work, peer, token):
        try:
            message = None
            while message is None:
                message = next(work)
                await self._app.clock.sleep_ms(0)
            answer = coap.CHANGED, _FORMAT_CBOR, message
            self._patient_until = self._app.clock.ms() + _PATIENCE_MS
        except TosError as e:
            self._app.log.event(e.code)
            answer = refuse(e.coap, e.code, e.detail)
        except MemoryError:
            answer = refuse(Busy.coap, _PEER_NO_ROOM, None)
        self._work = None
        self._app.link.respond(peer, answer[0], token, answer[1], answer[2])

    def _drop(self):
        """The machine's code, and that of trust.py, gives the heap back what it took, some 9 KB on a chip."""
        self._machine = self._idle_at = None
        drop("toscore.pairing", "toscore.p256", "tos.trust")


class Screen:
    """A display that has the code, until something else is written there or there is an owner."""

    def __init__(self, display, code):
        self._display = display
        self._has_code = True
        display(code)

    def __call__(self, text):
        self._has_code = False
        self._display(text)

    def clear(self):
        if self._has_code:
            self("")


def _button(app):
    """The app's own, where it has one; else that of the board."""
    for name in app.needs:
        if name.startswith("button"):
            return getattr(app.dev, name)
    return app.board.features[app.board.pairing]()
