"""Updates, `/o` of the link: what takes one is loaded for it and goes again, see docs/updates.md. MicroPython; loaded
with the first."""

from micropython import const
from tos import drop
from toscore.errors import Busy

_OTA_ROLLED_BACK = const(434)
_OTA_MEMORY = const(441)

_LOADED = ("update", "pull", "trial", "writer", "slots")
_BELOW = ("ota", "fetch", "patch")


def begin(app, is_news, is_busy):
    """At a start. is_news: a trial has just come to nothing. is_busy: there is more to do."""
    if is_news:
        app.log.event(_OTA_ROLLED_BACK, app.told[2], app.told[5])
    if is_busy:
        app.ota = Ota(app)
        app.ota.use()


def ask(app, code, value, peer, name):
    """What a peer orders, see Update.ask. Raises TosError."""
    if app.ota is None:
        app.ota = Ota(app)
    app.ota.ask(code, value, peer, name)


class Ota:
    """A service while there is something to do."""

    def __init__(self, app):
        self._app = app
        self._update = None
        self._is_used = False

    def use(self):
        self._is_used = True
        self._app.use(self)

    def ask(self, code, value, peer, name):
        try:
            self._load().ask(code, value, peer, name)
            if not self._is_used:
                self.use()
        except MemoryError:
            raise Busy(_OTA_MEMORY)
        finally:
            if not self._is_used:
                self._drop()

    async def run(self, app):
        try:
            await self._load().run(app)
            self._is_used = False
        finally:
            self._drop()

    def _load(self):
        if self._update is None:
            from tos.update import Update

            self._update = Update(self._app)
        return self._update

    def _drop(self):
        self._update = None
        drop(*["tos." + name for name in _LOADED], *["toscore." + name for name in _BELOW])
