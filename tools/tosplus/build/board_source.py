"""board.py as data: its pins and features, read without running it, and the same file for a revision of the board."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import HostError
from ..paths import FIRMWARE
from .syntax import parse

# The tables of board.py, {name: GPIO}, and what a pin in each has to be able to do.
GROUPS = {
    "OUT": "an output, or both directions",
    "IN": "an input with a pull-up",
    "WAKE": "a button that ends deep sleep; it has a resistor to 3.3 V",
    "ADC": "an analogue input beside Wi-Fi",
}


class Pin(NamedTuple):
    """One entry of a table. line: of board.py."""

    group: str
    name: str
    gpio: int
    line: int

    @property
    def field(self) -> str:
        return f"{self.group}.{self.name}"


def _tables(text: str, shown: str, names: tuple[str, ...]) -> Iterator[tuple[str, ast.Dict]]:
    try:
        body = parse(text).body
    except SyntaxError as e:
        raise HostError(f"{shown}:{e.lineno}: {e.msg}") from None
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in names:
            name = node.targets[0].id
            if not isinstance(node.value, ast.Dict):
                raise HostError(f"{shown}:{node.lineno}: {name} has to be written out, as {{name: value}}")
            for key in node.value.keys:
                if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                    raise HostError(f"{shown}:{node.lineno}: the keys of {name} have to be written out, as text")
            yield name, node.value


def _entries(table: ast.Dict) -> list[tuple[str, ast.expr]]:
    return [(ast.literal_eval(key), value) for key, value in zip(table.keys, table.values, strict=True) if key]


def features(text: str, shown: str) -> tuple[str, ...]:
    """The keys of its table `features`. Raises HostError if it has none. shown: the file's name for errors."""
    for _, table in _tables(text, shown, ("features",)):
        return tuple(name for name, _ in _entries(table))
    raise HostError(f"{shown}: features is missing: the table of what an app may need, {{name: factory}}")


def names(text: str) -> dict[str, tuple[int, str | None]]:
    """{name at the top level: (its line, its value if that is plain text)}, with those that `import *` brings."""
    found: dict[str, tuple[int, str | None]] = {}
    for node in parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value.value if isinstance(node.value, ast.Constant) else None
            found[node.targets[0].id] = node.lineno, value if isinstance(value, str) else None
        elif isinstance(node, ast.FunctionDef):
            found[node.name] = node.lineno, None
        elif isinstance(node, ast.ImportFrom) and node.module and node.names[0].name == "*":
            brought = FIRMWARE / (node.module.replace(".", "/") + ".py")
            found |= {name: (node.lineno, None) for name in names(brought.read_text() if brought.exists() else "")}
    return found


def pins(text: str, shown: str) -> list[Pin]:
    found = []
    for group, table in _tables(text, shown, tuple(GROUPS)):
        for name, value in _entries(table):
            if not isinstance(value, ast.Constant) or type(value.value) is not int:
                raise HostError(f"{shown}:{value.lineno}: {group}.{name} has to be the number of a GPIO")
            found.append(Pin(group, name, value.value, value.lineno))
    return found


def revised(text: str, name: str, changed: dict[str, int]) -> str:
    """The file with another NAME and other GPIO numbers, line for line the same. KeyError: a pin that it lacks."""
    edits: list[tuple[ast.expr, str]] = []
    left = dict(changed)
    for node in parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NAME":
            edits.append((node.value, f'"{name}"'))
    for _, table in _tables(text, "board.py", tuple(GROUPS)):
        edits += [(value, str(left.pop(key))) for key, value in _entries(table) if key in left]
    if left:
        raise KeyError(min(left))
    lines = text.splitlines(keepends=True)
    for value, new in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
        line = lines[value.lineno - 1].encode()  # ast counts bytes
        lines[value.lineno - 1] = (line[: value.col_offset] + new.encode() + line[value.end_col_offset :]).decode()
    return "".join(lines)
