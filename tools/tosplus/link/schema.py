"""The integer keys of docs/protocol.md, once, and what the maps become here."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

IDENTITY = {0: "id", 1: "model", 2: "version", 3: "board", 4: "features", 5: "resources", 6: "battery"}
ROW = {
    0: "index",
    1: "path",
    2: "type",
    3: "unit",
    4: "minimum",
    5: "maximum",
    6: "step",
    7: "options",
    8: "writable",
    9: "event",
    10: "keep",
    11: "safe",
    12: "device_class",
    13: "origins",
}
RULE = {0: "when", 1: "above", 2: "below", 3: "equals", 4: "set", 5: "to"}
EVENTS = {0: "boot", 1: "ms", 2: "latest"}
REPORT = {0: "boot", 1: "wall", 2: "state", 3: "next_ms", 4: "asleep", 5: "done"}
ANSWER = {0: "wall", 1: "commands", 2: "stay_ms"}
COMMAND = ("id", "index", "value")
ROLES = {"owner": 1, "control": 2, "input": 3, "hub": 4, "token-service": 5, "peer": 6}
LOG = {0: "ms", 1: "ring", 2: "counts", 3: "crash"}
TRUSTED = {0: "open", 1: "peers"}
BROUGHT = {
    0: "secret",
    1: "salt",
    2: "sender",
    3: "recipient",
    4: "id_context",
    6: "role",
    7: "paths",
    8: "address",
}
MAILBOX = {0: "address", 1: "peer"}
PAD = ("sequence", "buttons", "left_x", "left_y", "right_x", "right_y", "left_trigger", "right_trigger")
BUTTONS = (
    "a", "b", "x", "y", "left_shoulder", "right_shoulder", "left_trigger", "right_trigger", "back", "start",
    "left_stick", "right_stick", "up", "down", "left", "right",
)  # fmt: skip

_ROLES = {number: role for role, number in ROLES.items()}

Value = bool | int | float | str | None


def named(wire: Mapping[int, Any], names: Mapping[int, str]) -> dict[str, Any]:
    """A map off the wire with words for keys. Keys that are not known here, of a newer device, are left out."""
    return {names[key]: value for key, value in wire.items() if key in names}


def pad(record: bytes) -> dict[str, Any]:
    """The ten bytes of `/i` by name; buttons are those that are down. Raises struct.error."""
    values = dict(zip(PAD, struct.unpack("<HH4b2B", record), strict=True))
    return {**values, "buttons": [name for n, name in enumerate(BUTTONS) if values["buttons"] >> n & 1]}


@dataclass(frozen=True)
class Resource:
    """A row of the resource table."""

    index: int
    path: str
    type: str
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    options: list[str] | None = None
    writable: bool = False
    event: bool = False
    keep: bool = False
    safe: Value = None
    device_class: str | None = None
    origins: list[str] | None = None


@dataclass(frozen=True)
class Identity:
    """`/d`. battery is in percent, None on mains."""

    id: str
    model: str
    version: str
    board: str
    features: list[str]
    resources: list[Resource]
    battery: int | None = None

    @classmethod
    def from_wire(cls, wire: Mapping[int, Any]) -> "Identity":
        fields = named(wire, IDENTITY)
        fields["resources"] = [Resource(**named(row, ROW)) for row in fields["resources"]]
        return cls(**fields)

    def resource(self, path: str) -> Resource:
        """Raises KeyError."""
        for row in self.resources:
            if row.path == path:
                return row
        raise KeyError(path)


@dataclass(frozen=True)
class Rule:
    """One of `/b`, with paths. One of above, below, equals; to is None in one that toggles a switch. peer: what the
    device calls the one whose path `set` is; None: it is its own."""

    when: str
    set: str
    above: float | None = None
    below: float | None = None
    equals: Value = None
    to: Value = None
    peer: str | None = None

    @classmethod
    def from_wire(cls, wire: Mapping[int, Any], paths: Mapping[int, str]) -> "Rule":
        """paths: of the resources, by index."""
        fields = named(wire, RULE)
        target = fields["set"]
        peer, path = target if isinstance(target, list) else (None, paths[target])
        return cls(**{**fields, "when": paths[fields["when"]], "set": path, "peer": peer})

    def to_wire(self, indexes: Mapping[str, int]) -> dict[int, Any]:
        """indexes: of the resources, by path. Raises KeyError for a path that is not there."""
        told: dict[str, Any] = {**self.as_json(), "when": indexes[self.when]}
        told["set"] = indexes[self.set] if self.peer is None else [self.peer, self.set]
        return {key: told[name] for key, name in RULE.items() if name in told}

    def as_json(self) -> dict[str, Any]:
        """What is not None; Rule(**json) is the same rule again."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Peer:
    """A row of `/p`: who else may speak with a device. paths: all that a `peer` may, which other roles have none of."""

    name: str
    role: str
    paths: list[str]

    @classmethod
    def from_wire(cls, wire: Sequence[Any]) -> "Peer":
        name, role, *paths = wire
        return cls(str(name), _ROLES.get(role, str(role)), [str(path) for path in (paths[0] or ())] if paths else [])


@dataclass(frozen=True)
class Event:
    """One of `/e`. ms is since boot."""

    sequence: int
    ms: int
    path: str
    value: Value


@dataclass(frozen=True)
class Events:
    """`/e`. boot: random, new at each start; with an event's sequence it names that event. ms is since boot, now."""

    boot: int
    ms: int
    latest: list[Event]

    @classmethod
    def from_wire(cls, wire: Mapping[int, Any], resources: Sequence[Resource]) -> "Events":
        fields = named(wire, EVENTS)
        paths = {row.index: row.path for row in resources}
        fields["latest"] = [Event(n, ms, paths.get(index, str(index)), v) for n, ms, index, v in fields["latest"]]
        return cls(**fields)


@dataclass(frozen=True)
class Entry:
    """One line of the log ring. ms is since boot; words for code, with its integers a and b, are in words.py."""

    ms: int
    code: int
    a: int
    b: int


@dataclass(frozen=True)
class Log:
    """`/l`. counts: {code: how often since boot}. crash: the last traceback, None when there was none."""

    ms: int
    ring: list[Entry]
    counts: dict[int, int]
    crash: str | None = None

    @classmethod
    def from_wire(cls, wire: Mapping[int, Any]) -> "Log":
        fields = named(wire, LOG)
        fields["ring"] = [Entry(*entry) for entry in fields["ring"]]
        return cls(**fields)
