"""When a device's tag may be read and written, and what becomes of what was written; on the air: host/test_tag.py."""

import asyncio

from rig import Clock
from tos.ports import FieldLost
from tos.tag import Tag
from toscore import ndef, wsc
from toscore.errors import Busy

CODE = "tos:v1:door-c0ffee:ABCD"
WIFI = ndef.message([(ndef.MEDIA, wsc.TYPE, wsc.payload("home", "right one"))])


class App:
    """As much of one as the tag asks for: owner, networks, the window that the button opens."""

    def __init__(self, owned=False, networks=None, opened_ms=0):
        app = self
        self.owned = owned
        self.opened = opened_ms
        self.config = {"networks": networks}
        self.clock = Clock()
        self.events = []
        self.offered = []
        self.busy = False

        class Pairing:
            def opened_ms(self):
                return app.opened

            def code(self):
                return CODE

        class Machine:
            def offer(self, ssid, password):
                if app.busy:
                    raise Busy(372)
                app.offered.append((ssid, password))

        self.pairing = Pairing()
        self.link = self.wifi = self.log = self
        self._machine = Machine()

    def is_owned(self):
        return self.owned

    def machine(self, app):
        return self._machine

    def event(self, code, *details):
        self.events.append(code)


def tag(**about):
    app = App(**about)
    found = Tag()
    found._app = app
    return app, found


def test_wifi_is_taken_while_new_and_after_the_button_and_never_else():
    home = [["home", "x"]]
    for owned, networks, opened_ms, wanted in (
        (False, None, 0, True), (False, home, 0, False), (True, None, 0, False), (True, home, 0, False),
        (True, home, 1, True), (False, home, 120000, True), (True, None, 1, True),
    ):  # fmt: skip
        _, found = tag(owned=owned, networks=networks, opened_ms=opened_ms)
        assert found.takes() is wanted, (owned, networks, opened_ms)


def test_the_code_shows_after_the_button_only():
    app, found = tag()
    assert found.shows() == b""  # new, and nobody pressed anything
    app.opened = 1
    assert ndef.records(found.shows()) == [ndef.uri(CODE)]
    app.opened = 0
    assert found.shows() == b""
    app.pairing = None  # a simulated device that is plain has none
    assert found.shows() == b"" and found.takes()


def test_what_was_written_is_offered_to_the_radio_once():
    app, found = tag()
    assert found.wrote(WIFI)
    assert app.offered == [("home", "right one")] and app.events == [250]


def test_what_is_no_network_is_refused_and_logged():
    for message in (b"", b"\xd1", ndef.message([ndef.uri("x")]), ndef.message([(ndef.MEDIA, wsc.TYPE, b"\x10\x0e")])):
        app, found = tag()
        assert not found.wrote(message)
        assert app.offered == [] and app.events == [360]


def test_during_another_attempt_it_is_refused():
    app, found = tag()
    app.busy = True
    assert not found.wrote(WIFI) and app.events == []


class Nfc:
    """A radio without readers; told is what it was asked for."""

    def __init__(self):
        self.lock = asyncio.Lock()
        self.told = []

    async def listen(self):
        self.told.append("listen")
        raise FieldLost

    async def silence(self):
        self.told.append("silence")


def test_the_radio_is_silent_while_nothing_may_be_done_and_between_two_turns():
    async def main():
        app, found = tag(owned=True, networks=[["home", "x"]])
        nfc = Nfc()
        app.dev = app
        app.nfc = nfc
        task = asyncio.create_task(found.run(app))
        for _ in range(20):
            await asyncio.sleep_ms(0)
        assert nfc.told == []
        app.opened = 120000
        for _ in range(40):
            await asyncio.sleep_ms(0)
        assert nfc.told[:4] == ["listen", "silence"] * 2
        async with nfc.lock:  # somebody else has it
            nfc.told.clear()
            for _ in range(20):
                await asyncio.sleep_ms(0)
            assert nfc.told == []
        app.opened = 0
        for _ in range(20):
            await asyncio.sleep_ms(0)
        nfc.told.clear()
        for _ in range(20):
            await asyncio.sleep_ms(0)
        assert nfc.told == [] and found._message == b""
        task.cancel()

    asyncio.run(main())
    asyncio.new_event_loop()
