"""What the link shows of a device: the bodies of its resources, see docs/protocol.md. MicroPython."""

from micropython import const
from toscore import cbor_viper as cbor
from toscore import coap

_EVENTS = const(8)
_FORMAT_CBOR = ((coap.CONTENT_FORMAT, bytes((coap.CBOR,))),)
_FORMAT_LINK = ((coap.CONTENT_FORMAT, bytes((coap.LINK_FORMAT,))),)


class Bodies:
    """Each is made when it is asked for; only the latest events are kept."""

    def __init__(self, app):
        self._app = app
        self._events = []  # [[sequence, ms, index, value], ...], the latest
        self._event_n = 0

    def find(self, path):
        """path -> (function that makes the body or None, what a PUT writes or None, content format options)."""
        app = self._app
        if path == "s":
            return self.state, app.table.rows, _FORMAT_CBOR
        if path == "b":
            return self.rules, app.rules, _FORMAT_CBOR
        if path == "n":
            machine = app.wifi.machine(app)
            return machine.body, machine, _FORMAT_CBOR
        if path == "o" and app.told:
            return lambda: cbor.dumps(dict(enumerate(app.told))), app, _FORMAT_CBOR
        if path.startswith("s/"):
            r = app.table.find(path[2:])
            if r is None or r.type == "event":
                return None, None, None
            return lambda: cbor.dumps(r.value), r, _FORMAT_CBOR
        if path == ".well-known/core":
            return self.core, None, _FORMAT_LINK
        if path == "i":
            return None, app.pads, _FORMAT_CBOR
        return {"d": self.identity, "e": self.latest, "l": self.log}.get(path), None, _FORMAT_CBOR

    def happened(self, r):
        """Keep an event."""
        self._event_n += 1
        self._events = self._events[1 - _EVENTS :] + [[self._event_n, self._app.clock.ms(), r.index, r.value]]

    def identity(self):
        app = self._app
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
            body.extend(cbor.dumps(r.row()))
        return body

    def state(self):
        return cbor.dumps(self._app.table.state())

    def rules(self):
        return cbor.dumps(self._app.rules.rows())

    def latest(self):
        return cbor.dumps({0: self._app.boot, 1: self._app.clock.ms(), 2: self._events})

    def log(self):
        log = self._app.log
        body = {0: self._app.clock.ms(), 1: log.entries(), 2: log.counts}
        if log.crash:
            body[3] = log.crash
        return cbor.dumps(body)

    def core(self):
        # One by one, as in identity: a list of them takes four times the room.
        body = bytearray(b"</d>;ct=60,</s>;ct=60;obs,</e>;ct=60;obs,</b>;ct=60;obs")
        for path in "lnopr" if self._app.told else "lnpr":
            body.extend((",</%s>;ct=60" % path).encode())
        for part in (self._app.pads, self._app.pay):
            if part:
                body.extend(part.core)
        for r in self._app.table.rows:
            if r.type != "event":
                body.extend((',</s/%s>;ct=60;obs;rt="%s"' % (r.path, r.type)).encode())
        return body
