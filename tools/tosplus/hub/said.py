"""What devices say, checked field by field. A device may be wrong or hostile: ValueError, in words, nothing else."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..link.schema import IDENTITY, ROW, Identity, Resource, Value, named

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TEXT_CHARS = 1000
_NAME_CHARS = 64
_RESOURCES = 2000
_RULES = 16
_INT64 = 2**63


@dataclass(frozen=True)
class Report:
    """`POST /r/<id>`, docs/protocol.md. wall is in s since 1970, next_s in s from now."""

    boot: int
    wall: float | None = None
    state: Mapping[int, Value] | None = None
    next_s: float | None = None
    asleep: bool = False
    done: int | None = None  # the last command that it has executed


class Happened(NamedTuple):
    """A row of `/e`. ms is since boot."""

    sequence: int
    ms: int
    resource: int
    value: Value


def value(wire: Any) -> Value:
    """NaN and infinities become None: they are no values, and JSON has none."""
    if isinstance(wire, float):
        return wire if math.isfinite(wire) else None
    if isinstance(wire, bool) or wire is None:
        return wire
    if isinstance(wire, int) and -_INT64 <= wire < _INT64:
        return wire
    if isinstance(wire, str) and len(wire) <= _TEXT_CHARS:
        return wire
    raise ValueError(f"{_shown(wire)} is not a value")


def state(wire: Any) -> dict[int, Value]:
    """`/s`: {index: value}"""
    if not isinstance(wire, Mapping):
        raise ValueError(f"its state is not a map: {_shown(wire)}")
    return {_uint(index, "an index"): value(now) for index, now in wire.items()}


def report(wire: Any) -> Report:
    if not isinstance(wire, Mapping):
        raise ValueError(f"a report is a map, not {_shown(wire)}")
    wall, next_ms, asleep = wire.get(1), wire.get(3), wire.get(4, False)
    if not isinstance(asleep, bool):
        raise ValueError(f"asleep is a bool, not {_shown(asleep)}")
    return Report(
        _uint(wire.get(0), "boot"),
        None if wall is None else _number(wall, "wall"),
        state(wire[2]) if 2 in wire else None,
        None if next_ms is None else _number(next_ms, "next_ms") / 1000,
        asleep,
        _uint(wire[5], "a command") if 5 in wire else None,
    )


def identity(wire: Any) -> Identity:
    """`/d`"""
    if not isinstance(wire, Mapping):
        raise ValueError(f"its table is not a map: {_shown(wire)}")
    fields = named(wire, IDENTITY)
    about: dict[str, Any] = {key: _text(fields.get(key), key) for key in ("id", "model", "version", "board")}
    if not ID.fullmatch(about["id"]):
        raise ValueError(f"{_shown(about['id'])} is not a device id")
    rows = [_row(row) for row in _list(fields.get("resources"), "resources", _RESOURCES)]
    if len({row.index for row in rows}) < len(rows) or len({row.path for row in rows}) < len(rows):
        raise ValueError("its table has an index or a path twice")
    features = [_text(name, "a feature") for name in _list(fields.get("features"), "features", 100)]
    return Identity(**about, features=features, resources=rows)


def _row(wire: Any) -> Resource:
    if not isinstance(wire, Mapping):
        raise ValueError(f"a row of its table is not a map: {_shown(wire)}")
    row = named(wire, ROW)
    checks: dict[str, Any] = dict.fromkeys(("unit", "device_class"), _text)
    checks |= dict.fromkeys(("minimum", "maximum", "step"), _finite)
    checks |= dict.fromkeys(("options", "origins"), _texts)
    checks |= dict.fromkeys(("writable", "event", "keep"), _bool)
    optional = {key: check(row[key], key) for key, check in checks.items() if row.get(key) is not None}
    required: dict[str, Any] = {key: _text(row.get(key), key) for key in ("path", "type")}
    return Resource(_uint(row.get("index"), "an index"), **required, **optional, safe=value(row.get("safe")))


def happened(wire: Any) -> tuple[int, int, list[Happened]]:
    """`/e` -> (boot, ms now, rows by sequence)"""
    if not isinstance(wire, Mapping):
        raise ValueError(f"its events are not a map: {_shown(wire)}")
    rows = []
    for row in _list(wire.get(2), "events", 1000):
        sequence, ms, index, now = _list(row, "an event", 4, 4)
        rows.append(Happened(_uint(sequence, "a sequence"), _uint(ms, "ms"), _uint(index, "an index"), value(now)))
    return _uint(wire.get(0), "boot"), _uint(wire.get(1), "ms"), sorted(rows, key=lambda row: row.sequence)


def rules(wire: Any, paths: Mapping[int, str]) -> list[dict[str, Any]]:
    """`/b`, for people: [{"when": path, "above" | "below" | "equals": value, "device": id, "set": path, "to": value}],
    without a device where it is its own path."""
    found = []
    for row in _list(wire, "rules", _RULES):
        if not isinstance(row, Mapping):
            raise ValueError(f"a rule is not a map: {_shown(row)}")
        try:
            rule: dict[str, Any] = {"when": paths[_uint(row.get(0), "an index")]}
            rule |= {word: value(row[key]) for key, word in _CONDITIONS.items() if key in row}
            target = row.get(4)
            if isinstance(target, list | tuple):
                names = _list(target, "a device and a path", 2, 2)
                rule |= {"device": _text(names[0], "a device"), "set": _text(names[1], "a path")}
            else:
                rule["set"] = paths[_uint(target, "an index")]
        except KeyError as e:
            raise ValueError(f"a rule names resource {e}, which its table has not") from None
        if 5 in row:
            rule["to"] = value(row[5])
        found.append(rule)
    return found


def rules_wire(told: Any, indexes: Mapping[str, int]) -> list[dict[int, Any]]:
    """The other way: from people to `/b`."""
    found = []
    words = set(_CONDITIONS.values())
    for rule in _list(told, "rules", _RULES):
        if not isinstance(rule, dict) or not {"when", "set"} <= set(rule) <= {"when", "device", "set", "to", *words}:
            raise ValueError(f"a rule is when, one of above, below and equals, device, set, and to; not {_shown(rule)}")
        if len(set(rule) & words) != 1:
            raise ValueError("a rule has one of above, below and equals")
        remote = "device" in rule
        for path in [rule["when"]] if remote else (rule["when"], rule["set"]):
            if not isinstance(path, str) or path not in indexes:
                raise ValueError(f"there is no resource {_shown(path)}")
        target = [_text(rule[key], key) for key in ("device", "set")] if remote else indexes[rule["set"]]
        wire: dict[int, Any] = {0: indexes[rule["when"]], 4: target}
        wire |= {key: value(rule[word]) for key, word in _CONDITIONS.items() if word in rule}
        if "to" in rule:
            wire[5] = value(rule["to"])
        found.append(dict(sorted(wire.items())))
    return found


_CONDITIONS = {1: "above", 2: "below", 3: "equals"}


def _uint(wire: Any, what: str) -> int:
    if isinstance(wire, int) and not isinstance(wire, bool) and 0 <= wire < _INT64:
        return wire
    raise ValueError(f"{what} is a whole number from 0 on, not {_shown(wire)}")


def _number(wire: Any, what: str) -> float:
    if isinstance(wire, int | float) and not isinstance(wire, bool) and 0 <= wire < _INT64:
        return wire
    raise ValueError(f"{what} is a number from 0 on, not {_shown(wire)}")


def _finite(wire: Any, what: str) -> float:
    number = value(wire)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"{what} is a number, not {_shown(wire)}")
    return number


def _bool(wire: Any, what: str) -> bool:
    if isinstance(wire, bool):
        return wire
    raise ValueError(f"{what} is a bool, not {_shown(wire)}")


def _text(wire: Any, what: str) -> str:
    if isinstance(wire, str) and 0 < len(wire) <= _NAME_CHARS:
        return wire
    raise ValueError(f"{what} is a text of 1 to {_NAME_CHARS} characters, not {_shown(wire)}")


def _texts(wire: Any, what: str) -> list[str]:
    return [_text(each, what) for each in _list(wire, what, 100)]


def _list(wire: Any, what: str, most: int, least: int = 0) -> Sequence[Any]:
    if isinstance(wire, list | tuple) and least <= len(wire) <= most:
        return wire
    raise ValueError(f"{what}: a list of {least} to {most}, not {_shown(wire)}")


def _shown(wire: Any) -> str:
    """Short, whatever it is: what is nested is told by its type only."""
    if isinstance(wire, int) and not isinstance(wire, bool) and abs(wire) >= _INT64:
        return "a huge number"
    if wire is None or isinstance(wire, bool | int | float | str):
        return repr(wire)[:60]
    return f"a {type(wire).__name__}"
