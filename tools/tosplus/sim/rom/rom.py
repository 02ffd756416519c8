"""The chip from a reset to its application: strapping pin, download mode, boot. Runs in the supply's event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from .boot import NoBoot, Partition, check
from .chips import CHIPS
from .loader import Loader
from .nor import Nor, PowerCut


class Rom:
    """The ROM of `chip`, one of CHIPS, with its flash in a file.

    tell: prints what the ROM says, as text. on_reset: the chip has been reset, whatever it was doing.
    on_power_cut: the flash has lost its supply in the middle of an operation.
    """

    def __init__(
        self,
        chip: str,
        flash: Path,
        tell: Callable[[bytes], Awaitable[None]],
        on_reset: Callable[[], None],
        on_power_cut: Callable[[], None],
    ) -> None:
        self.chip = CHIPS[chip]
        self.nor = Nor(flash, self.chip.flash_mb << 20)
        self._tell = tell
        self._on_reset = on_reset
        self._on_power_cut = on_power_cut
        self._loader: Loader | None = None
        self._in_reset = False
        self._download = False  # what GPIO0 said when the last reset ended
        self._starts = asyncio.Event()
        self._has_power = True

    def lines(self, dtr: bool, rts: bool) -> None:
        """The two transistors that boards have: RTS alone holds the chip in reset, DTR alone pulls GPIO0 down.

        When the reset ends, GPIO0 decides: down is download mode. Both lines or none do nothing.
        """
        if rts and not dtr:
            self._hold()
        elif self._in_reset:
            self._let_go(dtr and not rts)

    def reset(self, download: bool = False) -> None:
        """The board's reset button, with its boot button held for download mode."""
        self._hold()
        self._let_go(download)

    def power_off(self) -> None:
        self._has_power = self._download = False
        self._loader = None
        self._starts.set()

    def close(self) -> None:
        self.power_off()
        self.nor.close()

    @property
    def has_reset(self) -> bool:
        """Whether there was a reset since booted() returned."""
        return self._in_reset or self._starts.is_set()

    async def booted(self) -> Partition | None:
        """Until an application may run -> the partition of its file system. None: the supply has failed meanwhile."""
        self._has_power = True
        while True:
            if not self._in_reset:
                self._starts.clear()
                partition = await self._start()
                if partition:
                    return partition
            await self._starts.wait()
            if not self._has_power:
                return None

    def hear(self, data: bytes) -> bytes | None:
        """What the host sends -> what the loader answers. None: there is no loader, the ROM does not listen."""
        if not self._loader:
            return None
        try:
            said = self._loader.feed(data)
        except PowerCut:
            self._loader = None
            self._on_power_cut()
            return b""
        if self._loader.leaves:
            self._let_go(self._loader.leaves == "reset")  # without the pins: GPIO0 is not asked again
        return said

    def _hold(self) -> None:
        self._in_reset = True
        self._loader = None
        self._starts.clear()
        self._on_reset()

    def _let_go(self, download: bool) -> None:
        self._in_reset = False
        self._loader = None
        self._download = download
        self._starts.set()

    async def _start(self) -> Partition | None:
        chip = self.chip
        if self._download:
            self._loader = Loader(chip, self.nor)
            await self._tell(f"{chip.hello},{chip.download}\r\nwaiting for download\r\n".encode())
            return None
        await self._tell(f"{chip.hello},{chip.run}\r\n".encode())
        try:
            return check(self.nor, chip)
        except NoBoot as e:
            await self._tell(f"{e}\r\n".encode())
            return None
