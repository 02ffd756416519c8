"""App: a maker's product. It owns the board's ports, the resources, the rules and the services. MicroPython."""

import asyncio

from micropython import const
from tos import lazy
from tos.resource import Resource, Table
from tos.rule import MOST, Engine, Rule
from toscore.errors import Busy, TosError, WireError

_INTERRUPTED = const(205)
_READ_ONLY = const(332)
_SENSOR_SILENT = const(336)
_OUTPUT_FAILED = const(404)

_BOOT_MS = const(30000)  # until the services run, the watchdog waits this long


class Devices:
    """The drivers of the features that the app needs, as attributes: dev.relay, dev.probe."""


class Shown:
    """An output that a person notices, and what the app told it last: who shows something else there for a moment,
    such as identify.py, calls `drive`."""

    def __init__(self, drive):
        self.drive = drive
        self.last = None

    def __call__(self, value):
        self.last = value
        self.drive(value)


class App:
    """One product.

    name: the model. needs: names of board features. version: of this product.

        app = App("kettle", needs=("relay", "probe"))

        @app.read("temp", unit="°C", period_ms=2000)
        def temp(dev):
            return dev.probe.read_mv() // 10
    """

    pads = None  # see pad.py; only in a product that listens to them
    pay = None  # see pay.py and till.py; only in a product that pays, or is paid

    def __init__(self, name, needs=(), version="0.1.0"):
        self.name = name
        self.needs = needs
        self.version = version
        self.table = Table()
        self.dev = Devices()
        self.shown = {}  # {name of a feature: Shown}
        self.id = name
        self.boot = 0  # random, new at each start
        self.board = None
        self.clock = None
        self.log = None
        self.config = None
        self.state = None
        self.link = None
        self.pairing = None  # stays so on a simulated device that is plain
        self.hub = None
        self.announce = None  # of a device that sleeps
        self.wifi = None
        self.ota = None  # only once there is an update
        self.told = None  # what GET /o says, a list, see ota.py; stays so where there are no updates
        self.rules = None  # what is stored of the owner's rules
        self.remote = None  # what they set on other devices; only once one does
        self.declared = []  # what they are as long as nothing is
        self.engine = Engine(self)
        self.services = []
        self._supervisor = None
        self._watchers = []

    # What a maker declares

    def read(self, path, period_ms, type="sensor", **about):
        """Decorator: fn(dev) -> value, called every period_ms. An error, None or a value outside minimum and maximum
        is a failed reading; after three in a row the sensor is silent, and its value is None."""

        def declare(fn):
            self.table.add(Resource(path, type, fn, period_ms=period_ms, **about))
            return fn

        return declare

    def write(self, path, initial, safe=None, type=None, **about):
        """Decorator: fn(dev, value) drives an output. The type follows from initial: switch, number or text, or
        select where there are options.

        safe: see Resource; initial when not given. depends: paths of the sensors without which the output must be
        safe; when not given, every sensor that a `when` watches.
        """
        if safe is None:
            safe = initial

        def declare(fn):
            self._declare(path, type, initial, fn=fn, safe=safe, writable=True, **about)
            return fn

        return declare

    def _declare(self, path, type, initial, **about):
        if type is None:
            type = "select" if about.get("options") else _type_of(initial, "switch", "text", "number")
        self.table.add(Resource(path, type, initial=initial, **about))

    def value(self, path, initial, type=None, writable=False, **about):
        """A value that drives no hardware: a counter, what is now showing; with writable=True a setting."""
        if type is None and not writable:
            type = _type_of(initial, "binary_sensor", "text", "sensor")
        self._declare(path, type, initial, writable=writable, **about)

    def event(self, path, options, **about):
        """Something that happens rather than lasts. options: the kinds, such as ("press", "hold")."""
        self.table.add(Resource(path, "event", options=options, **about))

    def when(self, path, above=None, below=None, equals=None):
        """Decorator: fn(dev, value) runs when the condition comes true, see Rule. Nobody can change it."""

        def declare(fn):
            self.engine.add(Rule(path, fn, above, below, equals))
            return fn

        return declare

    def rule(self, path, set, to=None, above=None, below=None, equals=None):
        """What the owner most likely wants, and may replace: when the condition comes true, set the resource `set` to
        `to`, or toggle it. Safety is `when`'s."""
        if len(self.declared) == MOST:
            raise ValueError("%s: an owner has at most %d rules" % (path, MOST))
        self.declared.append(Rule(path, None, above, below, equals, set, to))

    def pad(self, fn):
        """Decorator: fn(dev, pad) hears of each change of a game pad, see Pad in pad.py. It writes with the origin
        "pad". What it raises ends as a crash of a service does, but a refused write is logged and no more."""
        from tos.pad import Pads

        Pads(self, fn)
        return fn

    def use(self, service):
        """A service, an object with `async run(app)`, runs with the app and is restarted when it crashes. One that
        brings resources of its own has `declare(app)` besides. Returns it."""
        declare = getattr(service, "declare", None)
        if declare:
            declare(self)
        self.services.append(service)
        if self._supervisor:
            self._supervisor.add(service)
        return service

    # What a running app, its rules and its services call

    def get(self, path):
        """The value; None when it is not known now."""
        return self.table[path].value

    def set(self, path, value, origin="app"):
        """Write a resource. origin: "link/PEER", "voice", "pad", "rule" or "app".

        Raises WireError (no such path, type, range), Denied (read-only, origin), Busy (a sensor is silent), or
        TosError when the hardware fails; the output is safe then.
        """
        r = self.table[path]
        r.check(value, origin)
        self.drive(r, value)

    def emit(self, path, kind):
        """Let an event happen."""
        r = self.table[path]
        if r.type != "event" or kind not in r.options:
            raise WireError(_READ_ONLY, path)
        self.put(r, kind)

    def drive(self, r, value):
        """Write a resource whose value has been checked; raises as `set` does."""
        r.waiting = None
        if r.is_output:
            self._drive_hardware(r, value)
            self.engine.driven(r)
        self.put(r, value)

    def put(self, r, value):
        """A resource has a new value: tell those who watch, then let the rules settle. Drives no hardware."""
        if value != r.value or r.type == "event":
            r.value = value
            for watcher in self._watchers:
                watcher(r)
        self.engine.changed(r)

    def watch(self, fn):
        """fn(resource) is called after each change; it must not block."""
        self._watchers.append(fn)

    def make_safe(self, sensor=None):
        """Drive every output to its safe value, or those that depend on one sensor. No rule of the owner's answers."""
        owners = self.engine.owners
        self.engine.obey(())
        try:
            for r in self.table.rows:
                if r.is_output and (sensor is None or sensor.path in self.depends(r)):
                    self._drive_safe(r)
        finally:
            self.engine.obey(owners)

    def _drive_hardware(self, r, value):
        if value != r.safe:
            for path in self.depends(r):
                if self.table[path].value is None:
                    raise Busy(_SENSOR_SILENT, path)
        try:
            r.fn(self.dev, value)
        except Exception as e:
            self.log.crashed(e)
            self._drive_safe(r)
            self.log.event(_OUTPUT_FAILED, r.index)
            raise TosError(_OUTPUT_FAILED, r.path)

    def _drive_safe(self, r):
        try:
            r.fn(self.dev, r.safe)
        except Exception as e:
            self.log.crashed(e)
            self.log.event(_OUTPUT_FAILED, r.index)
        self.put(r, r.safe)

    def depends(self, r):
        """The paths of the sensors without which an output must be safe. No rule of the owner's adds to them."""
        if r.depends is not None:
            return r.depends
        return [rule.path for rule in self.engine.own if self.table[rule.path].period_ms]

    # Boot

    def run(self, board):
        """Boot on a board and run until Ctrl-C. Outputs are safe before anything else is touched.

        Raises TosError for a feature that the board lacks. After any other crash the watchdog resets the board.
        """
        self._bind(board)
        from tos.supervisor import Supervisor

        try:
            board.watchdog.start(_BOOT_MS)
            services = self._boot()
            lazy.drop("tos.start")
            self._supervisor = Supervisor(self)
            asyncio.run(self._supervisor.run(services))
        except KeyboardInterrupt:
            board.watchdog.stop()  # the maker has the REPL now
            self.log.event(_INTERRUPTED)
        finally:
            self.make_safe()
            if self.announce:
                self.announce.end()
            asyncio.new_event_loop()

    def _bind(self, board):
        lazy.load("start").bind(self, board)

    def _boot(self):
        return lazy.load("start").services(self)


def _type_of(value, boolean, text, number):
    return boolean if isinstance(value, bool) else text if isinstance(value, str) else number
