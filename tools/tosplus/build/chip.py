"""The facts of chips.toml, by MicroPython's name of a chip ("esp32s3")."""

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Chip:
    """One table of chips.toml, which says what each means; sets of pins are GPIO numbers. image: an offset in bytes."""

    march: str
    family: str = ""
    generic: str = ""
    chip_id: int = -1
    image: int = 0
    pins: frozenset[int] = frozenset()
    input_only: frozenset[int] = frozenset()
    strapping: frozenset[int] = frozenset()
    flash: frozenset[int] = frozenset()
    psram: frozenset[int] = frozenset()
    usb: frozenset[int] = frozenset()
    serial: frozenset[int] = frozenset()
    adc1: frozenset[int] = frozenset()
    adc2: frozenset[int] = frozenset()
    wake: frozenset[int] = frozenset()


_WORDS = ("march", "family", "generic")


@cache
def chips() -> dict[str, Chip]:
    tables = tomllib.loads(Path(__file__).with_name("chips.toml").read_text())
    return {name: Chip(**{key: _value(key, table[key]) for key in table}) for name, table in tables.items()}


def _value(key: str, value: Any) -> Any:
    return _pins(value) if isinstance(value, str) and key not in _WORDS else value


def _pins(text: str) -> frozenset[int]:
    """ "0-2 5" -> {0, 1, 2, 5}"""
    found: set[int] = set()
    for part in text.split():
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)
