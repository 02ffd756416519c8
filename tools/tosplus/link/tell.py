"""Values and log entries as people read them."""

from collections.abc import Sequence
from typing import Any

from ..words import CAUSES, LEVELS, WORDS
from .schema import Entry, Resource, Value


def value(resource: Resource, now: Value) -> str:
    """on, 21 °C, -: with the unit, and without Python's words."""
    if now is None:
        return "-"
    if isinstance(now, bool):
        return "on" if now else "off"
    return f"{now} {resource.unit}" if resource.unit else str(now)


def entry(line: Entry, resources: Sequence[Resource]) -> dict[str, Any]:
    """{ms, level, code, name, text}: the words of a log entry, a resource by its path."""
    about = {"ms": line.ms, "level": LEVELS.get(line.code // 100, "?"), "code": line.code}
    if line.code not in WORDS:
        return {**about, "name": "?", "text": f"a code that this `tos` does not know ({line.a}, {line.b})"}
    word = WORDS[line.code]
    a: int | str = line.a
    if word.name == "BOOT":
        a = CAUSES.get(line.a, line.a)
    elif ("sensor {a}" in word.text or "output {a}" in word.text) and line.a < len(resources):
        a = resources[line.a].path
    return {**about, "name": word.name, "text": word.text.format(a=a, b=line.b)}
