"""Power cuts, many of them: `PYTHONPATH=tests python -m crash.sweep [--full] [--only WORD]` prints a table.

Without --full these are the sweeps of test_cuts.py. With it there are more sizes and starting states, and the write
that follows a cut is cut as well, at every operation and in every way. Ends with 1 when anything was wrong.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from crash import nonces, paid, payments, sold, trusted, updated
from crash.checks import sweep
from crash.lab import ROOT, Lab, Scenario, code

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
TWICE = ("provision", "replenish", "replace")  # with what follows a cut they are more than 10,000 points


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="minutes instead of seconds")
    parser.add_argument("--only", default="", metavar="WORD", help="scenarios with this in their names")
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
        for kind in (talks, trust, updates, taps, sales, killed):
            for more, wrong in kind(folder, args):
                points += more
                faults += wrong
    print(f"{'all':32} {'':17} {points:7} {images:7} {faults:7} {time.monotonic() - began:6.1f}")
    return 1 if faults else 0


def row(name, began, ops, points, faults, note=""):
    """Prints it, and the first of its faults -> (points, how many faults)."""
    counts = f"{ops:10} {'':6} {points:7} {'':7} {len(faults):7}"
    print(f"{name:32} {counts} {time.monotonic() - began:6.1f}  {note}".rstrip(), flush=True)
    for at, what in faults[:10]:
        print(f"    {at}: {what}")
    return points, len(faults)


# Each yields (points, faults) of the sweeps that `args` asks for.


def talks(folder, args):
    """Devices that talk with a peer."""
    for life, twice in ((0, False), (1, args.full)):
        name = f"talk-life-{life}{' twice' if twice else ''}"
        if args.only in name:
            began = time.monotonic()
            end = nonces.sweep(f"{folder}/{name}", life, twice, nonces.TEARS)
            yield row(name, began, end.ops, end.points, end.faults, f"{end.seals} nonces")


def trust(folder, args):
    """Devices whose peers change."""
    for do in trusted.WANTED:
        name = f"trust-{do}"
        if args.only in name:
            began = time.monotonic()
            end = trusted.sweep(f"{folder}/{name}", do, trusted.TEARS, 1 if args.full else 4)
            yield row(name, began, end.ops, end.points, end.faults)


def taps(folder, args):
    """Devices that are given a token, and that pay."""
    for do in paid.DO:
        name = f"pay-{do}"
        if args.only in name:
            began = time.monotonic()
            then = ("half",) if args.full and do in TWICE else ()
            end = paid.sweep(f"{folder}/{name}", do, then, every=1 if args.full else 4)
            yield row(name, began, end.ops, end.points, end.faults, f"{end.given} cryptograms")


def sales(folder, args):
    """Tills that sell."""
    for do in sold.DO:
        name = f"sell-{do}"
        if args.only in name:
            began = time.monotonic()
            end = sold.sweep(f"{folder}/{name}", do, every=1 if args.full else 4)
            yield row(name, began, end.ops, end.points, end.faults, f"{end.given} cryptograms")


def killed(folder, args):
    """Token services that are killed."""
    for name, url in payments.databases(folder, args.only):
        began = time.monotonic()
        end = payments.sweep(url, 50 if args.full else 3)
        yield row(name, began, "", end.kills, end.faults, f"{end.answered} answered")


def updates(folder, args):
    """Devices that update themselves. A full one is also the table of docs/updates.md."""
    firmware = code(Path(folder) / "updates")
    size_b = 76000 if args.full else 20000
    rows = updated.scenarios(size_b, firmware)
    device = updated.Device(f"{folder}/before", firmware)
    flash = device.lives(rows[1][1], rows[1][0])[-1].after  # both slots are good
    chip = updated.of_firmware(size_b, firmware)
    both = device.lives(chip[0][1], chip[0][0])[-1].after
    romfs = updated.of_romfs(size_b, firmware)
    starts = {"rollback": flash, "return": both, "romfs-rollback": device.lives(romfs[0][1], romfs[0][0])[-1].after}
    table = []
    for scenario, start in rows + chip + romfs:
        name = f"ota-{scenario.name}"
        if args.only in name:
            began = time.monotonic()
            tears = updated.TEARS if args.full else updated.TEARS[1:2]
            every, twice = (1, 3) if args.full else (29, 0)
            end = updated.sweep(folder, scenario, start or starts[scenario.name], tears, every, twice, firmware)
            ops = sum(end.ops)
            yield row(name, began, ops, end.points, end.faults, f"{end.refetched_b} B again at most")
            table.append((scenario.words, ops, end.points, end.twice, len(end.faults), end.refetched_b))
    if args.only in "ota-flips":
        idle = updated.Scenario("idle", rows[1][0].made, (), do="nothing")
        counts, wrong = updated.flips(folder, idle, flash, 1 if args.full else 4, firmware)
        for where, (many, lost) in sorted(counts.items()):
            print(f"{'ota-flips in ' + where:32} {many:10} flips, {lost} do not start")
            table.append((f"a bit flips in {where}", "", many, "", lost, ""))
        for at, what in wrong:
            print(f"    {at}: {what}")
        yield sum(many for many, _ in counts.values()), len(wrong)
    if args.full and args.only in ("", "ota"):
        write(table)


def write(table):
    """Puts the rows where docs/updates.md has the last ones."""
    head = "| | operations | cuts | of them twice | faults | B fetched again, at most |"
    lines = [head, "|---" * 6 + "|", *("| " + " | ".join(map(str, row)) + " |" for row in table)]
    page = ROOT / "docs/updates.md"
    before, after = page.read_text().split(_MARK + "\n")
    after = after[after.index("\n\n") :]
    page.write_text(before + _MARK + "\n" + "\n".join(lines) + after)


if __name__ == "__main__":
    sys.exit(main())
