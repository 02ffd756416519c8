"""What somebody orders of updates, and whether a manifest is for this device. MicroPython; see ota.py."""

import binascii
import io
import sys

from micropython import const
from tos import slots
from tos.lazy import drop
from tos.room import check_room
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import Busy, StoreError, TosError, WireError
from toscore.ota_blocks import APP, FILE, FIRMWARE

_OTA_BEGUN = const(230)
_OTA_BUSY = const(399)
_STORE_FAILED = const(407)
_OTA_PART = const(429)
_OTA_ORDER = const(439)
_OTA_ASKED = const(440)

_KEYS = ("ota0", "ota1")  # in the keystore; empty is revoked
_KEY_B = const(64)
_PORTS = {"coap": 5683, "http": 80}  # web.py has the second


def obey(ota, code, value, peer, name):
    """PUT {0: the manifest's message[, 1: address of the bundle]}. peer, name: who asks, in case that the bundle is
    there. POST {0: "abort"} ends what has not begun to run, {0: "rollback"} goes back to the version before.
    Refusals are raised; what becomes of it, GET tells."""
    if code == coap.PUT:
        _take(ota, value, peer, name)
        return
    order = value.get(0) if isinstance(value, dict) else None
    if order == "abort" and ota.job and ota.told[1] == ota.DOWNLOADING:
        from tos.finish import failed

        failed(ota, 0)
    elif order == "rollback":
        _back(ota)
    else:
        raise Busy(_OTA_ORDER)


def _take(ota, value, peer, name):
    if ota.job or ota.told[1] in (ota.READY, ota.TRIAL):
        raise Busy(_OTA_BUSY)
    if not isinstance(value, dict) or not isinstance(value.get(0), bytes) or not set(value) <= {0, 1}:
        raise WireError(_OTA_ORDER, 0)
    manifest = _manifest(ota, value[0])
    where = _source(value.get(1), name, ota.app.board.radio.parts(peer), manifest.sequence)
    record = slots.load()
    spare = slots.spare(record, ota.told[6])
    check_room(spare, manifest.parts)
    runs_on = record[ota.told[6]][2:] if ota.told[6] in record else []
    if len(manifest.parts) > 1:
        from tos.firmware import place

        runs_on = place(getattr(ota.app.board, "Partition", None), record, manifest.parts[1])
    record.pop("why", None)
    record[spare] = [slots.WRITING, manifest.sequence] + runs_on
    record["source"] = where
    try:
        slots.save(record)
    except OSError as e:
        raise StoreError(_STORE_FAILED, e.errno)
    ota.app.log.event(_OTA_BEGUN, manifest.sequence)
    _begin(ota, manifest, value[0], where)


def _begin(ota, manifest, message, where):
    ota.job = [manifest, where, message]
    ota.told[2:5] = [manifest.sequence, 0, sum([part.length for part in manifest.parts])]
    ota.tell(ota.DOWNLOADING)


def _manifest(ota, message):
    """What the message says, once it is known to be for this device and right."""
    keys = _keys(ota.app.board.keystore)
    try:
        from toscore.ota_sign import opened

        signer, begin, end = opened(message, keys)
    finally:
        opened = None
        drop("toscore.ota_sign", "toscore.ecdsa")
        _drop_p256()
    try:
        from toscore.ota_manifest import parse

        manifest = parse(memoryview(message)[begin:end], signer, cbor, _inflate)
    finally:
        parse = None
        drop("toscore.ota_manifest")
        _drop_p256()
    from toscore.ota import check

    try:
        contents = {APP: binascii.unhexlify(slots.about(ota.told[6])["content"])}
    except (OSError, ValueError, KeyError):
        contents = {}
    floor = slots.load()["floor"]
    check(manifest, ota.app.name, ota.app.board.NAME, ota.told[0], floor, keys, contents)
    if [part.kind for part in manifest.parts] not in ([APP], [APP, FIRMWARE]):
        raise WireError(_OTA_PART)
    return manifest


def _drop_p256():
    if "toscore.pairing" not in sys.modules:
        drop("toscore.p256")


def _inflate(data, n):
    import deflate

    return deflate.DeflateIO(io.BytesIO(data), deflate.RAW, 10).read(n)


def _keys(keystore):
    keys = []
    for n, name in enumerate(_KEYS):
        key = keystore.get(name)
        if key is None:
            try:
                with open("/r/key%d" % n, "rb") as f:
                    key = f.read()
            except OSError:
                pass
        keys.append(key if key and len(key) == _KEY_B else None)
    return keys


def _source(url, name, asker, sequence):
    """What is kept of where a bundle is: [name of a peer or None, scheme, host, port, path]."""
    if url is None:
        return [name, "coap", asker[0], asker[1], "o/%d" % sequence]
    try:
        scheme, rest = url.split("://", 1)
        where, path = rest.split("/", 1)
        host, port = where.split(":") if ":" in where else (where, _PORTS[scheme])
        if scheme not in _PORTS or not host:
            raise ValueError
        return [name if scheme == "coap" else None, scheme, host, int(port), path]
    except (ValueError, TypeError, AttributeError, KeyError):
        raise WireError(_OTA_ORDER, 1)


def resume(ota):
    """What a restart has interrupted goes on."""
    record = slots.load()
    spare = slots.spare(record, ota.told[6])
    if record[spare][0] != slots.WRITING or not record.get("source"):
        return
    try:
        with open("/%s/%s" % (spare, FILE), "rb") as f:
            message = f.read()
        _begin(ota, _manifest(ota, message), message, record["source"])
    except (OSError, TosError):  # it had hardly begun, or is not for this version: somebody will push it again
        from tos.finish import failed

        failed(ota, 0)


def _back(ota):
    """The version before is to run again. Busy when there is none."""
    record = slots.load()
    sequence, name = ota.told[0], ota.told[6]
    spare = slots.spare(record, name)
    if name not in "ab" or record[spare][0] != slots.GOOD:
        raise Busy(_OTA_ORDER)
    record[name][0] = slots.BAD
    record["active"] = spare
    record["why"] = [sequence, _OTA_ASKED]
    record["boots"] = 0
    record.pop("next", None)
    try:
        slots.save(record)
    except OSError as e:
        raise StoreError(_STORE_FAILED, e.errno)
    ota.tell(ota.ROLLED_BACK, _OTA_ASKED)
    ota.is_ordered = True
