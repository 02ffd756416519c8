"""From the bytes of an update to a slot that can be started; or the end of one that failed. MicroPython; see ota.py."""

import binascii
import json
import os

from micropython import const
from tos import slots
from tos.room import empty
from tos.writer import PATCH, made, opener
from toscore.errors import StoreError, WireError
from toscore.ota_blocks import Files, Spread

_OTA_READY = const(231)
_STORE_FAILED = const(407)
_OTA_CONTENT = const(428)

_CHUNK_B = const(512)
_RAW_WINDOW = const(10)


async def ready(ota):
    """All of its bytes are there: make the slot what the next start tries, unless somebody ends it meanwhile. WireError
    when its content is not the one signed; OSError."""
    job = ota.job
    manifest = job[0]
    part = manifest.parts[0]
    record = slots.load()
    spare = slots.spare(record, ota.told[6])
    root = "/" + spare
    Partition = getattr(ota.app.board, "Partition", None)
    runs_on = record[spare][2:]
    if len(manifest.parts) > 1:
        from tos.firmware import check

        await check(ota.app.clock, Partition, runs_on[0], spare, manifest.parts[1])
        if ota.job is not job:
            return
    if part.base is not None:
        await _apply(ota.app.clock, Partition, part, spare, ota.told[6])
        if ota.job is not job:
            return
    for path, length in part.files:
        if not length:
            open(made(root + "/" + path), "wb").close()
    content = binascii.hexlify(part.content).decode()
    about = {"sequence": manifest.sequence, "content": content}
    about["names"], about["lengths"] = part.files.names, part.files.lengths
    if runs_on:
        about["runs_on"] = runs_on
    with open(root + "/" + slots.ABOUT, "w") as f:
        json.dump(about, f)
    if not slots.is_whole(spare):
        empty(root)
        raise WireError(_OTA_CONTENT)
    record[spare] = [slots.TRIAL, manifest.sequence] + runs_on
    keys = {str(n): key and binascii.hexlify(key).decode() for n, key in manifest.keys.items()}
    record["next"] = [manifest.floor, keys]
    record["boots"] = 0
    record.pop("source", None)
    try:
        slots.save(record)
    except OSError as e:
        raise StoreError(_STORE_FAILED, e.errno)
    ota.app.log.event(_OTA_READY, manifest.sequence)
    ota.tell(ota.READY)


def failed(ota, code):
    """It came to nothing. code: the reason, 0 when somebody wanted that."""
    ota.job = None
    record = slots.load()
    spare = slots.spare(record, ota.told[6])
    if record[spare][0] == slots.WRITING:
        record[spare] = [slots.EMPTY, 0]
        record.pop("source", None)
        try:
            slots.save(record)
        except OSError as e:
            ota.app.log.event(_STORE_FAILED, e.errno)
    ota.tell(ota.FAILED if code else ota.IDLE, code)


async def _apply(clock, Partition, part, name, base):
    """A delta to what is in the slot `base`. The loop turns meanwhile, and feeds the watchdog."""
    import deflate
    from toscore.patch import Patch

    told = slots.about(base)
    files = Files(told["names"], told["lengths"])
    old = _Content(files, opener(Partition, base, files))
    told = files = None
    opened = opener(Partition, name, part.files)
    patched = "/%s/%s" % (name, PATCH)
    spread = Spread(part.files)
    state = [0, None, None]  # bytes written, path, file

    def write(data):
        p = 0
        for path, _, n in spread.find(state[0], len(data)):
            if state[1] != path:
                if state[2]:
                    state[2].close()
                state[2] = opened(path, "wb")
                state[1] = path
            state[2].write(data[p : p + n])
            p += n
        state[0] += len(data)

    patch = Patch(old.read, write, sum(old.files.lengths), sum(part.files.lengths))
    try:
        with open(patched, "rb") as f:
            stream = deflate.DeflateIO(f, deflate.RAW, _RAW_WINDOW)
            view = memoryview(bytearray(_CHUNK_B))
            while True:
                n = stream.readinto(view)
                if not n:
                    break
                patch.feed(view[:n])
                await clock.sleep_ms(0)
        patch.finish()
    finally:
        if state[2]:
            state[2].close()
        old.close()
    os.remove(patched)


class _Content:
    """The content of a slot, as if it were one file."""

    def __init__(self, files, opened):
        self.files = files
        self._open = opened
        self._spread = Spread(files)
        self._path = self._file = None

    def read(self, offset, n):
        out = b""
        for path, at, many in self._spread.find(offset, n):
            if self._path != path:
                self.close()
                self._file = self._open(path, "rb")
                self._path = path
            self._file.seek(at)
            out += self._file.read(many)
        return out

    def close(self):
        if self._file:
            self._file.close()
        self._file = self._path = None
