"""boards/<NAME>/: what a board is, as board.json and board.py say it. A revision is a delta to another board."""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import HostError, UsageFault
from ..paths import BOARDS, shown
from . import board_source, partitions
from .chip import Chip, chips

# A simulated chip with firmware of its own: choice of the bootloader, ota_0, ota_1, the size of these, romfs, its size.
SIMULATED = (0xD000, 0x10000, 0xD0000, 0xC0000, 0x190000, 0x70000)

_SECTOR_B = 4096


@dataclass(frozen=True)
class Board:
    """march is mpy-cross's name of the architecture. Sizes and offsets are bytes.

    vfs_offset, vfs_size: the file system below stock firmware; our own firmware has it where partitions.csv says.
    free_b is the heap that stock firmware leaves once the network is up, of which a build must spare reserve_b.
    base: the folder of the board that this one is a revision of. accepts: {pin's name: why a doubtful GPIO is right}.
    apps: the products that the board is made for. pins: what a revision changes.
    """

    name: str
    folder: Path
    march: str
    vfs_offset: int
    vfs_size: int
    free_b: int
    reserve_b: int
    features: tuple[str, ...]
    mcu: str = "unix"
    flash_size: int = 0
    psram: bool = False
    base: Path | None = None
    apps: tuple[str, ...] = ()
    accepts: dict[str, str] = field(default_factory=dict)
    pins: dict[str, int] = field(default_factory=dict)

    @property
    def chip(self) -> Chip:
        return chips()[self.mcu]

    def file(self, name: str) -> Path:
        """A file of the board: its own, or the one of the board that it is a revision of."""
        own = self.folder / name
        return self.base / name if self.base and not own.exists() else own

    def source(self) -> str:
        """board.py as it goes to the device. Raises HostError if it is not there, or lacks a pin that is revised."""
        path = self.file("board.py")
        try:
            text = path.read_text()
        except FileNotFoundError:
            raise HostError(f"{shown(path)} is missing: it says which pins and features the board has") from None
        try:
            return board_source.revised(text, self.name, self.pins) if self.base else text
        except KeyError as e:
            at = f"tos.pins.{e.args[0]}"
            raise HostError(f"{where(self.folder / 'board.json', at)}: {at}: {shown(path)} has no such pin") from None


def names() -> list[str]:
    return sorted(path.parent.name for path in BOARDS.glob("*/board.json"))


def load(name: str) -> Board:
    """Raises UsageFault for an unknown board, HostError for a broken board.json or board.py."""
    if name not in names():
        raise UsageFault(f"no board {name}; there are {', '.join(names())}. docs/boards.md says how one is made")
    path = BOARDS / name / "board.json"
    data = read(path)
    base = data.get("tos", {}).get("base")
    if base is not None:
        if base == name or base not in names():
            raise HostError(
                f"{where(path, 'tos.base')}: tos.base: there is no other board {base}; there are {', '.join(names())}"
            )
        beneath = read(BOARDS / base / "board.json")
        if "base" in beneath.get("tos", {}):
            raise HostError(
                f"{where(path, 'tos.base')}: tos.base: {base} is itself a revision; name the board that it begins with"
            )
        data = merged(beneath, data)
    if base is None and "pins" in data.get("tos", {}):
        raise HostError(
            f"{where(path, 'tos.pins')}: tos.pins: only a revision has it; the pins of a board are in its board.py"
        )
    return _board(path, data, BOARDS / base if base else None)


def _board(path: Path, data: dict, base: Path | None) -> Board:
    def get(at: str, kind: type, default: Any = None) -> Any:
        value: Any = data
        for key in at.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        value = default if value is None else value
        if value is None:
            raise HostError(f"{shown(path)}: the key {at} is missing")
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            raise HostError(f"{where(path, at)}: {at} has to be {_KINDS[kind]}, not {json.dumps(value)}")
        return value

    def table(at: str, kind: type) -> dict:
        for key in get(at, dict, {}):
            get(f"{at}.{key}", kind)
        found: dict = get(at, dict, {})
        return found

    mcu = get("mcu", str)
    if mcu not in chips():
        raise HostError(f"{where(path, 'mcu')}: mcu: no chip {mcu}; there are {', '.join(chips())}")
    board = Board(
        name=path.parent.name,
        folder=path.parent,
        march=chips()[mcu].march,
        vfs_offset=get("tos.flash.vfs_offset", int),
        vfs_size=get("tos.flash.vfs_size", int),
        free_b=get("tos.heap.free_b", int),
        reserve_b=get("tos.heap.reserve_b", int),
        features=(),
        mcu=mcu,
        flash_size=get("tos.flash.size", int),
        psram=get("tos.psram", bool, False),
        base=base,
        apps=tuple(str(app) for app in get("tos.apps", list, [])),
        accepts=table("tos.accepts", str),
        pins=table("tos.pins", int),
    )
    features = board_source.features(board.source(), shown(board.file("board.py")))
    return Board(**{**vars(board), "features": features})


def own_firmware(board: Board) -> Board:
    """The same board below firmware of our own: its file system is the partition vfs of partitions.csv."""
    part = _own_partition(board, "vfs")
    return replace(board, vfs_offset=part.offset, vfs_size=part.size)


def firmware_b(board: Board) -> int:
    """How much an application may have on firmware of our own; HostError where there are not two slots for it."""
    if board.mcu == "unix":
        return SIMULATED[3]
    return min(_own_partition(board, name).size for name in ("ota_0", "ota_1"))


def image_b(board: Board) -> int:
    """How much an app may have as a ROMFS, half of the partition; HostError where there is none."""
    size_b = SIMULATED[5] if board.mcu == "unix" else _own_partition(board, "romfs").size
    return size_b // _SECTOR_B // 2 * _SECTOR_B


def _own_partition(board: Board, name: str) -> partitions.Partition:
    path = board.file("partitions.csv")
    table = partitions.from_csv(path.read_text())[0] if path.exists() else []
    for part in table:
        if part.name == name:
            return part
    raise HostError(
        f"{shown(path)}: {name}: firmware of our own needs this partition; see `tos board check {board.name}`"
    )


_KINDS = {str: "text", int: "a whole number", bool: "true or false", dict: "a table", list: "a list"}


def read(path: Path) -> dict[str, Any]:
    """A board.json. Raises HostError with the line of a mistake in it."""
    try:
        data = json.loads(path.read_text())
    except json.JSONDecodeError as e:
        raise HostError(f"{shown(path)}:{e.lineno}: {e.msg}") from None
    except UnicodeDecodeError as e:
        raise HostError(f"{shown(path)}: it is not UTF-8: {e.reason}") from None
    if not isinstance(data, dict) or not isinstance(data.get("tos", {}), dict):
        raise HostError(f"{shown(path)}: it has to be a table, and so does the `tos` in it")
    return data


def merged(beneath: dict, above: dict) -> dict:
    """beneath, with what above says in its place. Tables are merged, all else is replaced."""
    result = dict(beneath)
    for key, value in above.items():
        under = result.get(key)
        result[key] = merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result


def line_of(path: Path, at: str) -> int:
    """The line of a key in a board.json ("tos.flash.size"); 0 when it is not written there."""
    text = path.read_text()
    place = 0
    for key in at.split("."):
        found = re.compile(rf'"{re.escape(key)}"\s*:').search(text, place)
        if not found:
            return 0
        place = found.start()
    return text.count("\n", 0, place) + 1


def where(path: Path, at: str) -> str:
    """file:line of a key in a board.json; the file alone when it is not written there."""
    line = line_of(path, at)
    return f"{shown(path)}:{line}" if line else shown(path)
