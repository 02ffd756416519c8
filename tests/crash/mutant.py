"""A mistake that somebody could make in what a device runs, for a sweep of power cuts to find. CPython."""

import shutil
from dataclasses import dataclass

from mutate import ROOT, replace

from .lab import compile_one


@dataclass(frozen=True)
class Mutant:
    """In `path` of a device's code, `old` becomes `new`; a sweep then has a fault with `sign` in what it says.

    do: what is done while the power fails, or the check that sees it. every: only each so-manieth operation is cut.
    begin: the first life that is cut, of several.
    """

    name: str
    path: str
    old: str
    new: str
    sign: str
    do: object = None
    every: int | None = None
    begin: int = 1

    def __str__(self):
        return self.name.replace(" ", "-")

    def made_in(self, firmware):
        """firmware: a folder as of lab.copied -> the same."""
        replace(firmware / self.path, self.old, self.new)
        return firmware

    def made_in_compiled(self, firmware):
        """firmware: a folder as of lab.compiled -> the same."""
        file = firmware / self.path
        shutil.copy(ROOT / "firmware" / self.path, file)
        self.made_in(firmware)
        compile_one(file)
        return firmware

    def shown_by(self, faults):
        """faults: of a sweep -> those that show it."""
        return [what for _, what in faults if self.sign in what]
