"""Values and log entries as people read and write them."""

import contextlib
from collections.abc import Sequence
from typing import Any

from ..errors import UsageFault
from ..words import CAUSES, LEVELS, REASONS, WORDS
from .schema import Entry, Resource, Value

_ENDED = ("PAY_ENDED", "OFFLINE_TOLD", "SALE_UNDONE")  # whose second integer is a reason


def value(resource: Resource, now: Value) -> str:
    """on, 21 °C, -: with the unit, and without Python's words."""
    if now is None:
        return "-"
    if isinstance(now, bool):
        return "on" if now else "off"
    return f"{now} {resource.unit}" if resource.unit else str(now)


def parse(resource: Resource, text: str) -> Value:
    """What a person typed, as the type of the resource wants it. Raises UsageFault."""
    if resource.type in ("switch", "binary_sensor"):
        words = {"on": True, "true": True, "off": False, "false": False}
        if text.lower() not in words:
            raise UsageFault(f"{resource.path} is a {resource.type}: on or off, not {text}")
        return words[text.lower()]
    if resource.options:
        if text not in resource.options:
            raise UsageFault(f"{resource.path} is one of {', '.join(resource.options)}, not {text}")
        return text
    if resource.type in ("number", "sensor"):
        try:
            return number(text)
        except ValueError:
            raise UsageFault(f"{resource.path} is a {resource.type}: give a number, not {text}") from None
    return text


def guessed(text: str) -> Value:
    """What a person typed for a resource whose type is not known here: on, off, a number, or text."""
    with contextlib.suppress(ValueError):
        return number(text)
    return {"on": True, "off": False}.get(text, text)


def number(text: str) -> int | float:
    """Raises ValueError."""
    with contextlib.suppress(ValueError):
        return int(text)
    return float(text)


def entry(line: Entry, resources: Sequence[Resource]) -> dict[str, Any]:
    """{ms, level, code, name, text}: the words of a log entry, a resource by its path."""
    about = {"ms": line.ms, "level": LEVELS.get(line.code // 100, "?"), "code": line.code}
    if line.code not in WORDS:
        return {**about, "name": "?", "text": f"a code that this `tos` does not know ({line.a}, {line.b})"}
    word = WORDS[line.code]
    a: int | str = line.a
    b: int | str = line.b
    if word.name == "BOOT":
        a = CAUSES.get(line.a, line.a)
    elif word.name == "SALE_DECLINED":
        a = REASONS.get(line.a, line.a)
    elif word.name in _ENDED:
        b = REASONS.get(line.b, line.b)
    elif ("sensor {a}" in word.text or "output {a}" in word.text) and line.a < len(resources):
        a = resources[line.a].path
    return {**about, "name": word.name, "text": word.text.format(a=a, b=b)}
