"""Power cuts at every operation of a write: devices to cut, and what is claimed of them.

CPython. Every life of a device is one process of the Unix port (device/main.py) with a flash file of its own, and a cut
is a SIGKILL that the device sends itself from inside its flash driver: nothing is unwound, nothing is flushed.

What is claimed. After a cut at any operation of a write of Record, Config, State, Rules or the Unix port's Keystore,
the next start reads the old value or the new one, logs nothing, writes again, and reads that back; a write that has
returned is durable. After a cut in erasing, the value is there or gone. What that rests on:

- NOR flash with sectors of 4,096 B as chip.NorFlash models it. Programs and erases are done in the order in which they
  are asked for, and an operation that is reported done is done. The one that is cut off is torn in one of three ways:
  it did not begin (clean); its first half is done, the rest of the bytes are as before (half); an erase is complete,
  a program left its bytes erased (erased). Programming what is not erased is refused and counted, so that no result
  depends on what a chip makes of it.
- LittleFS 2 as MicroPython ships it, in the states of device/starts.py: new, in use, at a compaction of the folder's
  log, at its relocation for wear, at a split of the folder between the two names of the rename, and on a full disk.
- Record asks for less than LittleFS gives. `bare` is a file system that keeps two promises, a closed file is durable
  and a rename replaces in one step, and breaks every other. LittleFS forgives a truncation in place, because it
  commits nothing of a file before it is closed; `bare` does not.

What is not modelled: cells that read differently from one time to the next after a torn erase or program; tears at a
finer grain, or in another order, than first half and rest; a supply that browns out and lets later operations fail
while the CPU runs on; disturbed neighbours, worn-out cells; caches between driver and chip; esp32.NVS, which is the
keystore on the chip.

Bits that flip on their own are not a power cut: they are tried apart (`damage`), because no cut ever misses a check
that is not there. LittleFS guards the logs of its folders with a CRC of its own and drops what follows a damaged entry,
so that one flipped bit can bring back any older version of a small record, or none, in silence. No check in Record can
see that: what must never go back, such as a counter of nonces, cannot rest on a small record alone.
"""

import itertools
import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import forks
from mutate import replace
from tosplus.build.product import to_mpy

ROOT = Path(__file__).resolve().parents[2]
FLASH_B = 65536  # the same in device/on_flash.py
ERASED = b"\xff"
RECORD_BAD = 405
STORE_FULL = 406

_LIFE_S = 100
_PATHS = {
    "record": "/a.rec",
    "config": "/config.rec",
    "keystore": "/nvs/key",
    "state": "/state.rec",
    "rules": "/rules.rec",
}


@dataclass(frozen=True)
class Scenario:
    """One write: of what kind of storage, how much padding in its value, in which starting state, on what.

    LittleFS keeps a file of up to 128 B inside its folder and gives a bigger one sectors of its own.
    """

    kind: str
    pad_b: int
    start: str
    medium: str = "flash"

    @property
    def path(self):
        return _PATHS[self.kind]

    @property
    def full(self):
        return self.start in ("full", "brimful")

    def __str__(self):
        return f"{self.kind}-{self.pad_b}B-{self.start}" + ("" if self.medium == "flash" else f"-{self.medium}")


class Died(Exception):
    """A life ended with a traceback."""


class Lab:
    """Devices with one firmware. folder: scratch space. starts: a Lab whose prepared starting states are used.

    firmware: made by code(); when not given, it is made, so that edits do not reach a sweep that is running.
    """

    def __init__(self, folder, firmware=None, starts=None):
        self._folder = Path(folder)
        self._firmware = firmware or code(self._folder / "firmware")
        self._starts = starts or self
        self._prepared = {}
        self._serial = itertools.count()

    def start(self, scenario):
        """(image, version stored in it) from which the write begins."""
        if scenario not in self._starts._prepared:
            answer, image = self._starts.life(ERASED * FLASH_B, scenario, "prepare", start=scenario.start)
            self._starts._prepared[scenario] = image, answer
        return self._starts._prepared[scenario]

    def life(self, image, scenario, life, **args):
        """(answer, image after it) of a life that is not cut off."""
        code, out, err, image = self._run(image, scenario, life, args)
        if code:
            raise Died(f"{life}: exit status {code}\n{out}{err}")
        return json.loads(out.splitlines()[-1]), image

    def cut_life(self, image, scenario, life, **args):
        """The image after a life that ends by its own power cut."""
        code, out, err, image = self._run(image, scenario, life, args)
        if code != -signal.SIGKILL:
            raise Died(f"{life}: exit status {code}, not a power cut\n{out}{err}")
        return image

    def _run(self, image, scenario, life, args):
        path = self._folder / f"{next(self._serial)}.flash"
        path.write_bytes(image)
        about = {"medium": scenario.medium, "kind": scenario.kind, "pad_b": scenario.pad_b}
        order = {"life": life, "image": str(path), **about, **args}
        done = run("main", order, self._firmware, _LIFE_S)
        image = path.read_bytes()
        path.unlink()
        return done.returncode, done.stdout, done.stderr, image


def code(folder, *mistakes):
    """A folder made with all that a life runs: `source`, with these mistakes in it, each (path, old, new); and `mpy`,
    which is that compiled, because compiling would take most of a life."""
    sources = {"tos": ROOT / "firmware/tos", "toscore": ROOT / "lib/toscore", "lives": Path(__file__).parent / "device"}
    for name, source in sources.items():
        shutil.copytree(source, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path, old, new in mistakes:
        replace(folder / "source" / path, old, new)
    for source in (folder / "source").rglob("*.py"):
        path = source.relative_to(folder / "source")
        mpy = (folder / "mpy" / path).with_suffix(".mpy")
        mpy.parent.mkdir(parents=True, exist_ok=True)
        mpy.write_bytes(to_mpy(path, source.read_bytes(), str(path), "x64")[0])
    return folder


def run(program, order, firmware, timeout_s):
    """One life: a program of device/, with an order for it. firmware: made by code(). -> its CompletedProcess. Raises
    TimeoutExpired."""
    mpy = firmware / "mpy"
    path = os.pathsep.join(map(str, (mpy, mpy / "tos/ports/unix", mpy / "lives", ".frozen")))
    return forks.run("micropython", ["-m", program], timeout_s, json.dumps(order) + "\n", MICROPYPATH=path)
