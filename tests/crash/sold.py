"""Whatever a till has asked of a card is sold or reversed, once, and no more and no less than the service believes,
whenever the power fails. CPython.

Each life of the till is one process (device/selling.py): it sells while the service answers, hears and stays silent, or
cannot be reached, and takes sales back. The supply fails at each flash operation of that, in every way, and the process
is killed at each point in between. The card's counter, what the service heard, and what the shop handed over outlive
the device in files of the host's. After each cut comes a life in which the service answers.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .checks import TEARS, WORKERS
from .lab import Died, code
from .lives import Forking

# What is done, in which world.
DO = {
    "sell": {"do_it": "sell"},
    "silent": {"do_it": "sell", "service": "silent"},
    "deaf": {"do_it": "sell", "service": "deaf"},
    "offline": {"do_it": "sell", "service": "deaf", "offline": True},
    "maybe-offline": {"do_it": "sell", "service": "silent", "offline": True},
    "torn-at-the-cryptogram": {"do_it": "sell", "torn": 3},
    "torn-behind-it": {"do_it": "sell", "torn": 4},
    "refund": {"do_it": "refund"},
    "refund-silent": {"do_it": "refund", "service": "silent"},
    "void": {"do_it": "void"},
}
ASKS, APPROVED, DECLINED, REVERSED, VOID, OFFLINE = range(6)


@dataclass
class Sweep:
    """ops: flash operations. points: cuts and kills. given: cryptograms in all. states: of sales, in the end."""

    ops: int
    points: int = 0
    given: int = 0
    states: set = field(default_factory=set)
    faults: list = field(default_factory=list)


class Device(Forking):
    program = "selling"
    seen = ("given", "heard", "sold")

    def live(self, **order):
        may_be_killed = order.get("cut") is not None or order.get("kill") is not None
        return self.run(order, may_be_killed)

    def faults(self, left):
        """-> ([what is wrong], how many cryptograms were given). left: what the last life said."""
        given, heard, sold = [self.lines(name) for name in self.seen]
        wrong = [line for line in given + heard if line[0] == "!"]
        given, heard = [[line.split() for line in lines if line[0] != "!"] for lines in (given, heard)]
        booked = {key: int(amount) for what, _, key, *more in heard if what == "auth" for amount in more}
        undone = {key for what, _, key, *_ in heard if what == "reverse"}
        back = {}
        for _, number, _, amount in [line for line in heard if line[0] in ("void", "refund")]:
            back[number] = back.get(number, 0) + (int(amount) or booked[number])
        for key, amount, state, refunded in left["rows"]:
            charged = booked.get(key, 0) if key not in undone else 0
            if state in (APPROVED, VOID) and charged != amount:
                wrong.append(f"{key[:8]} is {state} here, and {charged} were charged of {amount}")
            if state in (REVERSED, DECLINED) and charged:
                wrong.append(f"{key[:8]} is {state} here, and {charged} are charged")
            if (amount if state == VOID else refunded) != back.get(key, 0):
                wrong.append(f"{key[:8]}: {refunded} given back here, {back.get(key, 0)} there")
            if state in (ASKS, OFFLINE):
                wrong.append(f"{key[:8]} is left at {state}")
        known = {row[0] for row in left["rows"]}
        wrong += [
            f"{key[:8]} was charged, and is forgotten" for key in booked if key not in known and key not in undone
        ]
        wrong += [f"{key[:8]} was handed over, and reversed" for key in set(sold) & undone]
        wrong += [f"{key[:8]} was handed over, and not paid" for key in set(sold) - booked.keys()]
        if len(given) != len({line[0] for line in given}):
            wrong.append("the bench gave a counter twice")
        if left["owed"] or left["codes"]:
            wrong.append(f"in the end: {left['owed']} owed, {left['codes']} logged")
        return wrong, len(given)


def sweep(folder, do, tears=TEARS, every=1, firmware=None):
    """Cut this at each flash operation and kill it at each point; then comes a life in which the service answers."""
    folder = Path(folder)
    order = DO[do]
    root = Device(folder / do, firmware or code(folder / "firmware"))
    root.live(do_it="sell", fresh=True)
    whole = root.copy().live(**order)
    result = Sweep(whole["ops"])

    def come(fate):
        device = root.copy()
        try:
            device.live(**order, **fate)
            left = device.live(do_it="settle", offline=order.get("offline", False))["left"]
            wrong, given = device.faults(left)
            result.states |= {row[2] for row in left["rows"]}
            result.given += given
        except Died as e:
            wrong = [f"the next start dies: {e}"]
        device.forget()
        result.points += 1
        result.faults += [(fate, what) for what in wrong]

    fates = [{"cut": (n, tear)} for n in range(0, whole["ops"] + 1, every) for tear in tears]
    fates += [{"kill": n} for n in range(0, whole["points"], every)]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(come, fates))
    return result
