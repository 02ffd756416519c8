"""boards/<NAME>/board.json: the budgets and abilities of a board."""

import json
from dataclasses import dataclass
from pathlib import Path

from .errors import HostError, UsageFault
from .paths import BOARDS, shown


@dataclass(frozen=True)
class Board:
    """march is mpy-cross's name of the architecture. Sizes and offsets are bytes.

    free_b is the heap that stock firmware leaves once the network is up, of which a build must spare reserve_b.
    """

    name: str
    folder: Path
    march: str
    vfs_offset: int
    vfs_size: int
    free_b: int
    reserve_b: int
    features: tuple[str, ...]


def names() -> list[str]:
    return sorted(path.parent.name for path in BOARDS.glob("*/board.json"))


def load(name: str) -> Board:
    """Raises UsageFault for an unknown board, HostError for a broken board.json."""
    path = BOARDS / name / "board.json"
    try:
        data = json.loads(path.read_text())
        return Board(
            name=name,
            folder=path.parent,
            march=data["march"],
            vfs_offset=data["flash"]["vfs_offset"],
            vfs_size=data["flash"]["vfs_size"],
            free_b=data["heap"]["free_b"],
            reserve_b=data["heap"]["reserve_b"],
            features=tuple(data["features"]),
        )
    except FileNotFoundError:
        raise UsageFault(f"no board {name}; there are {', '.join(names())}") from None
    except KeyError as e:
        raise HostError(f"{shown(path)}: the key {e} is missing") from None
    except ValueError as e:
        raise HostError(f"{shown(path)}: {e}") from None
