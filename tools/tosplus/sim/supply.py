"""The supply of a simulated device, and its reset line: the chip starts, ends, starts again, each time for a cause."""

import asyncio
import signal
import time
from pathlib import Path

from .asleep import Asleep
from .chip import Chip, Say
from .console import Console
from .process import POWER, RESET, SOFT_RESET, Start
from .rom.line import Line
from .rom.rom import Rom

_BACK_S = 0.2  # doubled after each start that did not last _LASTED_S
_LASTED_S = 5.0
_LONGEST_BACK_OFF_S = 10.0


class Supply:
    """world, rate, restart, say: as of the device. asleep: while it is. rom, serial: of a device that has them.

    seen: how many starts somebody has waited for.
    """

    rom: Rom | None = None
    serial: Line | None = None
    asleep: Asleep | None = None
    seen = 0

    def __init__(self, chip: Chip, world: Path, rate: float, restart: bool, say: Say) -> None:
        self._chip = chip
        self._world = world
        self._rate = rate
        self._restart = restart
        self._say = say
        self._plugged = asyncio.Event()
        self._plugged.set()

    @property
    def is_plugged(self) -> bool:
        return self._plugged.is_set()

    def plug(self) -> None:
        self._plugged.set()

    def pull(self) -> None:
        """No power until plug(). What runs is killed by kill() only."""
        self._plugged.clear()
        if self.rom and self.serial:
            self.rom.power_off()
            self.serial.hang_up()

    async def kill(self) -> None:
        """The power fails for a moment."""
        if self.asleep:
            self.asleep.end()
        self._chip.end()
        await self._chip.ended()

    def reset(self) -> None:
        """The reset pin: whatever runs is gone."""
        if self.asleep:
            self.asleep.end()
        self._chip.end(POWER)

    async def run(self, console: Console) -> None:
        """Until it is cancelled; kill() is to follow. Without `restart` it returns when the device has ended."""
        start = Start()
        back_off_s = _BACK_S
        while True:
            if not self.is_plugged:
                self._say("off", "unplugged")
                await self._plugged.wait()
                start = start._replace(cause=POWER)
                back_off_s, self._chip.ordered = _BACK_S, None
            if self.rom:
                start = start._replace(vfs=await self.rom.booted())
                if not start.vfs:
                    continue
            began = time.monotonic()
            code = await self._chip.run(start, console, self._look_again)
            start = Start()
            if not self.is_plugged:
                continue
            if self._chip.ordered is not None:
                start, self._chip.ordered = Start(self._chip.ordered), None
                continue
            if code == -signal.SIGUSR1:
                start = await self._sleep()
                continue
            if code == -signal.SIGUSR2:
                self._say("reset", "")
                start = Start(RESET)
                continue
            if code == 0:  # what Ctrl-D does to the Unix port
                self._say("soft reset", "")
                await console.tell_host(b"MPY: soft reboot\r\n")
                start = Start(SOFT_RESET)
                continue
            ending = "power cut or kill -9" if code == -signal.SIGKILL else f"exit code {code}"
            if not self._restart:
                self._say("off", ending)
                return
            back_off_s = _BACK_S if time.monotonic() - began > _LASTED_S else back_off_s
            self._say("off", f"{ending}; on again in {back_off_s:.1f} s")
            await asyncio.sleep(back_off_s)
            back_off_s = min(back_off_s * 2, _LONGEST_BACK_OFF_S)

    def _look_again(self) -> None:
        """What happened while the process was on its way."""
        if not self.is_plugged:
            self._chip.end()
        elif self.rom and self.rom.has_reset:
            self.reset()

    async def _sleep(self) -> Start:
        """Deep sleep, until it is over -> the next start."""
        falling = self._chip.falling
        self._say("asleep", f"{falling['sleep'] / 1000:g} s at most")
        self.asleep = Asleep(self._world, falling, self._rate)
        self._chip.wire.answer_all({"unspent_ms": falling["unspent_ms"]})  # whoever has asked finds it asleep
        self.seen = self._chip.starts
        try:
            return await self.asleep.over()
        finally:
            self.asleep = None
