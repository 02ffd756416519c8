"""A mistake that somebody could make in what a device runs, for a sweep of power cuts to find. CPython."""

from dataclasses import dataclass

from .lab import code


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

    def code(self, folder):
        """As lab.code, with the mistake."""
        return code(folder, (self.path, self.old, self.new))

    def shown_by(self, faults):
        """faults: of a sweep -> those that show it."""
        return [what for _, what in faults if self.sign in what]
