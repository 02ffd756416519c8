"""No counter of a payment is used twice, no key is lost, and none is used before it is durable, whenever the power
fails. CPython.

Each life of the device is one process (device/paying.py): a token comes, or its next key, or another token in its
place, and taps. The supply fails at each flash operation of that, in every way, and the process is killed at each point
in between. What a reader was given outlives the device in a file of the host's. After each cut the token service does
what it has to do again, and the device pays again.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .checks import TEARS, WORKERS
from .lab import Died, code
from .lives import Forking

EMPTY = (None, None)
FIRST = ("token one", 1)
# What is done, whether there was a token before, and (id, key index) in use before and after.
DO = {
    "provision": (EMPTY, FIRST),
    "replenish": (FIRST, ("token one", 2)),
    "replace": (FIRST, ("token two", 1)),
    "tap": (FIRST, FIRST),
}


@dataclass
class Sweep:
    """ops: flash operations. points: cuts and kills. given: cryptograms in all. ends: what was in use after a cut."""

    ops: int
    points: int = 0
    given: int = 0
    ends: set = field(default_factory=set)
    faults: list = field(default_factory=list)


class Device(Forking):
    program = "paying"
    seen = ("given",)

    def live(self, do, **order):
        """-> what the life says; None when it ended by its cut or kill. Raises Died."""
        may_be_killed = order.get("cut") is not None or order.get("kill") is not None
        return self.run({"do": do, **order}, may_be_killed)

    def faults(self):
        """-> ([what is wrong], how many cryptograms were given)."""
        lines = self.lines("given")
        given = Counter(line for line in lines if line[0] != "!")
        found = [line for line in lines if line[0] == "!"]
        found += [f"{cryptogram} was given {n} times" for cryptogram, n in given.items() if n > 1]
        counters = {}
        for line in lines:
            if line[0] != "!":
                *token, atc = line.rsplit(" ", 2)
                if int(atc) <= counters.get(token[0], 0):
                    found.append(f"{line} came after counter {counters[token[0]]}")
                counters[token[0]] = int(atc)
        return found, given.total()


def sweep(folder, do, then=(), tears=TEARS, every=1, firmware=None):
    """Cut this at each flash operation and kill it at each point; then it is done again, and pays again.

    then: ways in which the life that follows such a cut is cut as well, at each operation, or killed at each point.
    """
    folder = Path(folder)
    before, after = DO[do]
    root = Device(folder / do, firmware or code(folder / "firmware"))
    root.live("nothing" if before == EMPTY else "prepare", fresh=True)
    whole = root.copy().live(do)
    tries = 0 if before == EMPTY else 3  # of the PIN; each cut may cost one
    result = Sweep(whole["ops"])

    def come(start, fate, cuts):
        """start: a device -> (fate, the device after it, the life in which all was done again)."""
        cut = start.copy()
        wrong = []
        again = None
        try:
            cut.live(do, **fate)
            device = cut.copy()
            again = device.live(do)
            last = device.live("tap")["found"]
            wrong += _wrong(again["found"], (before, after), tries - cuts)
            wrong += _wrong(again["left"], (after,), tries) + _wrong(last, (after,), tries)
            if last != again["left"] or last["pending"] is not None:
                wrong.append(f"two starts find two things: {again['left']}, {last}")
            faults, given = device.faults()
            device.forget()
        except Died as e:
            wrong.append(f"the next start dies: {e}")
            faults, given = cut.faults()
        if again:
            result.ends.add((again["found"]["id"], again["found"]["ki"]))
        result.points += 1
        result.given += given
        result.faults += [(fate, what) for what in wrong + faults]
        return fate, cut, again

    with ThreadPoolExecutor(WORKERS) as pool:
        for _, cut, again in list(pool.map(lambda fate: come(root, fate, 1), _fates(whole, tears, every))):
            if then and again:
                ends = pool.map(lambda fate, cut=cut: come(cut, fate, 2), _fates(again, then, every))
                for _, end, _ in ends:
                    end.forget()
            cut.forget()
    return result


def _fates(life, tears, every):
    cuts = [{"cut": (n, tear)} for n in range(0, life["ops"] + 1, every) for tear in tears]
    return cuts + [{"kill": n} for n in range(0, life["points"], every)]


def _wrong(found, allowed, tries):
    """What is wrong with a device that has just started. allowed: what may be in use. tries: of its PIN, at least."""
    wrong = []
    if found["codes"]:
        wrong.append(f"starting logs {found['codes']}")
    if (found["id"], found["ki"]) not in allowed:
        wrong.append(f"in use: {found}")
    if found["ki"] is not None and found["state"] != 2:
        wrong.append(f"state: {found}")
    if (found["tries"] or 0) < tries:
        wrong.append(f"tries: {found}")
    return wrong
