"""An app's source as data: what it is called and what it needs, read without running it."""

import ast
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import HostError, UsageFault
from ..paths import FIRMWARE, shown
from . import board_source
from .board import Board
from .syntax import parse


def names() -> list[str]:
    return sorted(path.stem for path in (FIRMWARE / "apps").glob("*.py"))


def app_source(app: str) -> Path:
    """APP as people give it: the name of a file in firmware/apps, or a path to one of their own."""
    path = Path(app) if app.endswith(".py") else FIRMWARE / "apps" / f"{app}.py"
    if not path.is_file():
        raise UsageFault(f"no app {app}; there are {', '.join(names())}, or give the path of your own .py file")
    return path


def product(source: Path) -> str:
    """What the app calls itself, App("kettle"). Raises HostError if it does not say so in so many words."""
    try:
        tree = parse(source.read_bytes())
    except SyntaxError as e:
        raise HostError(f"{shown(source)}:{e.lineno}: {e.msg}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "App":
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and 0 < len(name.value.encode()) <= 32:
                return name.value
            raise HostError(f'{shown(source)}:{node.lineno}: an update needs the name of the product, as App("kettle")')
    raise HostError(f"{shown(source)} has no App; nothing on a device could be updated by it")


def check_needs(source: Path, board: Board) -> None:
    """Raises HostError if the board lacks a feature that the app needs."""
    for name, line in needs(source):
        if name not in board.features:
            raise HostError(
                f"{shown(source)}:{line}: {source.stem} needs the feature {name}, "
                f"which {board.name} lacks; it has {', '.join(board.features)}"
            )


def needs(source: Path) -> Iterator[tuple[str, int]]:
    """Finds App(..., needs=(...)) in the source -> each feature named there, and its line. Raises HostError."""
    try:
        tree = board_source.parse(source.read_bytes())
    except SyntaxError as e:
        raise HostError(f"{shown(source)}:{e.lineno}: {e.msg}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "App":
            for keyword in node.keywords:
                if keyword.arg == "needs":
                    with contextlib.suppress(ValueError):  # computed at run time: the device says so at boot, by name
                        yield from ((name, keyword.value.lineno) for name in ast.literal_eval(keyword.value))


def uses(app: Path, feature: str) -> bool:
    needed = any(name == feature for name, _ in needs(app))
    return needed or bool(re.search(rf"\b(app|tos)\.{feature}\b", app.read_text()))
