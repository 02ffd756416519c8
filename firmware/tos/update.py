"""An update, from its manifest to the slot that is on trial, see docs/updates.md. MicroPython; loaded while there is
one. pull.py has where its bytes come from, writer.py where they go, trial.py what decides whether it stays.
"""

import asyncio
import binascii
import io
import sys

from micropython import const
from tos import drop, slots
from tos.writer import Writer
from toscore import cbor_viper as cbor
from toscore import coap, ota
from toscore.errors import Busy, StoreError, TosError, WireError

_OTA_BEGUN = const(230)
_OTA_READY = const(231)
_OTA_DAMAGED = const(393)
_OTA_BUSY = const(399)
_STORE_FAILED = const(407)
_OTA_PART = const(429)
_OTA_ORDER = const(439)
_OTA_MEMORY = const(441)

IDLE, DOWNLOADING, READY, TRIAL, CONFIRMED, FAILED, ROLLED_BACK = range(7)

_KEYS = ("ota0", "ota1")  # in the keystore; empty is revoked
_SETTLE_MS = const(1000)  # until whoever watches has heard of it
_BACK_OFF_MS = (5000, 300000)
_TRIES = const(4)  # of one block


class Update:
    """told: [sequence that runs, state, sequence of the update, bytes that have come, of how many, code of the reason,
    slot that runs], kept up to date. spare: the slot where an update goes."""

    def __init__(self, app):
        self.app = app
        self.told = app.told
        self._job = None  # (manifest, Writer, source) of what is fetched
        self._message = None  # of the job, until it is stored
        self._wake = asyncio.Event()
        self.is_ordered = False  # to start anew
        name = self.told[6]
        self.spare = slots.other(name) if name in "ab" else "b" if slots.load()["b"][0] != slots.GOOD else "a"

    def is_due(self):
        """Whether there is something to do for run()."""
        return self._job is not None or self.is_ordered

    def tell(self, state, reason=0):
        self.told[1] = state
        self.told[5] = reason
        self.app.link.changed("o")

    def ask(self, code, value, peer, name):
        """PUT {0: the manifest's message[, 1: address of the bundle]}. peer, name: who asks, in case that the bundle is
        there. POST {0: "abort"} ends what has not begun to run, {0: "rollback"} goes back to the version before.
        Refusals are raised; what it does then, GET tells."""
        if code == coap.PUT:
            self._take(value, peer, name)
            return
        order = value.get(0) if isinstance(value, dict) else None
        if order == "abort" and self._job and self.told[1] == DOWNLOADING:
            self._fail(0)
            self._job = None
        elif order == "rollback":
            from tos.trial import back

            back(self)
            self.is_ordered = True
        else:
            raise Busy(_OTA_ORDER)
        self._wake.set()

    def _take(self, value, peer, name):
        if self._job or self.told[1] in (READY, TRIAL):
            raise Busy(_OTA_BUSY)
        if not isinstance(value, dict) or not isinstance(value.get(0), bytes) or not set(value) <= {0, 1}:
            raise WireError(_OTA_ORDER, 0)
        from tos.pull import source

        manifest = self._manifest(value[0])
        host, port = self.app.board.radio.parts(peer)
        where = source(value.get(1), name, host, port, manifest.sequence)
        writer = Writer(self.spare, manifest.parts[0], self.told[6])
        writer.check_room()
        record = slots.load()
        record.pop("why", None)
        record[self.spare] = [slots.WRITING, manifest.sequence]
        record["source"] = where
        save(record)
        self.app.log.event(_OTA_BEGUN, manifest.sequence)
        self._begin(manifest, value[0], writer, where)

    def _manifest(self, message):
        """What the message says, once it is known to be for this device and right. What reads it is dropped again."""
        record = slots.load()
        keys = self._keys()
        try:
            from toscore import ota_manifest

            manifest = ota_manifest.read(message, keys, cbor, _inflate)
        finally:
            ota_manifest = None
            drop("toscore.ota_manifest", "toscore.ecdsa")
            if "toscore.pairing" not in sys.modules:
                drop("toscore.p256")
        try:
            contents = {ota.APP: binascii.unhexlify(slots.about(self.told[6])["content"])}
        except (OSError, ValueError, KeyError):
            contents = {}
        ota.check(manifest, self.app.name, self.app.board.NAME, self.told[0], record["floor"], keys, contents)
        if [part.kind for part in manifest.parts] != [ota.APP]:
            raise WireError(_OTA_PART)
        return manifest

    def _keys(self):
        keys = []
        for n, name in enumerate(_KEYS):
            key = self.app.board.keystore.get(name)
            if key is None:
                try:
                    with open("/r/key%d" % n, "rb") as f:
                        key = f.read()
                except OSError:
                    pass
            keys.append(key if key and len(key) == 64 else None)
        return keys

    def _begin(self, manifest, message, writer, where):
        self._job = manifest, writer, where
        self._message = message
        self.told[2:5] = [manifest.sequence, 0, manifest.parts[0].length]
        self.tell(DOWNLOADING)

    # The work

    async def run(self, app):
        """Until there is nothing more to do."""
        if "keys" in slots.load():
            from tos.trial import rotate

            rotate(app)
        if self.told[1] == TRIAL:
            from tos.trial import prove

            await prove(self)
        elif not self._job:
            self._resume()
        while self.is_due():
            if self.is_ordered:
                await self.restart()
            try:
                await self._download(*self._job)
            except TosError as e:
                app.log.event(e.code)
                self._fail(e.code)
            except OSError as e:
                app.log.event(_STORE_FAILED, e.errno)
                self._fail(_STORE_FAILED)
            except MemoryError:
                app.log.event(_OTA_MEMORY)
                self._fail(_OTA_MEMORY)
            self._job = self._message = None

    def _resume(self):
        """What a restart has interrupted goes on."""
        record = slots.load()
        if record[self.spare][0] != slots.WRITING or not record.get("source"):
            return
        try:
            with open("/%s/%s" % (self.spare, ota.FILE), "rb") as f:
                message = f.read()
            manifest = self._manifest(message)
        except (OSError, TosError):  # it had hardly begun, or is not for this version: somebody will push it again
            self._fail(0)
            return
        self._begin(manifest, message, Writer(self.spare, manifest.parts[0], self.told[6]), record["source"])

    def _fail(self, code):
        record = slots.load()
        if record[self.spare][0] == slots.WRITING:
            record[self.spare] = [slots.EMPTY, 0]
            record.pop("source", None)
            try:
                save(record)
            except StoreError as e:
                self.app.log.event(e.code)
        self.tell(FAILED if code else IDLE, code)

    async def _download(self, manifest, writer, where):
        writer.begin(self._message)
        begins = len(self._message)
        self._message = None
        job = self._job
        pause_ms, longest_ms = _BACK_OFF_MS
        wrong = {}
        try:
            while not writer.blocks.whole():
                good = writer.blocks.good
                try:
                    await self._pull(job, writer, where, begins)
                except TosError as e:
                    if e.code != _OTA_DAMAGED:
                        raise
                    self.app.log.event(_OTA_DAMAGED, e.detail)
                    wrong[e.detail] = wrong.get(e.detail, 0) + 1
                    if wrong[e.detail] == _TRIES:
                        raise
                    continue
                if self._job is not job:
                    return
                if writer.blocks.whole():
                    break
                writer.again()
                if writer.blocks.good > good:
                    pause_ms = _BACK_OFF_MS[0]
                await self.pause(pause_ms)
                pause_ms = min(2 * pause_ms, longest_ms)
        finally:
            writer.close()
        self.tell(DOWNLOADING)
        await self.app.clock.sleep_ms(0)
        writer.finish(manifest.sequence)
        record = slots.load()
        record[self.spare] = [slots.TRIAL, manifest.sequence]
        keys = {str(n): key and binascii.hexlify(key).decode() for n, key in manifest.keys.items()}
        record["next"] = [manifest.floor, keys]
        record["boots"] = 0
        record.pop("source", None)
        save(record)
        self.app.log.event(_OTA_READY, manifest.sequence)
        self.tell(READY)
        await self.restart()

    async def _pull(self, job, writer, where, begins):
        """The bundle's bytes from the first block on that is missing, as long as they come."""
        from tos.pull import pull

        def sink(offset, piece):
            writer.write(piece)
            self.told[3] = writer.blocks.at
            self.app.link.changed("o")

        await pull(self.app, where, begins + writer.blocks.good, sink, lambda: self._job is job)

    async def pause(self, ms):
        """Shorter when somebody asks for something."""
        self._wake.clear()
        try:
            await asyncio.wait_for_ms(self._wake.wait(), ms)
        except asyncio.TimeoutError:
            pass

    async def restart(self):
        """Outputs are safe before, as they are at each start."""
        app = self.app
        await app.clock.sleep_ms(_SETTLE_MS)
        app.state.save()
        app.make_safe()
        app.board.restart()


def _inflate(data, n):
    import deflate

    return deflate.DeflateIO(io.BytesIO(data), deflate.RAW, 10).read(n)


def save(record):
    """Raises StoreError."""
    try:
        slots.save(record)
    except OSError as e:
        raise StoreError(_STORE_FAILED, e.errno)
