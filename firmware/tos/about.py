"""What is asked of a device now and then: who it is, its log, its list of resources. Lent by bodies.py. MicroPython."""

from toscore import cbor_viper as cbor


def body(app, path):
    """Of /d, /l or /.well-known/core."""
    return _identity(app) if path == "d" else _log(app) if path == "l" else _core(app)


def _identity(app):
    table = app.table.rows
    identity = {
        0: app.id,
        1: app.name,
        2: app.version,
        3: app.board.NAME,
        4: list(app.needs),
    }
    for r in table:
        if r.device_class == "battery":
            identity[6] = r.value
    # The rows follow one by one, as one more key: all of them as objects take ten times the room of their bytes.
    body = bytearray(cbor.dumps(identity))
    body[0] += 1
    body.extend(b"\x05\x99")
    body.extend(len(table).to_bytes(2, "big"))
    for r in table:
        body.extend(cbor.dumps(_row(r)))
    return body


def _row(r):
    """A resource: {key: value}, keys in docs/protocol.md."""
    row = {0: r.index, 1: r.path, 2: r.type}
    for key, value in (
        (3, r.unit), (4, r.minimum), (5, r.maximum), (6, r.step), (7, r.options), (8, r.writable),
        (9, r.type == "event"), (10, r.keep), (12, r.device_class), (13, r.origins),
    ):  # fmt: skip
        if value is not None and value is not False:
            row[key] = value
    if r.is_output:
        row[11] = r.safe
    return row


def _log(app):
    log = app.log
    body = {0: app.clock.ms(), 1: log.entries(), 2: log.counts}
    if log.crash:
        body[3] = log.crash
    return cbor.dumps(body)


def _core(app):
    # One by one, as in _identity: a list of them takes four times the room.
    body = bytearray(b"</d>;ct=60,</s>;ct=60;obs,</e>;ct=60;obs,</b>;ct=60;obs")
    for path in "lnopr" if app.told else "lnpr":
        body.extend((",</%s>;ct=60" % path).encode())
    for part in (app.pads, app.pay):
        if part:
            body.extend(part.core)
    for r in app.table.rows:
        if r.type != "event":
            body.extend((',</s/%s>;ct=60;obs;rt="%s"' % (r.path, r.type)).encode())
    return body
