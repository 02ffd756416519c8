"""Mistakes that somebody could make in the storage code, and the check that catches each. CPython."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from .lab import ROOT, Scenario, damage, full_disk, sweep



@dataclass(frozen=True)
class Mutant:
    """A mistake that somebody could make: in `path`, `old` becomes `new`."""

    name: str
    old: str
    new: str
    path: str = "tos/store.py"

    def __str__(self):
        return self.name.replace(" ", "-")

    def firmware(self, folder):
        """A copy of the firmware that has the mistake."""
        firmware = Path(folder) / str(self)
        shutil.copytree(ROOT / "firmware" / "tos", firmware / "tos", ignore=shutil.ignore_patterns("__pycache__"))
        path = firmware / self.path
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"mutant '{self.name}': its place is not found once in {self.path}")
        path.write_text(text.replace(self.old, self.new))
        return firmware
