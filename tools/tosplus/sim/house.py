"""A house: several simulated devices in one world and one network, as a TOML file describes them."""

import asyncio
import contextlib
import functools
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import state
from ..build.apps import app_source
from ..errors import UsageFault
from ..paths import shown
from .device import Device
from .pn532.air import Air

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_STARTING = 4  # at the same time; of more, each would only wait for the others
_KINDS = {str: "text", int: "a whole number", float: "a number", dict: "a table", list: "a list of tables"}
_FAULTS = ("security", "no address", "deaf")  # of an access point, see tos/ports/unix

Say = Callable[[str, str, str], None]


@dataclass(frozen=True)
class Plan:
    """What a house's file says. devices: {name: app}, an app as `tos sim` takes it. rates: of those whose clock is not
    the house's."""

    name: str
    rate: float
    ambient_c: float
    access_points: tuple[dict[str, Any], ...] | None
    devices: dict[str, str]
    rates: dict[str, float] = field(default_factory=dict)


class House:
    """All devices of a plan, running while the context is entered.

    hub: where they report; plain: whether they answer in the clear; keys: of their updates: see Device.
    say: called with (device, what, details) for each thing that happens.
    identities: {device: what /d of it says, in CBOR}, asked before a sleeper has fallen asleep.
    """

    def __init__(
        self,
        plan: Plan,
        fresh: bool = False,
        say: Say = lambda device, what, details: None,
        hub: str | None = None,
        plain: bool = False,
        keys: tuple[bytes, ...] = (),
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()  # a socket's path has to be short
        self._air = Air(Path(self._folder.name) / "air")
        self.devices = {
            name: Device(
                app,
                name,
                state.directory(name, plan.name),
                rate=plan.rates.get(name, plan.rate),
                ambient_c=plan.ambient_c,
                access_points=plan.access_points,
                fresh=fresh,
                hub=hub,
                plain=plain,
                air=self._air.path,
                keys=keys,
                say=functools.partial(say, name),
            )
            for name, app in plan.devices.items()
        }
        self.identities: dict[str, bytes] = {}
        self._turns = asyncio.Semaphore(_STARTING)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "House":
        """Until every device is ready. Raises HostError for the first that is not; none runs then."""
        async with self._stack:
            self._stack.callback(self._folder.cleanup)
            await self._stack.enter_async_context(self._air)
            starts = [asyncio.create_task(self._start(device)) for device in self.devices.values()]
            try:
                await asyncio.gather(*starts)
            finally:
                for start in starts:
                    start.cancel()
                await asyncio.wait(starts)
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self, device: Device) -> None:
        async with self._turns:
            await self._stack.enter_async_context(device)
            await device.ready()
            self.identities[device.name] = bytes.fromhex((await device.control("identity"))["hex"])


def read(file: Path) -> Plan:
    """Raises UsageFault with the file and the key that is wrong. The house is called as its file."""
    try:
        data = tomllib.loads(file.read_text())
    except OSError as e:
        raise UsageFault(f"{shown(file)}: {e.strerror}") from None
    except ValueError as e:  # no UTF-8, or no TOML: line and column are in it
        raise UsageFault(f"{shown(file)}: {e}") from None
    top = _Table(file, "", data)
    world = _Table(file, "world.", top.take("world", dict, {}))
    rate, ambient_c = _rate(world, 1.0), world.take("ambient_c", float, 20.0)
    world.end()
    access_points = tuple(_access_point(table) for table in top.tables("access_point")) or None
    devices: dict[str, str] = {}
    rates: dict[str, float] = {}
    for table in top.tables("device"):
        name, app, own_rate = _device(table, file.parent)
        if name in devices:
            raise table.fault("name", f"there is a device {name} already; give this one another name")
        devices[name] = app
        if own_rate is not None:
            rates[name] = own_rate
    top.end()
    if not devices:
        raise top.fault("device", 'missing; write [[device]] and below it app = "kettle"')
    return Plan(file.stem, rate, ambient_c, access_points, devices, rates)


def _rate(table: "_Table", default: float | None) -> Any:
    rate = table.take("rate", float, default)
    if rate is not None and rate < 0:
        raise table.fault("rate", "give 1 for real time, more for time-lapse, 0 for a manual clock")
    return rate


def _access_point(table: "_Table") -> dict[str, Any]:
    found = {
        "ssid": table.take("ssid", str),
        "password": table.take("password", str, None),
        "rssi_dbm": table.take("rssi_dbm", int, -50),
        "fault": table.take("fault", str, None),
    }
    if found["fault"] not in (None, *_FAULTS):
        raise table.fault("fault", f"give one of {', '.join(_FAULTS)}, not {found['fault']}")
    table.end()
    return found


def _device(table: "_Table", folder: Path) -> tuple[str, str, float | None]:
    app = table.take("app", str)
    if app.endswith(".py"):
        app = str(folder / app)
    try:
        model = app_source(app).stem
    except UsageFault as e:
        raise table.fault("app", str(e)) from None
    name = table.take("name", str, model)
    if not re.fullmatch(r"[\w-]+", name):
        raise table.fault("name", f"give letters, digits, - and _ only, not {name!r}")
    rate = _rate(table, None)
    table.end()
    return name, app, rate


class _Table:
    """A table of the file. Keys are taken one by one, so that what nobody took is what nobody knows."""

    def __init__(self, file: Path, path: str, values: dict[str, Any]) -> None:
        self._file = file
        self._path = path
        self._values = dict(values)

    def fault(self, key: str, what: str) -> UsageFault:
        return UsageFault(f"{shown(self._file)}: {self._path}{key}: {what}")

    def take(self, key: str, kind: type, default: Any = ...) -> Any:
        value = self._values.pop(key, default)
        if value is ...:
            raise self.fault(key, f"missing; give {_KINDS[kind]}")
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind and value is not default:
            raise self.fault(key, f"give {_KINDS[kind]}, not {value!r}")
        return value

    def tables(self, key: str) -> Iterator["_Table"]:
        for n, row in enumerate(self.take(key, list, [])):
            if not isinstance(row, dict):
                raise self.fault(key, f"give a list of tables: [[{key}]]")
            yield _Table(self._file, f"{key}[{n}].", row)

    def end(self) -> None:
        for key in self._values:
            raise self.fault(key, "not a key of a house; docs/simulator.md lists them")
