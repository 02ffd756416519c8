"""Updates, `/o` of the link, see docs/updates.md. A service while there is one. MicroPython; loaded with the first.

What an update takes is loaded step by step, and each step's code goes before the next one's comes:

    update.py     what somebody orders, and whether a manifest is for this device
    download.py   its bytes into the slot that does not run: pull.py or web.py fetches, writer.py writes
    firmware.py   the part of it that is firmware, where there is one
    flash.py      what goes into a partition: that, or an app that is a ROMFS
    finish.py     from bytes to a slot that can be started
    trial.py      after the restart: does it stay
"""

from micropython import const
from tos.lazy import drop
from toscore.errors import Busy, TosError

_STORE_FAILED = const(407)
_OTA_ROLLED_BACK = const(434)
_OTA_MEMORY = const(441)

_LOOK_MS = const(500)
_SETTLE_MS = const(1000)  # until whoever watches has heard of it
_STEPS = ("update", "download", "pull", "web", "room", "writer", "flash", "firmware", "finish", "trial", "slots")
_BELOW = ("ota", "ota_blocks", "ota_manifest", "ota_sign", "ecdsa", "fetch", "patch", "cbor")


def begin(app, is_news, is_busy):
    """At a start. is_news: a trial has just come to nothing. is_busy: there is more to do."""
    if is_news:
        app.log.event(_OTA_ROLLED_BACK, app.told[2], app.told[5])
    if is_busy:
        app.ota = Ota(app)
        app.ota.use()


def ask(app, code, value, peer, name):
    """What a peer orders, see update.py. Raises TosError."""
    if app.ota is None:
        app.ota = Ota(app)
    app.ota.ask(code, value, peer, name)


class Ota:
    """told: [sequence that runs, state, sequence of the update, bytes that have come, of how many, code of the reason,
    slot that runs], kept up to date. job: [Manifest, where its bytes are, its message until that is stored] of what is
    fetched, or None. is_ordered: to start anew. Below are the states."""

    IDLE, DOWNLOADING, READY, TRIAL, CONFIRMED, FAILED, ROLLED_BACK = range(7)

    def __init__(self, app):
        self.app = app
        self.told = app.told
        self.job = None
        self.is_ordered = False
        self._is_used = False
        self._is_awake = False

    def use(self):
        self._is_used = True
        self.app.use(self)

    def is_due(self):
        return self.job is not None or self.is_ordered

    def tell(self, state, reason=0):
        self.told[1] = state
        self.told[5] = reason
        self.app.link.changed("o")

    def ask(self, code, value, peer, name):
        is_due = self.is_due()
        try:
            from tos.update import obey

            obey(self, code, value, peer, name)
        except MemoryError:
            raise Busy(_OTA_MEMORY)
        finally:
            obey = None
            if not is_due and self.told[1] != self.TRIAL:  # else a step is under way
                drop_steps()
        self._is_awake = True
        if self.is_due() and not self._is_used:
            self.use()

    async def run(self, app):
        try:
            if not self.is_due():
                from tos.trial import proceed

                await proceed(self)
            while self.is_due():
                if self.is_ordered:
                    await self.restart()
                await self._update(app)
            self._is_used = False
        finally:
            proceed = self.job = None  # what has crashed goes on as after a restart
            drop_steps()

    async def _update(self, app):
        code = 0
        try:
            drop_steps()
            from tos.download import download

            await download(self)
            drop_steps()
            if self.job:
                from tos.finish import ready

                await ready(self)
                if self.job:
                    await self.restart()
        except TosError as e:
            code = e.code
            app.log.event(code)
        except OSError as e:
            code = _STORE_FAILED
            app.log.event(code, e.errno)
        except MemoryError:
            code = _OTA_MEMORY
            app.log.event(code)
        drop_steps()
        if self.job:
            from tos.finish import failed

            failed(self, code)

    async def pause(self, ms):
        """Shorter when somebody asks for something."""
        clock = self.app.clock
        self._is_awake = False
        end = clock.ms() + ms
        while clock.ms() < end and not self._is_awake:
            await clock.sleep_ms(min(ms, _LOOK_MS))

    async def restart(self):
        """Outputs are safe before, as they are at each start."""
        app = self.app
        await app.clock.sleep_ms(_SETTLE_MS)
        app.state.save()
        app.make_safe()
        app.board.restart()


def drop_steps():
    drop(*["tos." + name for name in _STEPS], *["toscore." + name for name in _BELOW])
