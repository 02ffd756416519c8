"""What a step of the demo's story is checked by, and how it is told."""

import itertools
from dataclasses import dataclass

from ..errors import HostError
from ..link.schema import Value

_SILENCE_S = 2.0  # between readings of water that heats, on a busy machine


@dataclass(frozen=True)
class Step:
    """title: what happened; checked: what was seen, or what should have been."""

    title: str
    ok: bool
    checked: str
    seconds: float


class Failed(HostError):
    """A check that did not hold."""


def check_history(points: list[tuple[float, Value]], down: float, up: float) -> None:
    """Readings of water that heats: no silence but while the hub was down, and none twice."""
    times = [at for at, value in points]
    if times != sorted(set(times)) or any(a[1] == b[1] for a, b in itertools.pairwise(points)):
        raise Failed(f"expected each reading once, saw {points}")
    before, after = [at for at in times if at <= down], [at for at in times if at > down]
    if not before or not after:
        raise Failed(f"expected readings before {down:.1f} and after, saw {points}")
    silences = [b - a for a, b in zip(before, [*before[1:], down], strict=True)]
    if max(silences) > _SILENCE_S or after[0] > up + _SILENCE_S:
        raise Failed(f"expected readings until {down:.1f} and from {up:.1f} on, saw {points}")


def expect(what: str, expected: object, seen: object) -> None:
    if seen != expected:
        raise Failed(f"expected {what} to be {expected}, saw {seen}")
