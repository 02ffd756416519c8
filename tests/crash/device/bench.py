"""A medium and what is stored on it. Unix port only."""

import os

import vfs
from tos.store import Record
from toscore.errors import StoreError

NEIGHBOUR = b"not yours"  # the value of another record, which nothing may touch

_FULL = (28, 36)  # ENOSPC, and ENAMETOOLONG where a folder has no room for one more name


class Bench:
    """medium: a Medium of on_flash or on_bare. subject: a Subject of of_record, of_config..."""

    def __init__(self, medium, subject):
        self.medium = medium
        self.subject = subject

    def unplug_host(self):
        """From here on the host's files are out of reach."""
        vfs.umount("/")

    def mount(self):
        self.medium.mount()
        os.chdir("/")

    def on(self):
        """Mounted while the context lasts."""
        return _On(self)

    def neighbour(self):
        return Record("/Neighbour")

    def write(self, version):
        """Write in a life of its own: the code of the StoreError, or None."""
        with self.on():
            self.subject.read()
            return self.try_write(version)

    def try_write(self, version):
        try:
            self.subject.write(version)
        except StoreError as e:
            return e.code

    def attempt(self, old, undo=True):
        """What writing version old + 1 costs in a life of its own: {ops, erases, moves, failed: code or None}."""
        image = self.medium.image() if undo else None
        before = self.medium.cost()
        failed = self.write(old + 1)
        ops, erases, moves = (b - a for a, b in zip(before, self.medium.cost()))
        if undo:
            self.medium.restore(image)
        return {"ops": ops + erases, "erases": erases, "moves": moves, "failed": failed}

    def fill(self, sizes_b):
        """Files until none of these sizes fits, neither in the root nor beside the record; returns their paths."""
        paths = []
        for folder in {"", self.subject.folder}:
            if folder and folder[1:] not in os.listdir("/"):
                continue
            for size_b in sizes_b:
                while True:
                    path = "%s/fill%d" % (folder, len(paths))
                    try:
                        put(path, size_b)
                    except OSError as e:
                        if e.errno not in _FULL:
                            raise
                        break
                    paths.append(path)
        # What failed may have left its name.
        return [path for path in files("/") if "/fill" in path]


class _On:
    def __init__(self, bench):
        self._bench = bench

    def __enter__(self):
        self._bench.mount()

    def __exit__(self, *_):
        vfs.umount("/")


def put(path, size_b):
    with open(path, "wb") as f:
        f.write(bytes(size_b))


def slurp(path):
    """What a file holds; None when there is none."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


def files(folder):
    """The paths of all files in and below a folder, whose name ends with a slash."""
    for name, kind, *_ in os.ilistdir(folder):
        if kind == 0x4000:
            yield from files(folder + name + "/")
        else:
            yield folder + name
