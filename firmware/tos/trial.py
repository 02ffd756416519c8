"""Whether a version stays: its trial, what is confirmed then, and the way back. MicroPython; only during updates."""

import binascii

from micropython import const
from tos import slots
from tos.update import CONFIRMED, ROLLED_BACK, save
from toscore.errors import Busy

_HUB_ANSWERS = const(207)
_OTA_TRIAL = const(232)
_OTA_CONFIRMED = const(233)
_SERVICE_CRASHED = const(401)
_OTA_SELF_TEST = const(437)
_OTA_ORDER = const(439)
_OTA_ASKED = const(440)

_SELF_TEST_MS = const(60000)
_LOOK_MS = const(1000)


async def prove(update):
    """Until the version has shown that it works. A restart is one more trial that came to nothing."""
    app = update.app
    app.log.event(_OTA_TRIAL, update.told[0])
    await app.clock.sleep_ms(_SELF_TEST_MS)
    while True:
        if not _passes(app):
            app.log.event(_OTA_SELF_TEST)
            await update.restart()
        if update.is_ordered:
            return
        if not app.config.get("hub") or _HUB_ANSWERS in app.log.counts:
            break
        await update.pause(_LOOK_MS)
    _confirm(update)


def _passes(app):
    silent = [r for r in app.table.rows if r.period_ms and r.value is None]
    return not silent and app.link.port is not None and _SERVICE_CRASHED not in app.log.counts


def _confirm(update):
    record = slots.load()
    floor, keys = record.pop("next", [0, {}])
    sequence, name = update.told[0], update.told[6]
    fallback = record[update.spare][1] if record[update.spare][0] == slots.GOOD else sequence
    record["active"] = name
    record[name][0] = slots.GOOD
    record["floor"] = max(record["floor"], min(floor, fallback))
    record["boots"] = 0
    record.pop("why", None)
    if keys:
        record["keys"] = keys
    save(record)
    if keys:
        rotate(update.app)
    update.app.log.event(_OTA_CONFIRMED, sequence)
    update.tell(CONFIRMED)


def rotate(app):
    """The keys that were confirmed into the keystore: again after a cut, until the record says that it is done."""
    record = slots.load()
    for n, key in record.pop("keys").items():
        app.board.keystore.put("ota" + n, binascii.unhexlify(key) if key else b"")
    save(record)


def back(update):
    """The version before is to run again. Busy when there is none."""
    record = slots.load()
    sequence, name = update.told[0], update.told[6]
    if name not in "ab" or record[update.spare][0] != slots.GOOD:
        raise Busy(_OTA_ORDER)
    record[name][0] = slots.BAD
    record["active"] = update.spare
    record["why"] = [sequence, _OTA_ASKED]
    record["boots"] = 0
    record.pop("next", None)
    save(record)
    update.tell(ROLLED_BACK, _OTA_ASKED)
