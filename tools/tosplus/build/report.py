"""What a device tree costs a board, in heap and flash, and whether the board has that."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import HostError
from ..paths import shown
from . import manifest
from .board import Board

# What a module costs the heap of a 32-bit MicroPython 1.25, per byte of .mpy and besides: see docs/decisions/0009.
_BYTECODE_HEAP = 1.3
_MODULE_HEAP = 200
_NATIVE_HEAP = 0.3  # of viper code, which is not in this heap but its tables are
_OBJECTS_HEAP = 17500  # services, tasks, sockets, two security contexts; asyncio; names that were loaded and went again
_REST = (manifest.ALWAYS, manifest.PAIRED, manifest.BY_APP)
_SECTOR_B = 4096


def heap_b(mpy_b: int, native: bool) -> int:
    """What a module of so many bytes takes, by estimate."""
    return int(mpy_b * _NATIVE_HEAP if native else mpy_b * _BYTECODE_HEAP + _MODULE_HEAP)


@dataclass(frozen=True)
class Module:
    """One file of the device tree. heap_b is estimated; native: most of it is viper code.

    feature, loaded: see manifest.Source; "no" is what this app never loads.
    """

    target: str
    file_b: int
    heap_b: int
    native: bool
    feature: str
    loaded: str


@dataclass(frozen=True)
class Report:
    """What was built, and what it costs. compiled and removed are counts of files in this run."""

    app: str
    board: Board
    out: Path
    modules: list[Module]
    compiled: int
    removed: int

    def loads(self, *when: str) -> list[Module]:
        return [module for module in self.modules if module.loaded in when]

    @property
    def rest_b(self) -> int:
        """Heap in use while nothing happens, on a device that is paired and has a hub."""
        return _OBJECTS_HEAP + _heap(self.loads(*_REST))

    @property
    def heap_b(self) -> int:
        """The most at once: besides, what stays when it was asked for, and the largest feature of those that pass."""
        passing: dict[str, int] = {}
        for module in self.loads(manifest.PASSES):
            passing[module.feature] = passing.get(module.feature, 0) + module.heap_b
        return self.rest_b + _heap(self.loads(manifest.STAYS)) + max(passing.values(), default=0)

    @property
    def flash_b(self) -> int:
        """As littlefs spends it, whole sectors for each file and two for each folder: two slots and recovery."""
        return sum(self._room_b(f"{top}/") for top in "ar") + self._room_b("a/") + 8 * _SECTOR_B

    def _room_b(self, top: str) -> int:
        here = [module for module in self.modules if module.target.startswith(top)]
        sectors = sum(-(-module.file_b // _SECTOR_B) for module in here)
        folders = {parent for module in here for parent in Path(module.target).parents}
        return (sectors + 2 * len(folders)) * _SECTOR_B

    @property
    def fits(self) -> bool:
        enough = self.board.free_b - self.rest_b >= self.board.reserve_b
        return enough and self.flash_b <= self.board.vfs_size

    def check_budget(self) -> None:
        """Raises HostError if the board has not the heap or the flash for this build."""
        if self.fits:
            return
        left_b = self.board.free_b - self.rest_b
        if left_b < self.board.reserve_b:
            biggest = sorted(self.loads(*manifest.LOADED), key=lambda module: -module.heap_b)[:3]
            raise HostError(
                f"{self.app} needs too much heap for {self.board.name}: {self.rest_b} of {self.board.free_b} B at "
                f"rest, which leaves {left_b} B; {self.board.reserve_b} B must stay free\n"
                f"Biggest: {', '.join(f'{m.target} {m.heap_b} B' for m in biggest)}. "
                f"Leave a feature out of {shown(self.board.folder / 'manifest.py')}, or freeze the core."
            )
        raise HostError(f"{self.app} does not fit {self.board.name}'s flash: {self.flash_b} of {self.board.vfs_size} B")

    def as_json(self) -> dict:
        return {
            "app": self.app,
            "board": self.board.name,
            "out": str(self.out),
            "modules": [vars(module) for module in self.modules],
            "compiled": self.compiled,
            "removed": self.removed,
            "heap": {
                "rest_b": self.rest_b,
                "used_b": self.heap_b,
                "free_b": self.board.free_b,
                "reserve_b": self.board.reserve_b,
            },
            "flash": {"used_b": self.flash_b, "size_b": self.board.vfs_size},
        }


def _heap(modules: list[Module]) -> int:
    return sum(module.heap_b for module in modules)
