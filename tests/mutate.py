"""Mistakes that somebody could make, each with the test that catches it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tosplus.sim.process import micropython

ROOT = Path(__file__).parents[1]
_SAMPLE = 8  # of each file's, in `make test`
_TEST_S = 55  # one that hangs has caught it
_COPIED = ("lib", "tools", "firmware", "boards")
_PATH = "lib:firmware:firmware/tos/ports/unix:tests/unit:tests/device:.frozen"


@dataclass(frozen=True)
class Mutant:
    """In lib/toscore/`path`, `old` becomes `new`; the test of that name then fails. In tools/ or firmware/ when path
    says so.

    caught_by: "test_x.py::test_y" of tests/unit or "device/test_x.py::test_y", on MicroPython, or
    "host/test_x.py::test_y", by pytest. waits: that test fails only when it has waited for something in vain, for 10 s
    and more; `make mutants` alone tries it.
    """

    name: str
    path: str
    caught_by: str
    old: str
    new: str
    waits: bool = False

    def __str__(self):
        return self.name.replace(" ", "-")


def some(mutants, most=_SAMPLE):
    """All of them in `make mutants`; else so many that are spread over those which are caught at once."""
    if os.environ.get("TOS_MUTANTS") == "all":
        return mutants
    quick = [each for each in mutants if not getattr(each, "waits", False)]
    return quick if len(quick) <= most else [quick[i * len(quick) // most] for i in range(most)]


def replace(file, old, new):
    """-> the number of the line in which `old` was, which is there once."""
    text = file.read_text()
    assert text.count(old) == 1, (old, text.count(old))
    file.write_text(text.replace(old, new))
    return text.count("\n", 0, text.index(old)) + 1


def survives(mutant, folder):
    """What the test said, when it passed in a tree made in folder that has this mistake; nothing when it failed."""
    for top in ROOT.iterdir():
        if top.name in _COPIED:
            shutil.copytree(top, folder / top.name, ignore=shutil.ignore_patterns("*.pyc.*", "*.egg-info"))
        elif not top.name.startswith("."):
            (folder / top.name).symlink_to(top)
    cache = ROOT / ".tos/build/cache"  # what is in it is named by all that shapes it
    cache.mkdir(parents=True, exist_ok=True)
    (folder / ".tos/build").mkdir(parents=True)
    (folder / ".tos/build/cache").symlink_to(cache)
    elsewhere = mutant.path.startswith(("tools/", "firmware/"))
    path = folder / (mutant.path if elsewhere else f"lib/toscore/{mutant.path}")
    replace(path, mutant.old, mutant.new)
    if mutant.caught_by.startswith("host/"):
        test = f"tests/{mutant.caught_by}"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", f"timeout={_TEST_S}", test]
    else:
        test = "tests/" + ("" if mutant.caught_by.startswith("device/") else "unit/") + mutant.caught_by
        command = [micropython(), "tests/run_mpy.py", test]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "MICROPYPATH": _PATH, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    said = done.stdout + done.stderr
    return "" if f"FAILED {test}" in said.replace(" - ", "\n") and done.returncode else said[-2000:] or "nothing"
