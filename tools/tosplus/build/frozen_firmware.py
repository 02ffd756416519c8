"""Firmware of our own: MicroPython built from source for a board, with the core and board.py frozen in.

It takes ESP-IDF and MicroPython's source. The board is laid out as a BOARD_DIR, a revision over the board it is of.
"""

import os
import shutil
import subprocess
from pathlib import Path

from ..errors import HostError
from ..paths import BOARDS, shown
from .board import Board

_FILES = ("mpconfigboard.h", "mpconfigboard.cmake", "sdkconfig.board", "partitions.csv")
_SHARED = ("esp32.cmake", "sdkconfig.esp32")  # beside the boards, and so beside the BOARD_DIR


def check_tools() -> Path:
    """-> MicroPython's ports/esp32. Raises HostError with all that is missing."""
    missing = []
    if not shutil.which("idf.py"):
        missing.append(
            "ESP-IDF: there is no idf.py on PATH. Install the version that MicroPython's ports/esp32/README.md names, "
            "and in this shell run `. $IDF_PATH/export.sh`."
        )
    port = Path(os.environ.get("MPY_DIR", "")) / "ports/esp32"
    if "MPY_DIR" not in os.environ:
        missing.append("MicroPython's source: set MPY_DIR to a git checkout of it, with its mpy-cross made.")
    elif not (port / "Makefile").is_file():
        missing.append(f"MicroPython's source: MPY_DIR is {os.environ['MPY_DIR']}, which has no ports/esp32/Makefile.")
    if not shutil.which("make"):
        missing.append("make: there is none on PATH.")
    if missing:
        raise HostError(
            "--frozen builds MicroPython from source, and here is missing\n  " + "\n  ".join(missing) + "\n"
            "Without --frozen, stock firmware is used as it is: --firmware FILE."
        )
    return port.absolute()


def board_dir(board: Board, folder: Path) -> Path:
    """Lays out folder/NAME as a BOARD_DIR. Returns it."""
    target = folder / board.name
    target.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        source = board.file(name)
        if not source.is_file():
            raise HostError(f"{shown(source)} is missing; see `tos board check {board.name}`")
        shutil.copyfile(source, target / name)
    for name in _SHARED:
        shutil.copyfile(BOARDS / name, folder / name)
    (target / "board.py").write_text(board.source())
    manifest = board.file("manifest.py").absolute().as_posix()
    (target / "manifest.py").write_text(f'include({manifest!r})\nmodule("board.py")\n')
    return target


def build(board: Board, folder: Path) -> Path:
    """Makes the firmware below folder. -> its .bin. Raises HostError when a tool is missing, or a step fails."""
    port = check_tools()
    made = (folder / "micropython").absolute()
    command = ["make", "-C", str(port), f"BOARD_DIR={board_dir(board, folder).absolute()}", f"BUILD={made}"]
    if subprocess.run(command, stdout=2).returncode:  # stdout is the report's
        raise HostError(f"MicroPython's own build failed; it is above. The command: {' '.join(command)}")
    firmware = made / "firmware.bin"
    if not firmware.is_file():
        raise HostError(f"MicroPython's build ended well, but there is no {shown(firmware)}")
    return firmware
