"""A device each life of which is one process, and whose fate forks. CPython."""

import itertools
import json
import shutil
import signal
from pathlib import Path

from .lab import ERASED, FLASH_B, Died, run

_LIFE_S = 50


class Forking:
    """A flash, and what was seen of the device so far; copy() is the same device at another fork of its fate.

    program: what a life runs, in device/; it reads its order as JSON, and what it prints last is its answer. seen:
    files of the host's in which it leaves what outlives it.
    """

    program = ""
    seen: tuple[str, ...] = ()

    def __init__(self, folder, firmware, serial=None):
        self._serial = serial or itertools.count()
        self._root = Path(folder)
        self._here = self._root / str(next(self._serial))
        self._here.mkdir(parents=True)
        self._firmware = firmware
        (self._here / "flash").write_bytes(ERASED * FLASH_B)
        for name in self.seen:
            (self._here / name).touch()

    def copy(self):
        other = type(self)(self._root, self._firmware, self._serial)
        shutil.copytree(self._here, other._here, dirs_exist_ok=True)
        return other

    def run(self, order, may_be_killed):
        """-> what the life says; None when it was killed. Raises Died."""
        files = {"image": "flash"} | {name: name for name in self.seen}
        order = order | {name: str(self._here / file) for name, file in files.items()}
        done = run(self.program, order, self._firmware, _LIFE_S)
        if may_be_killed and done.returncode == -signal.SIGKILL:
            return None
        if done.returncode:
            raise Died(f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    def lines(self, name):
        """Of what was seen."""
        return (self._here / name).read_text().split("\n")[:-1]

    def forget(self):
        shutil.rmtree(self._here)
