"""Power cuts, many of them: `PYTHONPATH=tests python -m crash.sweep [--full] [--only WORD]` prints a table.

Without --full these are the sweeps of test_cuts.py. With it there are more sizes and starting states, and the write
that follows a cut is cut as well, at every operation and in every way. Ends with 1 when anything was wrong.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from crash import nonces, paid, payments, trusted, updated
from crash.checks import sweep
from crash.lab import ROOT, Lab, Scenario, copied

_MARK = "<!-- `make crash` writes this table -->"
KINDS = ("record", "config", "keystore", "state", "rules")

QUICK = [
    *(Scenario(kind, 4, start) for kind in KINDS for start in ("first", "stored", "compacting")),
    *(Scenario(kind, 700, "stored") for kind in KINDS),
    *(Scenario(kind, 700, "compacting") for kind in ("record", "keystore")),
    *(Scenario(kind, 4, "stored", "bare") for kind in KINDS),
    Scenario("keystore", 4, "first", "bare"),
    Scenario("keystore", 4, "relocating"),
    *(Scenario(kind, 700, "full") for kind in ("record", "keystore")),
]

# (scenario, whether the write after the cut is cut as well)
FULL = [
    *((Scenario(kind, 4, start, "bare"), True) for kind in KINDS for start in ("first", "stored")),
    *((Scenario(kind, 4, start), True) for kind in KINDS for start in ("first", "stored", "compacting", "relocating")),
    *((Scenario(kind, 100, start), True) for kind in KINDS for start in ("stored", "compacting")),
    *((Scenario(kind, 700, start), True) for kind in KINDS for start in ("first", "stored", "compacting")),
    *((Scenario(kind, 4, "splitting"), False) for kind in KINDS),
    *((Scenario(kind, 700, "full"), True) for kind in KINDS),
    *((Scenario(kind, 4, "brimful"), False) for kind in KINDS),
    *((Scenario(kind, 700, "relocating"), False) for kind in ("record", "keystore")),
    *((Scenario(kind, 700, "splitting"), False) for kind in ("record", "keystore")),
    *((Scenario(kind, 3000, start), False) for kind in KINDS for start in ("stored", "compacting")),
    *((Scenario(kind, 9000, "compacting"), False) for kind in ("record", "config", "keystore")),
    (Scenario("record", 4, "splitting"), True),
]
TWICE = ("provision", "replenish")  # these alone are more than 10,000 points


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="minutes instead of seconds")
    parser.add_argument("--only", default="", metavar="WORD", help="scenarios with this in their names")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="of updates, cut each Nth operation only")
    args = parser.parse_args()
    table = FULL if args.full else [(scenario, False) for scenario in QUICK]
    table = [row for row in table if args.only in str(row[0])]
    print(f"{'scenario':32} {'operations':>10} {'erases':>6} {'cuts':>7} {'images':>7} {'faults':>7} {'s':>6}")
    points = images = faults = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(folder)
        for scenario, twice in table:
            start = time.monotonic()
            result = sweep(lab, scenario, twice)
            name = f"{scenario}{' twice' if twice else ''}"
            counts = f"{result.ops:10} {result.erases:6} {result.points:7} {result.images:7} {len(result.faults):7}"
            print(f"{name:32} {counts} {time.monotonic() - start:6.1f}", flush=True)
            for point, what in result.faults[:10]:
                print(f"    {point}: {what}")
            points += result.points
            images += result.images
            faults += len(result.faults)
        for life, twice in ((0, False), (1, args.full)):
            name = f"talk-life-{life}{' twice' if twice else ''}"
            if args.only in name:
                start = time.monotonic()
                talk = nonces.sweep(f"{folder}/{name}", life, twice, nonces.TEARS)
                counts = f"{talk.ops:10} {'':6} {talk.points:7} {'':7} {len(talk.faults):7}"
                print(f"{name:32} {counts} {time.monotonic() - start:6.1f}  {talk.seals} nonces", flush=True)
                for cuts, what in talk.faults[:10]:
                    print(f"    {cuts}: {what}")
                points += talk.points
                faults += len(talk.faults)
        for do in trusted.WANTED:
            name = f"trust-{do}"
            if args.only in name:
                start = time.monotonic()
                trust = trusted.sweep(f"{folder}/{name}", do, trusted.TEARS, 1 if args.full else 4)
                counts = f"{trust.ops:10} {'':6} {trust.points:7} {'':7} {len(trust.faults):7}"
                print(f"{name:32} {counts} {time.monotonic() - start:6.1f}", flush=True)
                for fate, what in trust.faults[:10]:
                    print(f"    {fate}: {what}")
                points += trust.points
                faults += len(trust.faults)
        found = updates(folder, args.only, args.full, args.every)
        points += found[0]
        faults += found[1]
        for more in (taps, killed):
            found = more(folder, args.only, args.full)
            points += found[0]
            faults += found[1]
    print(f"{'all':32} {'':17} {points:7} {images:7} {faults:7} {time.monotonic() - began:6.1f}")
    return 1 if faults else 0


def taps(folder, only, full):
    """Prints what became of devices that are given a token, and that pay -> (cuts, faults)."""
    points = faults = 0
    for do in paid.DO:
        name = f"pay-{do}"
        if only in name:
            began = time.monotonic()
            end = paid.sweep(f"{folder}/{name}", do, ("half",) if full and do in TWICE else (), every=1 if full else 4)
            counts = f"{end.ops:10} {'':6} {end.points:7} {'':7} {len(end.faults):7}"
            print(f"{name:32} {counts} {time.monotonic() - began:6.1f}  {end.given} cryptograms", flush=True)
            for fate, what in end.faults[:10]:
                print(f"    {fate}: {what}")
            points += end.points
            faults += len(end.faults)
    return points, faults


def killed(folder, only, full):
    """Prints what became of token services that were killed -> (kills, faults)."""
    points = faults = 0
    for name, url in payments.databases(folder, only):
        began = time.monotonic()
        end = payments.sweep(url, 50 if full else 3)
        counts = f"{'':10} {'':6} {end.kills:7} {'':7} {len(end.faults):7}"
        print(f"{name:32} {counts} {time.monotonic() - began:6.1f}  {end.answered} answered", flush=True)
        for kill, what in end.faults[:10]:
            print(f"    {kill}: {what}")
        points += end.kills
        faults += len(end.faults)
    return points, faults


def updates(folder, only, full, every=1):
    """Prints what became of devices that updated themselves -> (cuts and flips, faults). A full one is also the table
    of docs/updates.md. every: only each so-manieth operation."""
    firmware = copied(Path(folder) / "updates")
    rows = updated.scenarios(66000 if full else 20000, firmware)
    device = updated.Device(f"{folder}/before", firmware)
    flash = device.lives(rows[1][1], rows[1][0])[1]  # both slots are good
    points = faults = 0
    table = []
    for scenario, start in rows:
        name = f"ota-{scenario.name}"
        if only in name:
            began = time.monotonic()
            tears = updated.TEARS if full else updated.TEARS[1:2]
            each = every if full else 29
            end = updated.sweep(folder, scenario, start or flash, tears, each, 2 if full else 0, firmware)
            counts = f"{sum(end.ops):10} {'':6} {end.points:7} {'':7} {len(end.faults):7}"
            again = f"{end.refetched_b} B again at most"
            print(f"{name:32} {counts} {time.monotonic() - began:6.1f}  {again}", flush=True)
            for point, what in end.faults[:10]:
                print(f"    {point}: {what}")
            points += end.points
            faults += len(end.faults)
            row = (scenario.words, sum(end.ops), each, end.points, end.twice, len(end.faults), end.refetched_b)
            table.append(row)
    if only in "ota-flips":
        idle = updated.Scenario("idle", rows[1][0].made, (), do="nothing")
        counts, wrong = updated.flips(folder, idle, flash, 1 if full else 4, firmware)
        for where, (many, lost) in sorted(counts.items()):
            print(f"{'ota-flips in ' + where:32} {many:10} flips, {lost} do not start")
            points += many
            table.append((f"a bit flips in {where}", "", "", many, "", lost, ""))
        for at, what in wrong:
            print(f"    {at}: {what}")
        faults += len(wrong)
    if full and only in ("", "ota"):
        write(table)
    return points, faults


def write(table):
    """Puts the rows where docs/updates.md has the last ones."""
    head = "| | operations | cut: each so-manieth | cuts | of them twice | faults | B fetched again, at most |"
    lines = [head, "|---" * 7 + "|", *("| " + " | ".join(map(str, row)) + " |" for row in table)]
    page = ROOT / "docs/updates.md"
    before, after = page.read_text().split(_MARK + "\n")
    after = after[after.index("\n\n") :]
    page.write_text(before + _MARK + "\n" + "\n".join(lines) + after)


if __name__ == "__main__":
    sys.exit(main())
