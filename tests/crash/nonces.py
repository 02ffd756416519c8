"""No nonce is used twice with one key, whenever the power fails. CPython.

Each life of the device is one process (device/talk.py): recordings of what its peer sent in earlier lives come first,
then it talks with the peer, over more than one reserve of numbers. The lives of one device share its flash and, outside
of it, the record of what its cipher was used for, and of what its peer sent. Which of the keys seals is worked out
here, by code that is not the device's.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tosplus.link.oscore import Context

from .checks import TEARS, WORKERS
from .lab import Died, code
from .lives import Forking

PEER = Context(b"sixteen bytes...", b"salt", b"\x00", b"\x01")
_KEY = PEER.derive(PEER.recipient, "Key", 16).hex()  # with which the device seals


@dataclass
class Sweep:
    """ops: flash operations of a life. points: cuts. seals: how much was sealed in all. faults: [(cuts, what)]."""

    ops: int
    points: int = 0
    seals: int = 0
    faults: list = field(default_factory=list)


class Device(Forking):
    program = "talk"
    seen = ("seals", "heard")
    lives = 0

    def copy(self):
        other = super().copy()
        other.lives = self.lives
        return other

    def live(self, cut=None):
        """One life -> flash operations; None when it ended by the cut. Raises Died."""
        order = {name: getattr(PEER, name).hex() for name in ("secret", "salt", "sender", "recipient")}
        order |= {"life": self.lives, "cut": cut, "fresh": self.lives == 0}
        self.lives += 1
        said = self.run(order, may_be_killed=bool(cut))
        return said and said["ops"]

    def faults(self):
        """-> ([what is wrong], how much was sealed)."""
        lines = self.lines("seals")
        seals = Counter(line for line in lines if line.startswith(_KEY))
        found = [line for line in lines if line.startswith("!")]
        found += [f"nonce {seal.split()[1]} was used {n} times" for seal, n in seals.items() if n > 1]
        return found, seals.total()


def sweep(folder, life=1, twice=False, tears=TEARS, every=1, firmware=None):
    """Cut a life at each flash operation, in every way, and once it is over; two that are not cut follow.

    life: 0 is the device's first, in which the peer comes; 1 is a later one. twice: after each cut, cut the next life
    as well, at each of its operations and in every way. every: only each so-manieth operation. firmware: made by
    lab.code, if it is not today's.
    """
    folder = Path(folder)
    root = Device(folder / "lives", firmware or code(folder / "firmware"))
    for _ in range(life):
        root.live()
    result = Sweep(root.copy().live())

    def come(cuts):
        """-> (operations of the life after the cuts, what is wrong, how much was sealed)."""
        device = root.copy()
        ops = 0
        try:
            for cut in cuts:
                device.live(cut)
            ops = device.live()
            device.live()
            return ops, *device.faults()
        except Died as e:
            return ops, [*device.faults()[0], f"the next start dies: {e}"], 0
        finally:
            device.forget()

    def each(pool, fates):
        """-> how many operations the life after each of them had."""
        lives = []
        for cuts, (ops, faults, seals) in zip(fates, pool.map(come, fates), strict=True):
            lives.append(ops)
            result.points += len(cuts)
            result.seals += seals
            result.faults += [(cuts, fault) for fault in faults]
        return lives

    with ThreadPoolExecutor(WORKERS) as pool:
        fates = [((n, tear),) for n in range(0, result.ops + 1, every) for tear in tears]
        lives = each(pool, fates)
        if twice:
            then = [(fate, n) for fate, ops in zip(fates, lives, strict=True) for n in range(ops + 1)]
            each(pool, [(*fate, (n, tear)) for fate, n in then for tear in tears])
    return result
