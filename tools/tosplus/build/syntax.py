"""A maker's Python as a tree: what it says is read without running it. CPython."""

import ast
import threading

_PARSING = threading.Lock()  # two threads at once in ast.parse: SystemError, with CPython 3.11


def parse(text: str | bytes) -> ast.Module:
    """As ast.parse; several devices may be built at once."""
    with _PARSING:
        return ast.parse(text)
