"""An update, from its manifest to its confirmation, see docs/updates.md. MicroPython; loaded when there is one."""

import asyncio
import binascii
import io

from micropython import const
from tos import slots
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import Busy, StoreError, TosError, WireError

_OTA_BEGUN = const(230)
_OTA_READY = const(231)
_OTA_TRIAL = const(232)
_OTA_CONFIRMED = const(233)
_HUB_ANSWERS = const(207)
_OTA_DAMAGED = const(393)
_OTA_BUSY = const(399)
_SERVICE_CRASHED = const(401)
_STORE_FAILED = const(407)
_OTA_ROLLED_BACK = const(434)
_OTA_PART = const(429)
_OTA_SELF_TEST = const(437)
_OTA_SOURCE = const(438)
_OTA_ORDER = const(439)
_OTA_ASKED = const(440)

IDLE, DOWNLOADING, READY, TRIAL, CONFIRMED, FAILED, ROLLED_BACK = range(7)

_KEYS = ("ota0", "ota1")  # in the keystore; empty is revoked
_SELF_TEST_MS = const(60000)
_LOOK_MS = const(1000)
_SETTLE_MS = const(1000)  # until whoever watches has heard of it
_BACK_OFF_MS = (5000, 300000)
_TRIES = const(4)  # of one block
_PORT = const(5683)


class Update:
    """state and all else that GET /o tells."""

    def __init__(self, app):
        self._app = app
        self._job = None
        self._wake = asyncio.Event()
        self._ordered = False
        record = slots.load()
        self._slot = app.board.slot
        self._sequence = record[self._slot][1] if self._slot in record else 0
        self.state = IDLE
        self.target = self.done = self.total = self.reason = 0
        if slots.trial(record) == self._slot:
            self.state, self.target = TRIAL, self._sequence
        elif "why" in record:
            self.state = ROLLED_BACK
            self.target, self.reason = record["why"]
        self._spare = slots.other(self._slot) if self._slot in "ab" else "b" if record["b"][0] != slots.GOOD else "a"

    # The link

    def body(self):
        return cbor.dumps(
            {
                0: self._sequence,
                1: self.state,
                2: self.target,
                3: self.done,
                4: self.total,
                5: self.reason,
                6: self._slot,
            }
        )

    def _tell(self, state=None, reason=0):
        if state is not None:
            self.state, self.reason = state, reason
        self._app.link.changed("o")

    def put(self, value, peer, name):
        """{0: the manifest's message[, 1: coap://HOST:PORT/PATH of the bundle]}. peer, name: who asks, in case that the
        bundle is there. Refusals are raised; what it does then, GET tells."""
        if self._job or self.state in (READY, TRIAL):
            raise Busy(_OTA_BUSY)
        if not isinstance(value, dict) or not isinstance(value.get(0), bytes) or not set(value) <= {0, 1}:
            raise WireError(_OTA_ORDER, 0)
        manifest = self._manifest(value[0])
        host, port = self._app.board.radio.parts(peer)
        source = _source(value.get(1), name, host, port, manifest.sequence)
        writer = self._writer(manifest)
        writer.check_room()
        self._begin(manifest, source)
        self._job = manifest, value[0], writer, source
        self._wake.set()

    def _manifest(self, message):
        """What the message says, once it is known to be for this device and right."""
        from toscore import ota, ota_manifest  # who only asks how things are has no need of these

        record = slots.load()
        keys = self._keys()
        try:
            manifest = ota_manifest.read(message, keys, cbor, _inflate)
        except MemoryError:
            raise Busy(_OTA_BUSY)
        try:
            contents = {ota_manifest.APP: binascii.unhexlify(slots.about(self._slot)["content"])}
        except (OSError, ValueError, KeyError):
            contents = {}
        ota.check(manifest, self._app.name, self._app.board.NAME, self._sequence, record["floor"], keys, contents)
        if [part.kind for part in manifest.parts] != [ota_manifest.APP]:
            raise WireError(_OTA_PART)
        return manifest

    def _writer(self, manifest):
        from tos.writer import Writer

        return Writer(self._spare, manifest.parts[0], self._slot)

    def _keys(self):
        keys = []
        for n, name in enumerate(_KEYS):
            key = self._app.board.keystore.get(name)
            if key is None:
                try:
                    with open("/r/key%d" % n, "rb") as f:
                        key = f.read()
                except OSError:
                    pass
            keys.append(key if key and len(key) == 64 else None)
        return keys

    def _begin(self, manifest, source):
        record = slots.load()
        record.pop("why", None)
        record[self._spare] = [slots.WRITING, manifest.sequence]
        record["source"] = source
        _save(record)
        self.target = manifest.sequence
        self.total = manifest.parts[0].length
        self.done = 0
        self._app.log.event(_OTA_BEGUN, manifest.sequence)
        self._tell(DOWNLOADING)

    def post(self, value):
        """{0: "abort"} ends what has not begun to run, {0: "rollback"} goes back to the version before."""
        order = value.get(0) if isinstance(value, dict) else None
        record = slots.load()
        if order == "abort" and self.state == DOWNLOADING:
            self._fail(0)
            self._job = None
            self._wake.set()
        elif order == "rollback" and self._slot in "ab" and record[self._spare][0] == slots.GOOD:
            record[self._slot][0] = slots.BAD
            record["active"] = self._spare
            record["why"] = [self._sequence, _OTA_ASKED]
            record["boots"] = 0
            record.pop("next", None)
            _save(record)
            self._ordered = True
            self._tell(ROLLED_BACK, _OTA_ASKED)
            self._wake.set()
        else:
            raise Busy(_OTA_ORDER)

    # The work

    async def run(self, app):
        if "keys" in slots.load():
            self._rotate()
        if self.state == TRIAL:
            app.log.event(_OTA_TRIAL, self._sequence)
            await self._try()
        elif not self._job:
            self._resume()
        while True:
            if self._ordered:
                await self._restart()
            if self._job:
                try:
                    await self._download(*self._job)
                except TosError as e:
                    app.log.event(e.code)
                    self._fail(e.code)
                except OSError as e:
                    app.log.event(_STORE_FAILED, e.errno)
                    self._fail(_STORE_FAILED)
                self._job = None
            self._wake.clear()
            if not self._ordered:
                await self._wake.wait()

    def _resume(self):
        """What a restart has interrupted goes on."""
        record = slots.load()
        if record[self._spare][0] != slots.WRITING or not record.get("source"):
            return
        from toscore.ota_manifest import FILE

        try:
            with open("/%s/%s" % (self._spare, FILE), "rb") as f:
                message = f.read()
            manifest = self._manifest(message)
        except (OSError, TosError):  # it had hardly begun, or is not for this version: somebody will push it again
            self._fail(0)
            return
        self.target = manifest.sequence
        self.total = manifest.parts[0].length
        self._job = manifest, message, self._writer(manifest), record["source"]
        self._tell(DOWNLOADING)

    def _fail(self, code):
        record = slots.load()
        if record[self._spare][0] == slots.WRITING:
            record[self._spare] = [slots.EMPTY, 0]
            record.pop("source", None)
            try:
                _save(record)
            except StoreError as e:
                self._app.log.event(e.code)
        self._tell(FAILED if code else IDLE, code)

    async def _download(self, manifest, message, writer, source):
        writer.begin(message)
        job = self._job
        pause_ms, longest_ms = _BACK_OFF_MS
        wrong = {}
        try:
            while not writer.blocks.whole():
                good = writer.blocks.good
                try:
                    result = await self._fetch(job, writer, source, len(message))
                    if result != coap.CONTENT and result > 0:
                        raise WireError(_OTA_SOURCE)
                except TosError as e:
                    if e.code != _OTA_DAMAGED:
                        raise
                    self._app.log.event(_OTA_DAMAGED, e.detail)
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
                await self._pause(pause_ms)
                pause_ms = min(2 * pause_ms, longest_ms)
        finally:
            writer.close()
        self._tell()
        await self._app.clock.sleep_ms(0)
        writer.finish(manifest.sequence)
        record = slots.load()
        record[self._spare] = [slots.TRIAL, manifest.sequence]
        keys = {str(n): key and binascii.hexlify(key).decode() for n, key in manifest.keys.items()}
        record["next"] = [manifest.floor, keys]
        record["boots"] = 0
        record.pop("source", None)
        _save(record)
        self._app.log.event(_OTA_READY, manifest.sequence)
        self._tell(READY)
        await self._restart()

    async def _fetch(self, job, writer, source, begins):
        """The bundle behind its message, from the first block that is missing -> see Fetch.result."""
        from toscore.fetch import SILENT, Fetch

        app = self._app
        name, host, port, path = source

        def sink(offset, piece):
            writer.write(piece)
            self.done = writer.blocks.at
            self._app.link.changed("o")

        try:
            peer = app.board.radio.address(host, port)
        except (OSError, ValueError):
            raise WireError(_OTA_SOURCE)
        options = [(coap.URI_PATH, segment.encode()) for segment in path.split("/")]
        heard = asyncio.Event()
        asker = _Asker(app.link.asker(name), heard)
        fetch = Fetch(asker, peer, options, sink, offset=begins + writer.blocks.good)
        try:
            while self._job is job:
                heard.clear()
                wait_ms = fetch.step(app.clock.ms())
                app.link.flush()
                if wait_ms is None:
                    return fetch.result
                try:
                    await asyncio.wait_for_ms(heard.wait(), wait_ms)
                except asyncio.TimeoutError:
                    pass
            return SILENT
        finally:
            fetch.stop(app.clock.ms())

    async def _pause(self, ms):
        self._wake.clear()
        try:
            await asyncio.wait_for_ms(self._wake.wait(), ms)
        except asyncio.TimeoutError:
            pass

    async def _restart(self):
        """Outputs are safe before, as they are at each start."""
        app = self._app
        await app.clock.sleep_ms(_SETTLE_MS)
        app.state.save()
        app.make_safe()
        app.board.restart()

    # The trial

    async def _try(self):
        """Until the version has shown that it works. A restart is one more trial that came to nothing."""
        app = self._app
        await app.clock.sleep_ms(_SELF_TEST_MS)
        while True:
            if not self._passes():
                app.log.event(_OTA_SELF_TEST)
                await self._restart()
            if self._ordered:
                return
            if not app.config.get("hub") or _HUB_ANSWERS in app.log.counts:
                break
            await self._pause(_LOOK_MS)
        self._confirm()

    def _passes(self):
        app = self._app
        silent = [r for r in app.table.rows if r.period_ms and r.value is None]
        return not silent and app.link.port is not None and _SERVICE_CRASHED not in app.log.counts

    def _confirm(self):
        record = slots.load()
        floor, keys = record.pop("next", [0, {}])
        name = self._slot
        fallback = record[self._spare][1] if record[self._spare][0] == slots.GOOD else self._sequence
        record["active"] = name
        record[name][0] = slots.GOOD
        record["floor"] = max(record["floor"], min(floor, fallback))
        record["boots"] = 0
        record.pop("why", None)
        if keys:
            record["keys"] = keys
        _save(record)
        if keys:
            self._rotate()
        self._app.log.event(_OTA_CONFIRMED, self._sequence)
        self._tell(CONFIRMED)

    def _rotate(self):
        """The keys that were confirmed into the keystore: again after a cut, until the record says that it is done."""
        record = slots.load()
        for n, key in record.pop("keys").items():
            self._app.board.keystore.put(_KEYS[int(n)], binascii.unhexlify(key) if key else b"")
        _save(record)


class _Asker:
    """As an Exchange, and says when an answer came."""

    def __init__(self, asker, heard):
        self._asker = asker
        self._heard = heard
        self.cancel = asker.cancel

    def request(self, now, peer, code, options, payload, done, confirmable):
        def answered(*answer):
            done(*answer)
            self._heard.set()

        return self._asker.request(now, peer, code, options, payload, answered, confirmable)


def _source(url, name, host, port, sequence):
    """[peer's name or None, host, port, path]"""
    if url is None:
        return [name, host, port, "o/%d" % sequence]
    try:
        if url[:7] != "coap://":
            raise ValueError
        where, path = url[7:].split("/", 1)
        host, port = where.split(":") if ":" in where else (where, _PORT)
        return [name, host, int(port), path]
    except (ValueError, TypeError, AttributeError):
        raise WireError(_OTA_ORDER, 1)


def _inflate(data, n):
    import deflate

    return deflate.DeflateIO(io.BytesIO(data), deflate.RAW, 10).read(n)


def _save(record):
    try:
        slots.save(record)
    except OSError as e:
        raise StoreError(_STORE_FAILED, e.errno)
