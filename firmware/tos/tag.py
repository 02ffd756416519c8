"""A tag that a phone touches: it takes Wi-Fi credentials, and shows the pairing code. A service. MicroPython.

Both for two minutes after the button was pressed, the first also while the device has neither owner nor network. What
was written is never read back, and outside of that the radio is silent.
"""

import asyncio

from micropython import const
from tos.ports import FieldLost
from toscore import ndef, wsc
from toscore.errors import Busy, WireError
from toscore.type4 import Type4

_TAG_WIFI = const(250)
_TAG_MALFORMED = const(360)

_LOOK_MS = const(500)
_TURN_MS = const(1000)  # then somebody else may have the radio


class Tag:
    """For an app that needs nfc; with a button, whoever can press it is meant."""

    def __init__(self):
        self._app = None
        self._message = b""  # what is read, while it may be
        self._out = bytearray(258)

    async def run(self, app):
        self._app = app
        nfc = app.dev.nfc
        tag = Type4(self)
        while True:
            if not self.takes():
                self._message = b""
                await app.clock.sleep_ms(_LOOK_MS)
                continue
            async with nfc.lock:
                try:
                    await asyncio.wait_for_ms(nfc.listen(), _TURN_MS)
                    while True:
                        n = tag.step(await nfc.receive(), self._out)
                        await nfc.send(memoryview(self._out)[:n])
                except (FieldLost, asyncio.TimeoutError):
                    tag.reset()
                finally:
                    await nfc.silence()
            await asyncio.sleep_ms(0)

    # What the tag asks

    def shows(self):
        if not self._is_opened():
            return b""
        if not self._message:
            self._message = ndef.message([ndef.uri(self._app.pairing.code() or "")])
        return self._message

    def takes(self):
        app = self._app
        return self._is_opened() or not (app.link.is_owned() or app.config.get("networks"))

    def wrote(self, message):
        try:
            for kind, name, payload in ndef.records(message):
                if kind == ndef.MEDIA and name == wsc.TYPE:
                    ssid, password = wsc.networks(payload)[0]
                    self._app.wifi.machine(self._app).offer(ssid, password)
                    self._app.log.event(_TAG_WIFI)
                    return True
            at = 0
        except WireError as e:
            at = e.detail if isinstance(e.detail, int) else 0
        except Busy:
            return False
        self._app.log.event(_TAG_MALFORMED, at)
        return False

    def _is_opened(self):
        pairing = self._app.pairing
        return pairing is not None and pairing.opened_ms() > 0
