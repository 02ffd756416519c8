"""What the link shows of a device: the bodies of its resources, see docs/protocol.md. MicroPython."""

from micropython import const
from tos.lazy import lend
from toscore import cbor_viper as cbor
from toscore import coap

_EVENTS = const(8)
_DETAIL_CHARS = const(64)
_FORMAT_CBOR = ((coap.CONTENT_FORMAT, bytes((coap.CBOR,))),)
_FORMAT_LINK = ((coap.CONTENT_FORMAT, bytes((coap.LINK_FORMAT,))),)


class Bodies:
    """Each is made when it is asked for; only the latest events are kept. What is asked for seldom is in about.py."""

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
        if path == "i":
            return None, app.pads, _FORMAT_CBOR
        if path == "e":
            return self.latest, None, _FORMAT_CBOR
        if path in ("d", "l", ".well-known/core"):
            return lambda: lend("about").body(app, path), None, _FORMAT_LINK if path[0] == "." else _FORMAT_CBOR
        return None, None, None

    def happened(self, r):
        """Keep an event."""
        self._event_n += 1
        self._events = self._events[1 - _EVENTS :] + [[self._event_n, self._app.clock.ms(), r.index, r.value]]

    def state(self):
        return cbor.dumps(self._app.table.state())

    def rules(self):
        return cbor.dumps(self._app.rules.rows())

    def latest(self):
        return cbor.dumps({0: self._app.boot, 1: self._app.clock.ms(), 2: self._events})


def refuse(coap_code, code, detail, options=()):
    """An error answer with a diagnostic payload, RFC 7252 section 5.5.2."""
    text = "%d" % code if detail is None else "%d %s" % (code, str(detail)[:_DETAIL_CHARS])
    return coap_code, options, text.encode()
