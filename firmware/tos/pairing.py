"""Pairing: the device's secret, the button that opens it, and who is asked about `/p`, see docs/pairing.md. A service.
MicroPython.
"""

from micropython import const
from tos.bodies import refuse
from tos.lazy import drop, lend, load
from toscore import coap
from toscore.errors import Denied, StoreError

_BAD_OPTION = const(327)
_NOT_CBOR = const(328)
_PAIR_ROLE = const(363)
_SECRET_FAILED = const(414)

_SECRET = "pairing"  # in the keystore
_SECRET_B = const(16)
_TIMER = const(4)  # a cause of start
_LOOK_MS = const(100)
_OPEN_MS = const(120000)
_RESET_MS = const(10000)


class Pairing:
    """Open until there is an owner, and then for two minutes after the button was pressed. Held for ten seconds, the
    button resets the device to what it was when it was new.

    What is asked is not for this file: pair.py is loaded when somebody begins to pair, and dropped when that is over,
    and trust.py is lent.
    """

    def __init__(self, app):
        self._app = app
        self._open_until = 0
        self._begun = None  # see pair.py
        self.secret = self._find_secret()

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

    # The code

    def _print(self):
        code = self.code()
        if code:
            print("Pairing code:", code)
        return code

    def code(self):
        """For who may see it; None when there is no secret."""
        if self.secret is None:
            return None
        from toscore.pairing_code import encode

        code = encode(self._app.id, self.secret)
        drop("toscore.pairing_code")
        return code

    def _show(self):
        """On a display too, until the app writes something else there or there is an owner."""
        code = self._print()
        display = self._app.shown.get("display")
        if code and display:
            display.last = None
            display.drive(code)

    def clear(self):
        """There is an owner."""
        display = self._app.shown.get("display")
        if display and display.last is None:
            display.drive("")

    def access_point_key(self):
        """The passphrase of the device's own access point, which the code tells; None when there is no secret."""
        if self.secret is None:
            return None
        from toscore.pairing_code import access_point_key

        key = access_point_key(self.secret)
        drop("toscore.pairing_code")
        return key

    # The button

    async def run(self, app):
        """It polls; a button that is down from the start on counts once it was up."""
        if not app.link.is_owned() and app.board.cause != _TIMER:
            self._show()
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
                lend("reset").order(app)
            elif was_down and not down and is_new:
                is_new = False
                self._open(now)
            was_down = down
            if self._begun is not None and self._begun.is_over(now):
                self._begun = None
                drop("tos.pair", "toscore.pairing", "toscore.p256")
            await app.clock.sleep_ms(_LOOK_MS)

    def _open(self, now):
        self._open_until = now + _OPEN_MS
        self._app.wifi.machine(self._app).press()
        self._print()

    def open_ms(self):
        """For how long it is open; None without an end, 0 when it is closed."""
        if not self._app.link.is_owned():
            return None
        return self.opened_ms()

    def opened_ms(self):
        """For how long it is still open because its button was pressed."""
        return max(0, self._open_until - self._app.clock.ms())

    # What is asked

    def route(self, peer, code, token, path, options, payload, seal):
        """What the link is asked of /p, /p/<name> and /r -> (code, options, payload). Raises TosError."""
        if code != coap.GET:
            form = coap.option(options, coap.CONTENT_FORMAT)
            if form is not None and coap.uint(form) != coap.CBOR:
                return refuse(coap.UNSUPPORTED_FORMAT, _NOT_CBOR, path)
            if coap.option(options, coap.BLOCK1) is not None:  # all of them are short
                return refuse(coap.BAD_OPTION, _BAD_OPTION, coap.BLOCK1)
        if path != "p" or code != coap.POST or seal is not None:
            return lend("trust").route(self._app, peer, code, path, payload, seal)
        if self._begun is None:
            if self.secret is None or self.open_ms() == 0:
                raise Denied(_PAIR_ROLE)
            self._begun = load("pair").Exchange(self._app)
        return self._begun.ask(peer, token, bytes(payload))



def _button(app):
    """The app's own, where it has one; else that of the board."""
    for name in app.needs:
        if name.startswith("button"):
            return getattr(app.dev, name)
    return app.board.features[app.board.pairing]()
