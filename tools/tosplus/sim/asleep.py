"""A device in deep sleep: no process, a timer, and a world in which a button can still be pressed."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import anyio

from ..errors import HostError
from .process import BUTTON, POWER, TIMER, Start

_WORLD = "{:<1023}\n"  # as tos/ports/unix/world.py writes it


class Asleep:
    """From the moment in which the process has ended. world: the file of its signals. told: its last words, see
    ports/unix. rate: as of the device; with 0 time passes by `advance` only. rtc: its RTC memory meanwhile.
    """

    def __init__(self, world: Path, told: dict[str, Any], rate: float) -> None:
        self.rtc = bytes.fromhex(told["rtc"])
        self._world = world
        self._ms: int = told["sleep"]
        self._wake: list[str] = told["wake"]
        self._wall: int | None = told["wall"]
        self._rate = rate
        self._began = time.monotonic()
        self._advanced_ms = 0
        self._woken = asyncio.Event()
        self._cause = TIMER

    async def over(self) -> Start:
        """When the timer, a button or the end of the supply has ended it -> the start that follows."""
        timeout_s = self._ms / 1000 / self._rate if self._rate else None
        with anyio.move_on_after(timeout_s):
            await self._woken.wait()
        slept_ms = self._slept_ms() if self.is_over else self._ms
        if self._cause == POWER:
            return Start(POWER, slept_ms)
        wall = None if self._wall is None else self._wall + slept_ms // 1000
        return Start(self._cause, slept_ms, self.rtc, wall)

    def end(self) -> None:
        """The supply fails."""
        self._cause = POWER
        self._woken.set()

    @property
    def is_over(self) -> bool:
        return self._woken.is_set()

    def control(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What a bench can do meanwhile, see tos/ports/unix/control.py. Raises HostError for all else.

        advance answers with left_ms, what the device has still to live through when the timer has woken it.
        """
        world = json.loads(self._world.read_text())
        signals = world["signals"]
        if op == "get":
            return {"signals": signals, "failing": world["failing"], "ms": self._slept_ms()}
        if op == "advance" and not self._rate:
            passed_ms = min(arguments["ms"], self._ms - self._advanced_ms)
            self._advanced_ms += passed_ms
            if self._advanced_ms == self._ms:
                self._woken.set()
            return {"left_ms": arguments["ms"] - passed_ms}
        if op != "set" or arguments["signal"] not in signals:
            raise HostError("it is in deep sleep")
        signals[arguments["signal"]] = arguments["value"]
        self._world.write_text(_WORLD.format(json.dumps(world)))
        if arguments["signal"] in self._wake and arguments["value"]:
            self._cause = BUTTON
            self._woken.set()
        return {}

    def _slept_ms(self) -> int:
        return int((time.monotonic() - self._began) * 1000 * self._rate) if self._rate else self._advanced_ms
