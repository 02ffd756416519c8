"""The states of the flash in which a write under test begins; each returns the stored version. Unix port only."""

from bench import put
from micropython import const

_ENOUGH = const(20000)  # writes until a folder is surely worn
_YOUNG = const(300)  # writes after which a folder was surely moved within its pair of blocks, and surely not out of it


def first(bench):
    """Nothing is stored yet."""
    return 0


def stored(bench):
    """An older version is stored."""
    for version in (1, 2):
        bench.write(version)
    return 2


def compacting(bench):
    """The log of the folder is full: the write moves the folder to the other block of its pair, which it erases."""
    return _worn(bench, lambda cost, least, usual: cost["erases"] > least, 4)


def relocating(bench):
    """That block is worn out by LittleFS's reckoning: the write moves the folder elsewhere, and tells its parent."""
    return _worn(bench, lambda cost, least, usual: cost["ops"] > usual, _YOUNG)


def splitting(bench):
    """The folder is too long for its block: the write splits it, with .new in the one half and the record in the other.

    Then the rename takes two commits, and a cut between them is mended by the next mount and write.
    """
    empty = bench.medium.image()
    for size_b in range(60, 100, 4):  # when it splits depends on the sizes, where on the names
        for files in range(18, 30):
            for before in range(files // 2 - 3, files // 2 + 2):
                bench.medium.restore(empty)
                with bench.on():
                    for n in range(files):
                        put("%s/%s%02d" % (bench.subject.folder, "A" if n < before else "z", n), size_b)
                for version in (1, 2, 3):
                    image = bench.medium.image()
                    if bench.attempt(version - 1, undo=False)["moves"] > 3:
                        bench.medium.restore(image)
                        return version - 1
    raise AssertionError("it never splits just there")


def full(bench):
    """No sector is free: a big record finds no room for its content."""
    return _filled(bench, (4096, 512))


def brimful(bench):
    """Neither a sector is free nor room in a folder: no record finds room for its name."""
    return _filled(bench, (4096, 512, 100, 10, 0))


def _filled(bench, sizes_b):
    bench.write(1)
    with bench.on():
        bench.fill(sizes_b)
    return 1


def _worn(bench, wanted, young):
    """Write version after version, each in a life of its own, until one has the wanted cost; undo that one.

    wanted(cost, least, usual): least, the fewest erases, and usual, the most operations, of the first young writes.
    """
    least, usual = _ENOUGH, 0
    for version in range(1, _ENOUGH):
        before = bench.medium.image()
        cost = bench.attempt(version - 1, undo=False)
        if version <= young:
            least, usual = min(least, cost["erases"]), max(usual, cost["ops"])
        elif wanted(cost, least, usual):
            bench.medium.restore(before)
            return version - 1
    raise AssertionError("it is never that worn")
