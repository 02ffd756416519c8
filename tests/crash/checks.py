"""What is asked of a device: cut its writes, damage what it stored, fill its disk. CPython."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from littlefs import LittleFSError

from .lab import STORE_FULL, Died
from .witness import found, stored

TEARS = ("clean", "half", "erased")
WORKERS = os.cpu_count() or 2


@dataclass
class Sweep:
    """ops, erases: of the write. points: cuts made. images: different flash contents they left. reads: versions found.

    faults: [(point, what is wrong)], a point being one or two (operation, tear).
    """

    ops: int
    erases: int
    points: int = 0
    images: int = 0
    reads: set = field(default_factory=set)
    faults: list = field(default_factory=list)


def sweep(lab, scenario, twice=False):
    """Count the operations of a write, then replay it with the supply failing at each, in every way, and just after.

    twice: for every flash content that this leaves, do the same to the write that comes next.
    """
    image, old = lab.start(scenario)
    cost, _ = lab.life(image, scenario, "count", old=old)
    result = Sweep(cost["ops"], cost["erases"])
    if scenario.full and cost["failed"] != STORE_FULL:
        result.faults.append(((), f"a write on a full disk: {cost['failed']}, not {STORE_FULL}"))
    returned = (cost["ops"], "clean")
    points = [*_points(cost["ops"]), returned]

    def cut(point):
        return lab.cut_life(image, scenario, "step", old=old, cut=point)

    def allowed(point):
        if scenario.full or point == (0, "clean"):
            return [old]
        return [old + 1] if point == returned else [old, old + 1]

    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = _cut(lab, scenario, pool, result, points, cut, old + 2)
        for point, (_, witness, answer) in outcomes.items():
            faults = _faults(scenario, allowed(point), old + 2, witness, answer)
            result.faults += [((point,), fault) for fault in faults]
            if answer:
                result.reads.add(json.dumps(answer["read"]))
        if twice and not result.faults:
            different = {after: point for point, (after, _, _) in outcomes.items()}
            for after, point in different.items():
                _cut_again(lab, scenario, pool, result, point, after, outcomes[point][2], old)
    return result


def _cut_again(lab, scenario, pool, result, first, image, answer, old):
    """Cut the write that follows the cut at the point `first`, which left this image and gave this answer."""
    allowed = [answer["read"], old + 2] if answer["failed"] is None else [answer["read"]]

    def cut(point):
        return lab.cut_life(image, scenario, "check", version=old + 2, cut=point)

    outcomes = _cut(lab, scenario, pool, result, _points(answer["ops"]), cut, old + 3)
    for point, (_, witness, answer) in outcomes.items():
        faults = _faults(scenario, allowed, old + 3, witness, answer, counted=False)
        result.faults += [((first, point), fault) for fault in faults]


def _points(ops):
    return [(n, tear) for n in range(ops) for tear in TEARS]


def _cut(lab, scenario, pool, result, points, cut, version):
    """Cut at every point, then look at what that left: {point: (image, what the witness found, answer)}.

    One process a cut; cuts that leave the same flash are looked at once. A device that does not come back answers None,
    and the witness says why.
    """

    def look(image):
        try:
            return image, found(scenario, image), lab.life(image, scenario, "check", version=version)[0]
        except (Died, LittleFSError, ValueError) as e:
            return image, repr(e), None

    keys, images = {}, {}
    for point, image in zip(points, pool.map(cut, points), strict=True):
        keys[point] = hashlib.sha256(image).digest()
        images[keys[point]] = image
    seen = dict(zip(images, pool.map(look, images.values()), strict=True))
    result.points += len(points)
    result.images += len(images)
    return {point: seen[key] for point, key in keys.items()}


def _faults(scenario, allowed, version, witness, answer, counted=True):
    """What is wrong with a device that came back, each as a line of text.

    allowed: versions that may be read. version: the one that was then written. witness: what the third party found.
    """
    if answer is None:
        yield f"the next start dies: {witness}"
        return
    read = answer["read"]
    if read not in allowed:
        yield f"{shown(read)} is read, not {' or '.join(shown(version) for version in allowed)}"
    elif witness is not None and witness != read:
        yield f"{shown(read)} is read, but littlefs-python finds {shown(witness)}"
    if answer["codes"]:
        yield f"loading logs {answer['codes']}"
    if answer["failed"] is None:
        final = version
    else:
        final = read
        if not scenario.full or answer["failed"] != STORE_FULL:
            yield f"a further write fails with {answer['failed']}"
    for when in ("again", "restarted"):
        if answer[when] != final:
            yield f"after a further write {shown(answer[when])} is read ({when}), not {final}"
    counter = answer["counter"]
    if counter is not None:
        if counted and counter != read:
            yield f"the counter is {counter} after {read} writes"
        if answer["failed"] is None and answer["counter_after"] != counter + 1:
            yield f"the counter goes from {counter} to {answer['counter_after']}"
    if not answer["neighbour"]:
        yield "another record has changed"
    if answer["refused"]:
        yield f"{answer['refused']} programs of what was not erased"
    for path in answer["files"]:
        if path.endswith((".new", ".bad")):
            yield f"{path} is left"


def shown(read):
    if isinstance(read, dict):
        return f"error {read['code']}"
    return {0: "nothing", "0": "nothing"}.get(read, str(read))


def erase(lab, scenario):
    """Erase after a cut at every operation of a write, and cut that too: [((cut, cut or None), what is wrong)].

    What was to be erased is there as it was or is gone, and once erasing has returned no file of its name is left.
    """
    image, old = lab.start(scenario)
    cost, _ = lab.life(image, scenario, "count", old=old)
    faults = []

    def erase(first):
        after = lab.cut_life(image, scenario, "step", old=old, cut=first)
        there = lab.life(after, scenario, "read")[0]["read"]
        done, _ = lab.life(after, scenario, "erase")
        left = [path for path in done["files"] if path.startswith(scenario.path)]
        if left:
            faults.append(((first, None), f"{left} is left"))
        for second in _points(done["ops"]):
            torn = lab.cut_life(after, scenario, "erase", cut=second)
            answer, _ = lab.life(torn, scenario, "read")
            if answer["read"] not in (there, 0) or answer["codes"]:
                faults.append(((first, second), f"{shown(answer['read'])} is read, not {there} or nothing"))

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(erase, [(n, "clean") for n in range(cost["ops"] + 1)]))
    return faults


def rot(lab, scenario, bits):
    """Flip one bit of the flash, one start for each: [(answer of the start, image after it)]."""
    image, _ = lab.start(scenario)

    def start(bit):
        flash = bytearray(image)
        flash[bit // 8] ^= 1 << bit % 8
        return lab.life(flash, scenario, "read")

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(start, bits))


def damage(lab, scenario):
    """Flip bits of the record's file, one at a time, and cut it short: [(damage, what is wrong)].

    In a big record every bit of the first 32 bytes and every 29th of the rest, and every 7th length.
    """
    image, _ = lab.start(scenario)
    size_b = len(stored(scenario, image))
    bits = [*range(8 * min(size_b, 32)), *range(8 * 32, 8 * size_b, 1 if size_b < 100 else 29)]
    lengths = range(0, size_b, 1 if size_b < 100 else 7)
    return _damage(lab, scenario, [*([bit] for bit in bits), *lengths])


def damage_twice(lab, scenario):
    """Flip a bit of the counter and one of the payload, in the same place of its word or the next: as damage()."""
    counter, payload = 4 * 8, 12 * 8  # where they begin, in bits
    return _damage(lab, scenario, [(counter + i, payload + j) for i in range(32) for j in (i, (i + 1) % 32)])


def _damage(lab, scenario, damages):
    image, _ = lab.start(scenario)
    answer, _ = lab.life(image, scenario, "damage", damages=damages)
    return [(damage, f"{shown(what)} after damage") for damage, what in answer]


def full_disk(lab, scenario):
    """Write on a full disk, restart, make room, write: [((how full, when), what is wrong)].

    On a disk that is full to the brim no name fits; a big record is also tried where only its content finds no room.
    """
    image, old = lab.start(scenario)
    levels = {"brim": (4096, 512, 100, 10, 0)}
    if scenario.pad_b > 128:
        levels["sectors"] = (4096, 512)
    wanted = {
        "failed": STORE_FULL,
        "live": old if scenario.kind in ("config", "rules") else None,
        "read": old,
        "restarted": old,
        "files": ["/Neighbour", *([scenario.path] if old else [])],
        "freed": None,
        "after": old + 1,
    }
    faults = []
    for level, sizes_b in levels.items():
        answer, _ = lab.life(image, scenario, "fill", old=old, sizes_b=sizes_b)
        for when, right in wanted.items():
            if answer[when] != right:
                faults.append(((level, when), f"{answer[when]}, not {right}"))
    return faults
