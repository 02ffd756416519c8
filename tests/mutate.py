"""Mistakes that somebody could make, each with the test that catches it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import forks
from desk import desk

ROOT = Path(__file__).parents[1]
_SAMPLE = 8  # of each file's, in `make test`
_TEST_S = 55  # one that hangs has caught it
_SAYS_WHERE = "tools/tosplus/paths.py"  # the tree is
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


def _tree(folder, own, below=""):
    """A tree in folder like this one: copies of the files in own, and links, to whole folders where none of these is.
    Those of firmware/ are made all, as what builds of it looks behind no link."""
    for each in os.scandir(ROOT / below):
        path = below + each.name
        if each.name.startswith(".") or each.name.endswith(".egg-info") or each.name == "__pycache__":
            continue
        if path in own:
            shutil.copy(each, folder / path)
        elif each.is_dir() and (below.startswith("firmware/") or any(file.startswith(f"{path}/") for file in own)):
            os.mkdir(folder / path)
            _tree(folder, own, f"{path}/")
        else:
            os.symlink(each, folder / path)


def survives(mutant, folder):
    """What the test said, when it passed in a tree made in folder that has this mistake; nothing when it failed."""
    elsewhere = mutant.path.startswith(("tools/", "firmware/"))
    path = mutant.path if elsewhere else f"lib/toscore/{mutant.path}"
    _tree(folder, {path, _SAYS_WHERE})
    replace(folder / path, mutant.old, mutant.new)
    desk(folder)
    if mutant.caught_by.startswith("host/"):
        kind, test = "pytest", f"tests/{mutant.caught_by}"
        arguments = ["-q", "-p", "no:cacheprovider", "-o", f"timeout={_TEST_S}", test]
    else:
        kind, test = "micropython", "tests/" + "unit/" * (not mutant.caught_by.startswith("device/")) + mutant.caught_by
        arguments = ["tests/run_mpy.py", test]
    done = forks.run(kind, arguments, 280, folder=folder, MICROPYPATH=_PATH, PYTHONDONTWRITEBYTECODE="1")
    said = done.stdout + done.stderr
    return "" if f"FAILED {test}" in said.replace(" - ", "\n") and done.returncode else said[-2000:] or "nothing"
