"""One life of a device whose only file system is one small host file: power on, do one thing, lose power.

Unix port only. `micropython device.py '{"life": ..., ...}'`, started by lab.py. The answer is the last line on stdout;
a device that is cut off answers nothing.
"""

import asyncio
import errno
import json
import os
import struct
import sys
import vfs

import chip
import toscore.cbor  # a codec that needs its plain twin finds it loaded: the host's files are out of reach later
from micropython import const
from tos.app import App
from tos.log import Log
from tos.ports.unix import Keystore
from tos.state import Config, State
from tos.store import Record
from toscore.errors import StoreError

_FLASH_B = const(65536)  # small, so that it is quickly full, and quickly copied
_ENOUGH = const(20000)  # writes until a folder is surely worn
_YOUNG = const(300)  # writes until a folder has surely been moved within its pair, and surely not out of it
_FULL = (28, 36)  # ENOSPC, and ENAMETOOLONG where a folder has no room for one more name
_NEIGHBOUR = b"not yours"


# Where it is stored


class Medium:
    """A file system kept in one host file. cost() -> (operations but erases, erases, moves) so far."""

    def __init__(self, file):
        self._file = file

    def image(self):
        self._file.seek(0)
        return self._file.read()

    def restore(self, image):
        self._file.seek(0)
        self._file.write(image)

    def power_off(self):
        chip.power_off()


class Nor(chip.NorFlash):
    """moves: how often a program was in another sector than the one before."""

    moves = 0
    last = None

    def writeblocks(self, sector, buf, offset=None):
        self.moves += sector != self.last
        self.last = sector
        super().writeblocks(sector, buf, offset)


class Flash(Medium):
    """LittleFS on NOR flash. An operation is a program or an erase."""

    def __init__(self, file):
        super().__init__(file)
        self._nor = Nor(file, 0, _FLASH_B)
        self.cut = self._nor.cut

    def format(self):
        vfs.VfsLfs2.mkfs(self._nor)

    def mount(self):
        vfs.mount(vfs.VfsLfs2(self._nor), "/")

    def cost(self):
        return self._nor.programs, self._nor.erases, self._nor.moves

    def refused(self):
        return self._nor.refused


class Bare(Medium):
    """A file system that keeps no promise but the two that Record asks for. An operation is one call that changes it.

    What a closed file holds is durable; a rename replaces in one step. All else is at its worst: opening for writing
    truncates at once, and a file that is open when the supply fails keeps nothing (clean), the first half of what was
    written (half), or as many bytes, erased (erased).
    """

    def __init__(self, file):
        super().__init__(file)
        self._files = {}  # path: bytearray; None for a folder
        self._open = []
        self._until_cut = -1
        self._tear = None
        self._ops = 0

    def cut(self, after, tear):
        self._until_cut = after
        self._tear = tear

    def format(self):
        self._keep()

    def cost(self):
        return self._ops, 0, 0

    def refused(self):
        return 0

    def _keep(self):
        text = json.dumps({path: None if data is None else data.hex() for path, data in self._files.items()})
        self._file.seek(0)
        self._file.write(text + "\n")

    def power_off(self):
        for data in self._open:
            data[:] = {"clean": b"", "half": data[: len(data) // 2], "erased": b"\xff" * len(data)}[self._tear]
        self._keep()
        chip.power_off()

    def _op(self):
        if self._until_cut == 0:
            self.power_off()
        self._until_cut -= 1
        self._ops += 1

    def _there(self, path):
        path = "/" + path.strip("/")
        if path not in self._files:
            raise OSError(errno.ENOENT)
        return path

    # What the interpreter calls on a file system

    def mount(self, readonly=None, mkfs=None):
        if readonly is None:
            vfs.mount(self, "/")
            return
        self._file.seek(0)
        files = json.loads(self._file.readline())
        self._files = {path: None if data is None else bytearray(bytes.fromhex(data)) for path, data in files.items()}

    def umount(self):
        self._keep()

    def chdir(self, path):
        pass

    def open(self, path, mode):
        if "w" not in mode:
            return BareFile(self, self._files[self._there(path)])
        path = "/" + path.strip("/")
        folder = path[: path.rindex("/")]
        if folder and folder not in self._files:
            raise OSError(errno.ENOENT)
        self._op()
        self._files[path] = bytearray()
        self._open.append(self._files[path])
        return BareFile(self, self._files[path])

    def rename(self, old, new):
        old = self._there(old)
        self._op()
        self._files["/" + new.strip("/")] = self._files.pop(old)

    def remove(self, path):
        path = self._there(path)
        self._op()
        del self._files[path]

    def mkdir(self, path):
        path = "/" + path.strip("/")
        if path in self._files:
            raise OSError(errno.EEXIST)
        self._op()
        self._files[path] = None

    def ilistdir(self, folder):
        folder = "/" + folder.strip("/")
        for path, data in self._files.items():
            head, name = path.rsplit("/", 1)
            if (head or "/") == folder:
                yield name, 0x4000 if data is None else 0x8000, 0


class BareFile:
    def __init__(self, fs, data):
        self._fs = fs
        self._data = data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self):
        return bytes(self._data)

    def write(self, data):
        self._fs._op()
        self._data.extend(data)
        return len(data)

    def flush(self):
        pass

    def close(self):
        opened = self._fs._open
        for i, data in enumerate(opened):
            if data is self._data:
                self._fs._op()
                del opened[i]
                return


# What is stored


class Paused(Exception):
    """A service has done its work and would now sleep."""


class Clock:
    def ms(self):
        return 0

    def sleep_ms(self, n):
        raise Paused


class OfRecord:
    """One kind of storage: load() -> value or None, write(version), and what a value must look like.

    A version is an int; the value that stands for it names it and is padded with it to pad_b, so that a mixture of two
    versions is neither. 0: nothing is stored. codes: {code: count} that loading logged.
    """

    path = "/a.rec"

    def __init__(self, pad_b):
        self.folder = self.path.rsplit("/", 1)[0]
        self.pad_b = pad_b
        self.codes = {}
        self.counter = None

    def load(self):
        self._record = Record(self.path)
        value = self._record.load()
        self.counter = self._record.counter
        return value

    def write(self, version):
        self._record.save(self.value(version))
        self.counter = self._record.counter

    def live(self):
        """The version that the running program sees, where it keeps one; None otherwise."""
        return None

    def value(self, version):
        return {"version": version, "pad": bytes([version & 0xFF]) * self.pad_b}

    def read(self):
        """The version that is stored; {"code": n} for a StoreError; text for a value or an error that must not be."""
        try:
            value = self.load()
        except StoreError as e:
            return {"code": e.code}
        except Exception as e:
            return repr(e)
        if value is None:
            return 0
        try:
            version = self.version(value)
            if value == self.value(version):
                return version
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        return repr(value)[:60]

    def version(self, value):
        return value["version"]

    def refused(self):
        """Whether damage is noticed: what should be there is missing, and an error says so."""
        self.codes = {}
        value = self.read()
        return value == {"code": 405} or (value == 0 and list(self.codes) == [405])


class OfConfig(OfRecord):
    path = "/config.rec"

    def load(self):
        log = Log(Clock())
        self._config = Config(log)
        self.codes = log.counts
        value = {key: self._config.get(key) for key in ("version", "pad")}
        return None if value == {"version": None, "pad": None} else value

    def write(self, version):
        self._config.update(self.value(version))

    def live(self):
        return self._config.get("version")


class OfKeystore(OfRecord):
    path = "/nvs/key"

    def load(self):
        return Keystore().get("key")

    def write(self, version):
        Keystore().put("key", self.value(version))

    def value(self, version):
        return struct.pack("<I", version) + bytes([version & 0xFF]) * self.pad_b

    def version(self, value):
        return struct.unpack("<I", value[:4])[0]


class OfState(OfRecord):
    """Two resources with keep, saved by the service."""

    path = "/state.rec"

    def load(self):
        self._app = app = App("lab")
        app.value("version", 0, keep=True)
        app.value("pad", "", type="text", maximum=4096, keep=True)
        app.clock = Clock()
        app.log = Log(app.clock)
        self._state = State(app)
        self.codes = app.log.counts
        value = {key: app.get(key) for key in ("version", "pad")}
        return None if value == {"version": 0, "pad": ""} else value

    def write(self, version):
        for key, value in self.value(version).items():
            self._app.set(key, value)
        try:
            asyncio.run(self._state.run(self._app))
        except Paused:
            pass
        asyncio.new_event_loop()
        for code in (406, 407):
            if self.codes.pop(code, 0):  # the service logs what the others raise
                raise StoreError(code)

    def value(self, version):
        return {"version": version, "pad": chr(97 + version % 26) * self.pad_b}


KINDS = {"record": OfRecord, "config": OfConfig, "keystore": OfKeystore, "state": OfState}


# The state of the flash in which the write under test begins


def first():
    """Nothing is stored yet."""
    return 0


def stored():
    """An older version is stored."""
    for version in (1, 2):
        write(version)
    return 2


def compacting():
    """The log of the folder is full: the write moves the folder to the other block of its pair, which it erases."""
    return worn(lambda cost, least, usual: cost["erases"] > least)


def relocating():
    """That block is worn out by LittleFS's reckoning: the write moves the folder elsewhere, and tells its parent."""
    return worn(lambda cost, least, usual: cost["ops"] > usual, young=_YOUNG)


def splitting():
    """The folder is too long for its block: the write splits it, with .new in the one half and the record in the other.

    Then the rename takes two commits, and a cut between them is mended by the next mount and write.
    """
    empty = medium.image()
    for size_b in range(60, 100, 4):  # when it splits depends on the sizes, where on the names
        for files in range(18, 30):
            for before in range(files // 2 - 3, files // 2 + 2):
                medium.restore(empty)
                with mounted():
                    for n in range(files):
                        put("%s/%s%02d" % (subject.folder, "A" if n < before else "z", n), size_b)
                image = medium.image()
                for version in range(1, 4):
                    cost = attempt(version - 1, undo=False)
                    if cost["moves"] > 3:
                        medium.restore(image)
                        return version - 1
                    image = medium.image()
    raise AssertionError("never split just there")


def full():
    """There is no room for the next version: writing it fails."""
    write(1)
    with mounted():
        fill()
    return 1


STARTS = {f.__name__: f for f in (first, stored, compacting, relocating, splitting, full)}


def worn(wanted, young=4):
    """Write version after version, each in a life of its own, until one has the wanted cost; undo that one.

    wanted(cost, least, usual): least, the fewest erases, and usual, the most operations, of the first young writes.
    """
    least, usual = _ENOUGH, 0
    for version in range(1, _ENOUGH):
        before = medium.image()
        cost = attempt(version - 1, undo=False)
        if version <= young:
            least, usual = min(least, cost["erases"]), max(usual, cost["ops"])
        elif wanted(cost, least, usual):
            medium.restore(before)
            return version - 1
    raise AssertionError("never that worn")


def attempt(old, undo=True):
    """What writing version old + 1 costs in a life of its own: {ops, erases, moves, failed: code or None}."""
    image = medium.image() if undo else None
    before = medium.cost()
    failed = write(old + 1)
    ops, erases, moves = (b - a for a, b in zip(before, medium.cost()))
    if undo:
        medium.restore(image)
    return {"ops": ops + erases, "erases": erases, "moves": moves, "failed": failed}


def write(version):
    """In a life of its own. The code of the StoreError, or None."""
    with mounted():
        subject.read()
        return try_write(version)


def try_write(version):
    try:
        subject.write(version)
    except StoreError as e:
        return e.code


def fill():
    """Files until not even an empty one fits, neither in the root nor beside the record; returns their paths."""
    paths = []
    for folder in ("", subject.folder):
        for size_b in (4096, 512, 100, 10, 0):
            while True:
                path = "%s/fill%d" % (folder, len(paths))
                try:
                    put(path, size_b)
                except OSError as e:
                    if e.errno not in _FULL:
                        raise
                    break
                paths.append(path)
    return paths


# The lives. Each is one process.


def life_prepare(start):
    """Format and bring about a starting state; the version that is stored then."""
    medium.format()
    with mounted():
        Record("/Neighbour").save(_NEIGHBOUR)
        if start != "first" and subject.path.startswith("/nvs/"):
            os.mkdir("/nvs")
    return STARTS[start]()


def life_count(old):
    """What the write under test costs; the flash is left as it was."""
    return attempt(old)


def life_step(old, cut):
    """Read the old version, write the next. The supply fails at the cut, at the latest when the write has returned."""
    mounted().__enter__()
    found = subject.read()
    if found != old:
        raise AssertionError("prepared %r, found %r" % (old, found))
    medium.cut(*cut)
    try_write(old + 1)
    medium.power_off()


def life_check(version, cut=None):
    """After a cut: read, write a version, read it, restart and read it again. With a cut: that write is cut too."""
    mounted().__enter__()
    answer = {"read": subject.read(), "codes": list(subject.codes), "counter": subject.counter}
    before = medium.cost()
    if cut:
        medium.cut(*cut)
    answer["failed"] = try_write(version)
    if cut:
        medium.power_off()
    answer["ops"] = sum(b - a for a, b in zip(before[:2], medium.cost()))
    answer["counter_after"] = subject.counter
    answer["again"] = subject.read()
    vfs.umount("/")
    with mounted():
        answer["restarted"] = subject.read()
        answer["neighbour"] = Record("/Neighbour").load() == _NEIGHBOUR
        answer["files"] = sorted(files("/"))
    answer["refused"] = medium.refused()
    return answer


def life_read():
    """What a start finds, and the next: {read, codes, again, codes_again, files}."""
    with mounted():
        answer = {"read": subject.read(), "codes": list(subject.codes)}
        answer["again"] = subject.read()
        answer["codes_again"] = list(subject.codes)
        answer["files"] = sorted(files("/"))
    return answer


def life_damage(damages):
    """Damage the record's file, one way after the other: [[damage, what came of it], ...] where that was wrong.

    A damage is a list of bits to flip together, or the number of bytes that are left. Right is that loading refuses
    the file, once, and keeps it as .bad.
    """
    wrong = []
    with mounted():
        good = slurp(subject.path)
        for damage in damages:
            bad = bytearray(good)
            if isinstance(damage, int):
                bad = bad[:damage]
            else:
                for bit in damage:
                    bad[bit >> 3] ^= 1 << (bit & 7)
            with open(subject.path, "wb") as f:
                f.write(bad)
            refused = subject.refused()
            if not refused:
                wrong.append([damage, subject.read()])
            elif slurp(subject.path + ".bad") != bad:
                wrong.append([damage, "the damaged file is not kept"])
            elif subject.read() != 0 or subject.codes:
                wrong.append([damage, "the damage is found again"])
            else:
                os.remove(subject.path + ".bad")
    return wrong


def life_fill(old):
    """Fill the disk and write, then make room and write: {failed, live, read, restarted, files, freed, after}."""
    answer = {}
    with mounted():
        subject.read()
        paths = fill()
        answer["failed"] = try_write(old + 1)
        answer["live"] = subject.live()
        answer["read"] = subject.read()
        answer["files"] = sorted(path for path in files("/") if "fill" not in path)
    with mounted():
        answer["restarted"] = subject.read()
        for path in paths:
            os.remove(path)
        answer["freed"] = try_write(old + 1)
    with mounted():
        answer["after"] = subject.read()
    return answer


def put(path, size_b):
    with open(path, "wb") as f:
        f.write(bytes(size_b))


def slurp(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


def files(folder):
    for entry in os.ilistdir(folder):
        if entry[1] == 0x4000:
            yield from files(folder + entry[0] + "/")
        else:
            yield folder + entry[0]


class mounted:
    def __enter__(self):
        medium.mount()
        os.chdir("/")

    def __exit__(self, *_):
        vfs.umount("/")


args = json.loads(sys.argv[1])
medium = {"flash": Flash, "bare": Bare}[args.pop("medium")](open(args.pop("image"), "r+b"))
subject = KINDS[args.pop("kind")](args.pop("pad_b"))
life = globals()["life_" + args.pop("life")]
vfs.umount("/")
print(json.dumps(life(**args)))
