"""The state directory of a simulated device: who holds it, and run.json, by which other programs find the device.

flash.bin     the flash chip               console.log   what the device printed
world.json    the physical world           run.json      only while it runs
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from .errors import HostError
from .paths import WORK, shown

HOUSE = "home"


@dataclass(frozen=True)
class Run:
    """run.json. uid: with which the device's id ends. parent_pid is the supply, pid the device; link and control are
    UDP addresses; tty is for mpremote."""

    name: str
    uid: str
    model: str
    board: str
    rate: float
    pid: int
    parent_pid: int
    link: tuple[str, int]
    control: tuple[str, int]
    tty: str


def directory(name: str, house: str = HOUSE) -> Path:
    return WORK / house / name


def claim(folder: Path) -> IO[str]:
    """Makes the directory and locks it until the returned file is closed. Raises HostError if another has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise HostError(
            f"{shown(folder)} belongs to a device that is running\nStop it first, or choose another --name or --state."
        ) from None
    return lock


def publish(folder: Path, run: Run) -> None:
    scratch = folder / "run.json.new"
    scratch.write_text(json.dumps(asdict(run), indent=2) + "\n")
    scratch.replace(folder / "run.json")


def withdraw(folder: Path) -> None:
    (folder / "run.json").unlink(missing_ok=True)


def read(folder: Path) -> Run | None:
    """The device that runs from this directory; None if there is none, or if it ended without a word."""
    try:
        data = json.loads((folder / "run.json").read_text())
    except FileNotFoundError:
        return None
    run = Run(**{**data, "link": tuple(data["link"]), "control": tuple(data["control"])})
    try:
        os.kill(run.parent_pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # somebody else's process, but alive
        pass
    return run
