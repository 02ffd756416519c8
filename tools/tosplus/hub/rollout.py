"""A rollout as data: who gets an update when, what became of it, whether it goes on. Pure; rollouts.py drives it."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..ota.progress import CONFIRMED, FAILED, ROLLED_BACK, SETTLED, UNDER_WAY, WAITING, Progress

RUNNING, PAUSED, HALTED, DONE = "running", "paused", "halted", "done"
_WAVES = 20

Away = Callable[[str], bool]


@dataclass
class Row(Progress):
    """What one device has of it. since: when its state became this, s since 1970; heard: when it last answered."""

    device: str = ""
    wave: int = 0
    since: float = 0.0
    heard: float = field(default=0.0, compare=False)

    def view(self) -> dict[str, Any]:
        shown = ("device", "wave", "state", "done_b", "total_b", "code", "text", "since")
        return {key: getattr(self, key) for key in shown}


@dataclass
class Rollout:
    """waves: as a person wrote them, see sizes. opened: how many have begun. halt_at: share of failures, 0 to 1, that
    is too many; None where none is.

    away(id), where it is asked for: whether this device cannot be reached now.
    """

    id: int
    bundle: str
    product: str
    version: str
    sequence: int
    waves: tuple[str, ...]
    halt_at: float | None
    at: float
    state: str = RUNNING
    why: str = ""
    opened: int = 1
    rows: dict[str, Row] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """It takes up no device any more."""
        return self.state in (HALTED, DONE)

    def assign(self, devices: Sequence[str]) -> None:
        """To the waves, in this order."""
        ends = sizes(self.waves, len(devices))
        for n, device in enumerate(devices):
            wave = next(wave for wave, end in enumerate(ends) if n < end)
            self.rows[device] = Row(device=device, wave=wave, since=self.at)

    def due(self, away: Away) -> list[Row]:
        """Who is to be looked at now: who takes it, also when no more are to begin, and who may begin."""
        states = (*UNDER_WAY, WAITING) if self.state == RUNNING else UNDER_WAY
        return [row for row in self._begun() if row.state in states and not away(row.device)]

    def settled(self, row: Row, away: Away) -> None:
        """What became of one: too many that failed halt it."""
        if row.state == CONFIRMED or self.halt_at is None or self.is_over:
            return
        failed = self.count(FAILED, ROLLED_BACK)
        tried = [row for row in self._begun() if row.state != WAITING or not away(row.device)]
        if failed >= self.halt_at * len(tried):
            self.state = HALTED
            self.why = f"{failed} of {len(tried)} failed, and {told(self.halt_at)} are too many"

    def advance(self, away: Away) -> bool:
        """The next wave, once the one before has shown that it works, or the end. True when something changed."""
        if self.state != RUNNING:
            return False
        if all(row.state in SETTLED for row in self.rows.values()):
            self.state = DONE
            return True
        before = self.opened
        while self.opened < len(self.waves) and self._is_over(self.opened - 1, away):
            self.opened += 1
        return self.opened != before

    def count(self, *states: str) -> int:
        return sum(row.state in states for row in self.rows.values())

    def view(self, devices: Iterable[str] | None = None) -> dict[str, Any]:
        """What the API tells; devices: of these only."""
        shown = ("id", "bundle", "product", "version", "sequence", "waves", "halt_at", "at", "state", "why", "opened")
        rows = self.rows.values() if devices is None else [self.rows[id] for id in devices if id in self.rows]
        return {**{key: getattr(self, key) for key in shown}, "devices": [row.view() for row in rows]}

    def _begun(self) -> list[Row]:
        return [row for row in self.rows.values() if row.wave < self.opened]

    def _is_over(self, wave: int, away: Away) -> bool:
        """Who is away holds nobody up, but a wave of which nobody has confirmed it shows nothing."""
        rows = [row for row in self.rows.values() if row.wave == wave]
        if any(row.state in UNDER_WAY or (row.state == WAITING and not away(row.device)) for row in rows):
            return False
        return all(row.state in SETTLED for row in rows) or any(row.state == CONFIRMED for row in rows)


def sizes(waves: Sequence[str], count: int) -> list[int]:
    """Where each wave ends, of so many devices: "1", "10%". At least one more each, and all of them in the end.

    Raises ValueError.
    """
    if not 1 <= len(waves) <= _WAVES:
        raise ValueError(f"1 to {_WAVES} waves")
    ends: list[int] = []
    for wave in waves:
        end = math.ceil(count * share(wave)) if wave.endswith("%") else _number(wave)
        ends.append(min(count, max(end, ends[-1] + 1 if ends else 1)))
    if waves[-1] != "100%":
        raise ValueError("the last wave is 100%")
    return ends


def share(text: str) -> float:
    """ "5%" -> 0.05. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)%", text)
    if not found or float(found[1]) > 100:
        raise ValueError(f"{text!r} is no share; write 5%")
    return float(found[1]) / 100


def told(part: float) -> str:
    """0.05 -> 5%"""
    return f"{100 * part:g}%"


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise ValueError(f"{text!r} is no wave; write a number of devices, or a share such as 10%")
    return int(text)
