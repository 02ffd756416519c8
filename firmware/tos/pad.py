"""Controller input: what the pads of up to four players say, see docs/protocol.md. A service. MicroPython.

Loaded by a product that listens to pads only.
"""

import asyncio

from micropython import const
from toscore import packed_viper as packed
from toscore.errors import Busy, TosError, WireError

_PAD_RELEASED = const(217)
_CBOR_TRAILING = const(306)
_PADS_FULL = const(378)

_MOST = const(4)
_SILENT_MS = const(500)  # who holds a button says so more often, or is gone
_ANEW_MS = const(10000)  # after this long no record is still on its way, and a sequence may begin anew

_SEQUENCE = const(0)  # as in toscore.packed
_BUTTONS = const(1)
_AXES = const(2)
_FIELDS = const(8)

# In the order of bits and of fields; one string each is a tenth of a tuple's heap.
_BUTTON_NAMES = (
    "a b x y left_shoulder right_shoulder left_trigger right_trigger back start left_stick right_stick"
    " up down left right"
)
_AXIS_NAMES = "left_x left_y right_x right_y left_trigger right_trigger"


class Pad:
    """What one pad says. A name that is not above is a ValueError."""

    def __init__(self, who, heard):
        self._who = who
        self._heard = heard
        self._values = packed.record()
        self._pressed = 0
        self._news = False

    def held(self, button):
        """Whether a button is down."""
        return _bit(self._values[_BUTTONS], button)

    def pressed(self, button):
        """Whether it went down since the last call of the app's function; it may be up again."""
        return _bit(self._pressed, button)

    def axis(self, name):
        """Of a stick -128 to 127, right and down are positive; of a trigger 0 to 255. 0 at rest."""
        return self._values[_AXES + _AXIS_NAMES.split().index(name)]


class Pads:
    """All of them. fn(dev, pad) is called when a pad has changed, and when its silence has released it."""

    core = b",</i>;ct=60"  # in the list of resources

    def __init__(self, app, fn):
        app.pads = self
        app.use(self)
        self._fn = fn
        self._all = []
        self._record = packed.record()
        self._wake = asyncio.Event()

    def take(self, now, who, payload):
        """A record came from who. One that is older than another does nothing. WireError, and Busy for a fifth pad.

        Allocates nothing, but for a pad that is new here.
        """
        record = self._record
        if packed.load_pad(payload, 0, record) != len(payload):
            raise WireError(_CBOR_TRAILING, packed.PAD_B)
        pad = quietest = None
        for one in self._all:
            if one._who == who:
                pad = one
            if quietest is None or one._heard < quietest._heard:
                quietest = one
        if pad is None:
            if len(self._all) == _MOST:
                if now - quietest._heard < _ANEW_MS or quietest._news:
                    raise Busy(_PADS_FULL)
                self._all.remove(quietest)
            pad = Pad(who, now - _ANEW_MS)
            self._all.append(pad)
        values = pad._values
        if now - pad._heard >= _ANEW_MS or packed.newer(record[_SEQUENCE], values[_SEQUENCE]):
            pad._heard = now
            pad._pressed |= record[_BUTTONS] & ~values[_BUTTONS]
            for i in range(_FIELDS):
                if record[i] != values[i]:
                    values[i] = record[i]
                    pad._news |= i != _SEQUENCE
            self._wake.set()

    async def run(self, app):
        while True:
            wait_ms = self._step(app)
            try:
                await asyncio.wait_for_ms(self._wake.wait(), wait_ms)
            except asyncio.TimeoutError:
                continue
            self._wake.clear()

    def _step(self, app):
        """Release who is silent, tell what has changed. Returns ms until somebody will have been silent, or None."""
        now = app.clock.ms()
        first = None
        for pad in self._all:
            values = pad._values
            if any(values[_BUTTONS:]):
                left_ms = pad._heard + _SILENT_MS - now
                if left_ms > 0:
                    first = left_ms if first is None else min(first, left_ms)
                else:
                    app.log.event(_PAD_RELEASED)
                    for i in range(_BUTTONS, _FIELDS):
                        values[i] = 0
                    pad._news = True
            if pad._news:
                pad._news = False
                try:
                    self._fn(app.dev, pad)
                except TosError as e:  # a resource refuses what the pad wants
                    app.log.event(e.code)
                finally:
                    pad._pressed = 0
        return first


def _bit(bits, button):
    return bool(bits >> _BUTTON_NAMES.split().index(button) & 1)
