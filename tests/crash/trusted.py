"""Whom a device trusts is what it was or what it is to be, whenever the power fails. CPython.

Each life of the device is one process (device/trusting.py). One thing is done in it, a peer pairs, is brought or is
revoked, or all is forgotten, and the supply fails at each flash operation of that; for a reset also at each of the next
start, which does the work. Then the keys of before come back, and no nonce may come twice with one of them.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .checks import TEARS, WORKERS
from .lab import Died, code
from .lives import Forking

OLD = [
    ["laptop", 1, [], None, b"the owner's secret".hex()],
    ["guest", 2, [], None, b"the guest's secret".hex()],
]
WANTED = {
    "pair": [*OLD, ["home", 4, [], None, b"the new one's secret".hex()]],
    "bring": [*OLD, ["switch", 6, ["power"], "192.0.2.7:5683", b"of two devices...".hex()]],
    "revoke": OLD[:1],
    "forget": [],
}


@dataclass
class Sweep:
    """ops: of what was done, and for a reset of the start after it. points: cuts. ends: the different ones seen."""

    ops: int
    points: int = 0
    ends: set = field(default_factory=set)
    faults: list = field(default_factory=list)


class Device(Forking):
    program = "trusting"
    seen = ("seals",)

    def live(self, do, **order):
        """-> what the life says; None when it ended by its cut. Raises Died."""
        return self.run({"do": do, **order}, may_be_killed=bool(order.get("cut") or order.get("boot_cut")))

    def repeated(self):
        seals = Counter(self.lines("seals"))
        return [f"nonce {seal.split()[1]} was used {n} times" for seal, n in seals.items() if n > 1]


def sweep(folder, do, tears=TEARS, every=1, firmware=None):
    """Cut this at each flash operation, in every way, and once it is over. every: only each so-manieth operation."""
    folder = Path(folder)
    root = Device(folder / do, firmware or code(folder / "firmware"))
    root.live("prepare", fresh=True)
    device = root.copy()
    ops = device.live(do)["ops"]
    boot_ops = device.live("nothing")["boot_ops"] if do == "forget" else 0
    secret = root.copy().live("nothing")["found"]["secret"]
    result = Sweep(ops + boot_ops)
    fates = [{"cut": (n, tear)} for n in range(0, ops + 1, every) for tear in tears]
    fates += [{"boot_cut": (n, tear)} for n in range(0, boot_ops, every) for tear in tears]

    def come(fate):
        device = root.copy()
        try:
            if "boot_cut" in fate:
                device.live(do)
                device.live("nothing", **fate)
            else:
                device.live(do, **fate)
            found = device.live("nothing")["found"]
            again = device.live("return")["found"]
            return fate, found, [*_wrong(do, found, again, secret), *device.repeated()]
        except Died as e:
            return fate, None, [f"the next start dies: {e}"]
        finally:
            device.forget()

    with ThreadPoolExecutor(WORKERS) as pool:
        for fate, found, wrong in pool.map(come, fates):
            result.points += 1
            result.ends.add(len(found["peers"]) if found else None)
            result.faults += [(fate, what) for what in wrong]
            if found and fate.get("cut") == (ops, tears[0]) and sorted(found["peers"]) != sorted(WANTED[do]):
                result.faults.append((fate, "it was done and is not there"))
            if found and "boot_cut" in fate and found["peers"]:
                result.faults.append((fate, "a reset that had begun is not finished"))
    return result


def _wrong(do, found, again, secret):
    if again != found:
        yield f"two starts find two things: {found}, {again}"
    if found["codes"]:
        yield f"starting logs {found['codes']}"
    if found["mark"]:
        yield "the mark of a reset is left"
    was_reset = do == "forget" and not found["peers"]
    if sorted(found["peers"]) not in (sorted(OLD), sorted(WANTED[do])):
        yield f"peers: {found['peers']}"
    if (found["secret"] != secret) != was_reset:
        yield "the secret is not that of these peers"
    stored = [found["config"], found["power"], found["rules"]]
    if stored != ([None, False, None] if was_reset else ["192.0.2.9:5685", True, []]):
        yield f"stored: {stored}"
