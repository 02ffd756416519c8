"""The flash chip of a simulated board: NOR flash in a file, which is the device's flash file."""

import mmap
from pathlib import Path

SECTOR_B = 4096
_PAGE_B = 256
_ERASED = b"\xff"


class PowerCut(Exception):
    """The cable was pulled in the middle of a flash operation."""


class Nor:
    """Programming only clears bits, a page at a time; erasing sets those of a sector.

    A new file is a new chip, erased. cut_after: the supply fails in the middle of that page or sector, counted from 0
    and from now. Raises ValueError for what lies outside of the chip.
    """

    def __init__(self, path: Path, size_b: int) -> None:
        if not path.exists():
            path.write_bytes(_ERASED * size_b)
        if path.stat().st_size != size_b:
            raise ValueError(f"{path} has {path.stat().st_size} bytes, and the flash chip {size_b}")
        with path.open("r+b") as file:
            self._cells = mmap.mmap(file.fileno(), size_b)
        self.size_b = size_b
        self.cut_after: int | None = None
        self.operations = 0

    def close(self) -> None:
        self._cells.close()

    def read(self, offset: int, size: int) -> bytes:
        self._check(offset, size)
        return self._cells[offset : offset + size]

    def program(self, offset: int, data: bytes) -> None:
        self._check(offset, len(data))
        at = 0
        while at < len(data):
            page = data[at : at + _PAGE_B - (offset + at) % _PAGE_B]
            self._operate(offset + at, self._and(offset + at, page))
            at += len(page)

    def erase(self, offset: int, size: int) -> None:
        """The sectors in which these bytes are, whole."""
        self._check(offset, size)
        for sector in range(offset // SECTOR_B, -(-(offset + size) // SECTOR_B)):
            self._operate(sector * SECTOR_B, _ERASED * SECTOR_B)

    def _and(self, offset: int, data: bytes) -> bytes:
        there = int.from_bytes(self._cells[offset : offset + len(data)], "big")
        return (there & int.from_bytes(data, "big")).to_bytes(len(data), "big")

    def _operate(self, offset: int, data: bytes) -> None:
        fails = self.cut_after == 0
        if fails:
            data = data[: len(data) // 2]
        self._cells[offset : offset + len(data)] = data
        self.operations += 1
        if fails:
            self.cut_after = None
            raise PowerCut
        if self.cut_after:
            self.cut_after -= 1

    def _check(self, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > self.size_b:
            raise ValueError(f"{size} bytes at {offset:#x}: the flash ends at {self.size_b:#x}")
