"""Resources: the one table that link, voice, pad and rules all read and write. MicroPython."""

import gc

from micropython import const
from toscore.errors import Denied, WireError

_NO_SUCH_PATH = const(331)
_READ_ONLY = const(332)
_ORIGIN = const(333)
_WRONG_TYPE = const(334)
_OUT_OF_RANGE = const(335)

_TEXT_CHARS = 64
_COLLECT_EVERY = const(16)
_TYPES = ("sensor", "binary_sensor", "switch", "number", "select", "text", "event")
_ORIGINS = ("link", "voice", "pad", "rule", "app")


class Resource:
    """One reading, output, value or event. Types, units and device classes have Home Assistant's names.

    path: text without a leading slash. type: one of the seven types of docs/protocol.md.
    minimum, maximum: of a number; maximum also the most characters of a text (64 if None). step: of a number; an int
    means that the number is whole.
    options: the choices of a select, the kinds of an event. initial: value at the first start.
    safe: what an output becomes at boot, on a crash, while a sensor that it depends on is silent, during an update.
    keep: the value survives a restart. origins: who may write. depends: paths of sensors, see App.write.
    """

    # What most have in common is here once: an attribute of its own costs a resource 8 bytes and more.
    fn = unit = minimum = maximum = step = options = safe = device_class = origins = depends = period_ms = None
    keep = writable = False
    waiting = None  # what a kept output will be when the sensors that it depends on have answered

    def __init__(
        self, path, type, fn=None, unit=None, minimum=None, maximum=None, step=None, options=None, keep=False,
        initial=None, safe=None, device_class=None, origins=None, depends=None, writable=False, period_ms=None,
    ):  # fmt: skip
        if type not in _TYPES:
            raise ValueError("%s: type is one of %s" % (path, ", ".join(_TYPES)))
        for origin in origins or ():
            if origin not in _ORIGINS:
                raise ValueError("%s: an origin is one of %s" % (path, ", ".join(_ORIGINS)))
        self.index = 0
        self.path = path
        self.type = type
        self.value = self.initial = initial
        for name, value in (
            ("fn", fn), ("unit", unit), ("minimum", minimum), ("maximum", maximum), ("step", step),
            ("options", options), ("keep", keep), ("safe", safe), ("device_class", device_class),
            ("origins", origins), ("depends", depends), ("writable", writable), ("period_ms", period_ms),
        ):  # fmt: skip
            if value is not None and value is not getattr(self, name):
                setattr(self, name, value)
        self.is_output = writable and fn is not None

    def fault(self, value):
        """What is wrong with a value: a code, or 0 when it fits type and bounds."""
        kind = self.type
        if kind == "switch" or kind == "binary_sensor":
            return 0 if isinstance(value, bool) else _WRONG_TYPE
        if self.options is not None:
            return 0 if value in self.options else _OUT_OF_RANGE
        if kind == "text":
            if not isinstance(value, str):
                return _WRONG_TYPE
            return 0 if len(value) <= (self.maximum or _TEXT_CHARS) else _OUT_OF_RANGE
        if not isinstance(value, (int, float)):  # which a bool is not, in MicroPython
            return _WRONG_TYPE
        if isinstance(self.step, int) and not isinstance(value, int):
            return _WRONG_TYPE
        if value != value or (self.minimum is not None and value < self.minimum):
            return _OUT_OF_RANGE
        return _OUT_OF_RANGE if self.maximum is not None and value > self.maximum else 0

    def check(self, value, origin):
        """Raise unless this origin ("link", or "link/PEER") may write this value: WireError or Denied."""
        kind = origin.split("/")[0]
        if not self.writable and kind != "app":
            raise Denied(_READ_ONLY, self.path)
        if self.origins is not None and kind not in self.origins:
            raise Denied(_ORIGIN, self.path)
        fault = self.fault(value)
        if fault:
            raise WireError(fault, self.path)


class Table:
    """The resources of one device in the order of declaration, which is append-only over versions."""

    def __init__(self):
        self.rows = []
        self._by_path = {}

    def add(self, resource):
        if resource.path in self._by_path:
            raise ValueError("%s: declared twice" % resource.path)
        fault = resource.value is not None and resource.type != "event" and resource.fault(resource.value)
        if fault or (resource.is_output and resource.fault(resource.safe)):
            raise ValueError("%s: initial and safe must fit its type and bounds" % resource.path)
        resource.index = len(self.rows)
        if resource.index % _COLLECT_EVERY == 0:
            gc.collect()  # else the table lies scattered among what making it left over, and no large room is left
        self.rows.append(resource)
        self._by_path[resource.path] = resource

    def find(self, path):
        """The resource of this path, or None."""
        return self._by_path.get(path)

    def at(self, index):
        """The resource of this index, off the wire; WireError when there is none."""
        if isinstance(index, int) and 0 <= index < len(self.rows):
            return self.rows[index]
        raise WireError(_NO_SUCH_PATH, index)

    def __getitem__(self, path):
        """The resource of this path; WireError when there is none."""
        resource = self._by_path.get(path)
        if resource is None:
            raise WireError(_NO_SUCH_PATH, path)
        return resource

    def state(self):
        """{index: value} of all that has a state."""
        return {r.index: r.value for r in self.rows if r.type != "event"}
