"""After a start: does the version that is on trial stay, and what else a restart has interrupted. MicroPython; see
ota.py."""

import binascii

from micropython import const
from tos import slots
from toscore.errors import StoreError
from toscore.ota import risen

_HUB_ANSWERS = const(207)
_OTA_TRIAL = const(232)
_OTA_CONFIRMED = const(233)
_SERVICE_CRASHED = const(401)
_STORE_FAILED = const(407)
_OTA_SELF_TEST = const(437)

_SELF_TEST_MS = const(60000)
_LOOK_MS = const(1000)


async def proceed(ota):
    if "keys" in slots.load():
        _rotate(ota.app)
    if ota.told[1] == ota.TRIAL:
        await _prove(ota)
    else:
        from tos.update import resume

        resume(ota)
        while ota.app.link.port is None:
            await ota.pause(_LOOK_MS)


async def _prove(ota):
    """Until the version has shown that it works. A restart is one more trial that came to nothing."""
    app = ota.app
    app.log.event(_OTA_TRIAL, ota.told[0])
    await app.clock.sleep_ms(_SELF_TEST_MS)
    while True:
        if not _passes(app):
            app.log.event(_OTA_SELF_TEST)
            await ota.restart()
        if ota.is_ordered:
            return
        if not app.config.get("hub") or _HUB_ANSWERS in app.log.counts:
            break
        await ota.pause(_LOOK_MS)
    _confirm(ota)


def _passes(app):
    silent = [r for r in app.table.rows if r.period_ms and r.value is None]
    return not silent and app.link.port is not None and _SERVICE_CRASHED not in app.log.counts


def _confirm(ota):
    record = slots.load()
    wanted, keys = record.pop("next", [0, {}])
    app, sequence, name = ota.app, ota.told[0], ota.told[6]
    fallback = record[slots.spare(record, name)]
    record["active"] = name
    record[name][0] = slots.GOOD
    record["floor"] = risen(record["floor"], wanted, fallback[1] if fallback[0] == slots.GOOD else sequence)
    record["boots"] = 0
    record.pop("why", None)
    if keys:
        record["keys"] = keys
    _save(record)
    if len(record[name]) > 2:
        try:
            app.board.Partition.mark_app_valid_cancel_rollback()
        except OSError:  # a bootloader that never goes back; or else slots.py has it done at the next start
            pass
    if keys:
        _rotate(app)
    app.log.event(_OTA_CONFIRMED, sequence)
    ota.tell(ota.CONFIRMED)


def _rotate(app):
    """The keys that were confirmed into the keystore: again after a cut, until the record says that it is done."""
    record = slots.load()
    for n, key in record.pop("keys").items():
        app.board.keystore.put("ota" + n, binascii.unhexlify(key) if key else b"")
    _save(record)


def _save(record):
    try:
        slots.save(record)
    except OSError as e:
        raise StoreError(_STORE_FAILED, e.errno)
