"""One life of a device whose only file system is one small host file: power on, do one thing, lose power.

Unix port only, started by lab.py. The order is a line of JSON on stdin, {"life", "medium", "kind", ...}; the answer is
the last line on stdout. A device that is cut off answers nothing. All is imported before the host's files go out of
reach.
"""

import json
import os
import sys

import starts
import toscore.cbor  # noqa: F401  # the twin to which a damaged value goes
import vfs
from bench import NEIGHBOUR, Bench, files, slurp

_ENOUGH = const(100)  # complaints


def prepare(bench, start):
    """Format and bring about a starting state: the version that is stored then."""
    bench.unplug_host()
    bench.medium.format()
    with bench.on():
        bench.neighbour().save(NEIGHBOUR)
        if start != "first" and bench.subject.folder:
            os.mkdir(bench.subject.folder)
    return getattr(starts, start)(bench)


def count(bench, old):
    """What writing version old + 1 costs, see Bench.attempt(); the flash is left as it was."""
    bench.unplug_host()
    return bench.attempt(old)


def step(bench, old, cut):
    """Read the old version, write the next. The supply fails at the cut, at the latest when the write has returned."""
    bench.unplug_host()
    bench.mount()
    found = bench.subject.read()
    if found != old:
        raise AssertionError("prepared %r, found %r" % (old, found))
    bench.medium.cut(*cut)
    bench.try_write(old + 1)
    bench.medium.power_off()


def check(bench, version, cut=None):
    """After a cut: read, write a version, read it, restart and read it again. With a cut: that write is cut too."""
    bench.unplug_host()
    subject, medium = bench.subject, bench.medium
    bench.mount()
    answer = {"read": subject.read(), "codes": list(subject.codes), "counter": subject.counter}
    before = medium.cost()
    if cut:
        medium.cut(*cut)
    answer["failed"] = bench.try_write(version)
    if cut:
        medium.power_off()
    answer["ops"] = sum(b - a for a, b in zip(before[:2], medium.cost()))
    answer["counter_after"] = subject.counter
    answer["again"] = subject.read()
    vfs.umount("/")
    with bench.on():
        answer["restarted"] = subject.read()
        answer["neighbour"] = bench.neighbour().load() == NEIGHBOUR
        answer["files"] = sorted(files("/"))
    answer["refused"] = medium.refused()
    return answer


def read(bench):
    """What a start finds, and the next: {read, codes, again, codes_again, files}."""
    bench.unplug_host()
    subject = bench.subject
    with bench.on():
        answer = {"read": subject.read(), "codes": list(subject.codes)}
        answer["again"] = subject.read()
        answer["codes_again"] = list(subject.codes)
        answer["files"] = sorted(files("/"))
    return answer


def erase(bench, cut=None):
    """Erase what is stored: {ops, files: the paths that are left}. With a cut the supply fails there."""
    bench.unplug_host()
    with bench.on():
        bench.subject.read()
        before = bench.medium.cost()
        if cut:
            bench.medium.cut(*cut)
        bench.subject.erase()
        ops = sum(b - a for a, b in zip(before[:2], bench.medium.cost()))
        return {"ops": ops, "files": sorted(files("/"))}


def damage(bench, damages):
    """Damage the record's file, one way after the other: [[damage, what came of it], ...] where that was wrong.

    A damage is a list of bits to flip together, or the number of bytes that are left. Right is that loading refuses
    the file, once, and keeps it as .bad.
    """
    bench.unplug_host()
    subject = bench.subject
    wrong = []
    with bench.on():
        good = slurp(subject.path)
        for damage in damages:
            if len(wrong) == _ENOUGH:
                break
            bad = bytearray(good)
            if isinstance(damage, int):
                bad = bad[:damage]
            else:
                for bit in damage:
                    bad[bit >> 3] ^= 1 << (bit & 7)
            with open(subject.path, "wb") as f:
                f.write(bad)
            found = subject.read()
            if found != {"code": 405} and (found, list(subject.codes)) != (0, [405]):
                wrong.append([damage, found])
            elif slurp(subject.path + ".bad") != bad:
                wrong.append([damage, "the damaged file is not kept"])
            elif subject.read() != 0 or subject.codes:
                wrong.append([damage, "the damage is found again"])
            else:
                os.remove(subject.path + ".bad")
    return wrong


def fill(bench, old, sizes_b):
    """Fill the disk and write, then make room and write: {failed, live, read, restarted, files, freed, after}."""
    bench.unplug_host()
    subject = bench.subject
    answer = {}
    with bench.on():
        subject.read()
        paths = bench.fill(sizes_b)
        answer["failed"] = bench.try_write(old + 1)
        answer["live"] = subject.live()
        answer["read"] = subject.read()
        answer["files"] = sorted(path for path in files("/") if path not in paths)
    with bench.on():
        answer["restarted"] = subject.read()
        for path in paths:
            os.remove(path)
        answer["freed"] = bench.try_write(old + 1)
    with bench.on():
        answer["after"] = subject.read()
    return answer


def nor(bench, ops, cut):
    """The flash chip alone: [op, argument...] one after the other, and the cut at the last. {errors, refused}."""
    chip = bench.medium.nor
    errors = []
    for i, (op, *args) in enumerate(ops):
        if cut and i == len(ops) - 1:
            chip.cut(0, cut)
        try:
            if op == "erase":
                chip.ioctl(6, *args)
            else:
                sector, offset, data = args
                chip.writeblocks(sector, bytes.fromhex(data), offset)
            errors.append(None)
        except OSError as e:
            errors.append(e.errno)
    return {"errors": errors, "refused": chip.refused}


def start(life, medium, kind, pad_b, image, **args):
    medium = __import__("on_" + medium).Medium(open(image, "r+b"))
    subject = __import__("of_" + kind).Subject(pad_b)
    return globals()[life](Bench(medium, subject), **args)


print(json.dumps(start(**json.loads(sys.stdin.readline()))))
