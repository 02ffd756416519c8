"""Power cuts at every operation: run one write, count its operations, then replay it with the supply failing at each.

CPython. Every life of a device is one process of the Unix port (device/main.py) with a flash file of its own, and a cut
is a SIGKILL that the device sends itself from inside its flash driver: nothing is unwound, nothing is flushed.

What is claimed. After a cut at any operation of a write of Record, Config, State or the Unix port's Keystore, the next
start reads the old value or the new one, logs nothing, writes again, and reads that back; a write that has returned is
durable. What that rests on:

- NOR flash with sectors of 4,096 B as chip.NorFlash models it. Programs and erases are done in the order in which they
  are asked for, and an operation that is reported done is done. The one that is cut off is torn in one of three ways:
  it did not begin (clean); its first half is done, the rest of the bytes are as before (half); an erase is complete,
  a program left its bytes erased (erased). Programming what is not erased is refused and counted, so that no result
  depends on what a chip makes of it.
- LittleFS 2 as MicroPython ships it, in the states of device/starts.py: new, in use, at a compaction of the folder's
  log, at its relocation for wear, at a split of the folder between the two names of the rename, and on a full disk.
- Record asks for less than LittleFS gives. `bare` is a file system that keeps two promises, a closed file is durable
  and a rename replaces in one step, and breaks every other. LittleFS forgives a truncation in place, because it
  commits nothing of a file before it is closed; `bare` does not.

What is not modelled: cells that read differently from one time to the next after a torn erase or program; tears at a
finer grain, or in another order, than first half and rest; a supply that browns out and lets later operations fail
while the CPU runs on; disturbed neighbours, worn-out cells; caches between driver and chip; esp32.NVS, which is the
keystore on the chip. Bits that flip on their own are not a power cut: they are tried apart (flips), because no cut ever
misses a check that is not there. LittleFS guards the logs of its folders with a CRC of its own and drops what follows a
damaged entry, so that one flipped bit can bring back any older version of a small record, or none, in silence. No check
in Record can see that: what must never go back, such as a counter of nonces, cannot rest on a small record alone.
"""

import hashlib
import itertools
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cbor2
from littlefs import LittleFS, LittleFSError, UserContext

ROOT = Path(__file__).resolve().parents[2]
TEARS = ("clean", "half", "erased")

_FLASH_B = 65536  # the same in device/on_flash.py
_SECTOR_B = 4096
_ERASED = b"\xff"
_LIFE_S = 50
_RECORD_BAD = 405
_STORE_FULL = 406
_PATHS = {"record": "/a.rec", "config": "/config.rec", "keystore": "/nvs/key", "state": "/state.rec"}


@dataclass(frozen=True)
class Scenario:
    """One write: of what kind of storage, how much padding in its value, in which starting state, on what.

    LittleFS keeps a file of up to 128 B inside its folder and gives a bigger one sectors of its own.
    """

    kind: str
    pad_b: int
    start: str
    medium: str = "flash"

    @property
    def full(self):
        return self.start in ("full", "brimful")

    def __str__(self):
        return f"{self.kind}-{self.pad_b}B-{self.start}" + ("" if self.medium == "flash" else f"-{self.medium}")


class Died(Exception):
    """A life ended with a traceback."""


class Lab:
    """Devices with one firmware. folder: scratch space. starts: a Lab whose prepared starting states are used.

    firmware: a copy made by copied(); when not given, one is made, so that edits do not reach a sweep that is running.
    """

    def __init__(self, folder, firmware=None, starts=None):
        self._folder = Path(folder)
        firmware = firmware or copied(self._folder / "firmware")
        self._starts = starts or self
        self._prepared = {}
        self._serial = itertools.count()
        self._env = {
            **os.environ,
            "MICROPYPATH": os.pathsep.join([str(firmware), str(firmware / "tos" / "ports" / "unix"), ".frozen"]),
        }
        self._program = micropython()

    def start(self, scenario):
        """(image, version stored in it) from which the write begins."""
        if scenario not in self._starts._prepared:
            answer, image = self._starts.life(_ERASED * _FLASH_B, scenario, "prepare", start=scenario.start)
            self._starts._prepared[scenario] = image, answer
        return self._starts._prepared[scenario]

    def life(self, image, scenario, life, **args):
        """(answer, image after it) of a life that is not cut off."""
        code, out, err, image = self._run(image, scenario, life, args)
        if code:
            raise Died(f"{life}: exit status {code}\n{out}{err}")
        return json.loads(out.splitlines()[-1]), image

    def cut_life(self, image, scenario, life, **args):
        """The image after a life that ends by its own power cut."""
        code, out, err, image = self._run(image, scenario, life, args)
        if code != -signal.SIGKILL:
            raise Died(f"{life}: exit status {code}, not a power cut\n{out}{err}")
        return image

    def _run(self, image, scenario, life, args):
        path = self._folder / f"{next(self._serial)}.flash"
        path.write_bytes(image)
        about = {"medium": scenario.medium, "kind": scenario.kind, "pad_b": scenario.pad_b}
        order = json.dumps({"life": life, "image": str(path), **about, **args})
        command = [self._program, str(Path(__file__).with_name("device") / "main.py")]
        done = subprocess.run(
            command, input=order + "\n", env=self._env, capture_output=True, text=True, timeout=_LIFE_S
        )
        image = path.read_bytes()
        path.unlink()
        return done.returncode, done.stdout, done.stderr, image


def copied(firmware):
    """A folder made with all of our code that a device imports."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "firmware" / "tos", firmware / "tos", ignore=ignore)
    shutil.copytree(ROOT / "lib" / "toscore", firmware / "toscore", ignore=ignore)
    return firmware


def micropython():
    """The Unix port: $MICROPYTHON, else beside this Python, else on PATH."""
    beside = Path(sys.executable).with_name("micropython")
    program = os.environ.get("MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))
    if not program:
        raise FileNotFoundError("no micropython; set MICROPYTHON")
    return program


# The sweep


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


def sweep(lab, scenario, twice=False, workers=2):
    """Cut the write at every operation in every way. twice: cut the first write after each of these as well."""
    image, old = lab.start(scenario)
    new = old + 1
    cost, _ = lab.life(image, scenario, "count", old=old)
    result = Sweep(cost["ops"], cost["erases"])
    full = scenario.full
    if full and cost["failed"] != _STORE_FULL:
        result.faults.append(((), f"a write on a full disk: {cost['failed']}, not {_STORE_FULL}"))
    last = (cost["ops"], "clean")  # when the write has returned
    points = [(n, tear) for n in range(cost["ops"]) for tear in TEARS] + [last]

    def cut(point):
        return lab.cut_life(image, scenario, "step", old=old, cut=point)

    def check(after):
        return third_party(scenario, after), lab.life(after, scenario, "check", version=old + 2)[0]

    def allowed(point):
        if full or point == (0, "clean"):
            return [old]
        return [new] if point == last else [old, new]

    with ThreadPoolExecutor(workers) as pool:
        after = dict(zip(points, pool.map(cut, points), strict=True))
        different = {hashlib.sha256(i).digest(): i for i in after.values()}
        checks = dict(zip(different, pool.map(_no_death(check), different.values()), strict=True))
        result.points, result.images = len(points), len(different)
        for point in points:
            witness, answer = checks[hashlib.sha256(after[point]).digest()]
            faults = list(_faults(scenario, allowed(point), old + 2, witness, answer))
            result.faults += [((point,), fault) for fault in faults]
            if answer:
                result.reads.add(json.dumps(answer["read"]))
        if twice and not result.faults:
            for key, first in different.items():
                point = next(p for p in points if hashlib.sha256(after[p]).digest() == key)
                _again(lab, scenario, result, pool, point, first, checks[key][1], old)
    return result


def remains(lab, scenario):
    """Erase what is stored after a cut at every operation of a write: the files of its name that are left then."""
    image, old = lab.start(scenario)
    cost, _ = lab.life(image, scenario, "count", old=old)
    left = set()
    for n in range(cost["ops"] + 1):
        after = lab.cut_life(image, scenario, "step", old=old, cut=(n, "clean"))
        left.update(lab.life(after, scenario, "erase")[0])
    return sorted(path for path in left if path.startswith(_PATHS[scenario.kind]))


def _again(lab, scenario, result, pool, point, image, answer, old):
    """Cut the write that follows the cut at `point`, which left this image; see sweep()."""
    points = [(n, tear) for n in range(answer["ops"]) for tear in TEARS]
    allowed = [answer["read"], old + 2] if answer["failed"] is None else [answer["read"]]

    def cut(second):
        return lab.cut_life(image, scenario, "check", version=old + 2, cut=second)

    def check(after):
        return third_party(scenario, after), lab.life(after, scenario, "check", version=old + 3)[0]

    after = dict(zip(points, pool.map(cut, points), strict=True))
    different = {hashlib.sha256(i).digest(): i for i in after.values()}
    checks = dict(zip(different, pool.map(_no_death(check), different.values()), strict=True))
    result.points += len(points)
    result.images += len(different)
    for second in points:
        faults = _faults(scenario, allowed, old + 3, *checks[hashlib.sha256(after[second]).digest()], first=False)
        result.faults += [((point, second), fault) for fault in faults]


def _no_death(check):
    """A check that answers (what it died of, None) instead of raising."""

    def guarded(image):
        try:
            return check(image)
        except (Died, LittleFSError, ValueError) as e:
            return repr(e), None

    return guarded


def _faults(scenario, allowed, version, witness, answer, first=True):
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
        if not scenario.full or answer["failed"] != _STORE_FULL:
            yield f"a further write fails with {answer['failed']}"
    for when in ("again", "restarted"):
        if answer[when] != final:
            yield f"after a further write {shown(answer[when])} is read ({when}), not {final}"
    counter = answer["counter"]
    if counter is not None:
        if first and counter != read:
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


# What no cut shows: damage and a full disk


def damage(lab, scenario, pairs=()):
    """Flip bits of the record's file, cut it short, flip these pairs of bits together: [(damage, what is wrong)].

    In a big record every bit of the first 32 bytes and every 29th of the rest, and every 7th length.
    """
    image, _ = lab.start(scenario)
    size_b = len(stored(scenario, image))
    bits = [*range(8 * min(size_b, 32)), *range(8 * 32, 8 * size_b, 1 if size_b < 100 else 29)]
    lengths = range(0, size_b, 1 if size_b < 100 else 7)
    damages = [*([bit] for bit in bits), *lengths, *(list(pair) for pair in pairs)]
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
        "failed": _STORE_FULL,
        "live": old if scenario.kind == "config" else None,
        "read": old,
        "restarted": old,
        "files": ["/Neighbour", *([_PATHS[scenario.kind]] if old else [])],
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


# The third party


class Nor(UserContext):
    """The image as NOR flash, once more and apart from chip.NorFlash: programming what is not erased is an error."""

    def read(self, cfg, block, off, size):
        at = block * _SECTOR_B + off
        return self.buffer[at : at + size]

    def prog(self, cfg, block, off, data):
        at = block * _SECTOR_B + off
        if self.buffer.count(_ERASED, at, at + len(data)) != len(data):
            return LittleFSError.Error.LFS_ERR_IO
        self.buffer[at : at + len(data)] = data
        return 0

    def erase(self, cfg, block):
        self.buffer[block * _SECTOR_B : (block + 1) * _SECTOR_B] = _ERASED * _SECTOR_B
        return 0


def mounted(image):
    """The image's file system in littlefs-python's own build of littlefs; its buffer is a copy."""
    context = Nor(buffer=bytearray(image))
    geometry = {"block_size": _SECTOR_B, "read_size": 32, "prog_size": 32, "cache_size": 128, "lookahead_size": 32}
    # Left to itself it formats what it cannot mount.
    fs = LittleFS(context, mount=False, block_count=_FLASH_B // _SECTOR_B, **geometry)
    fs.mount()
    return fs


def third_party(scenario, image):
    """The stored version according to littlefs-python, zlib and cbor2; None on `bare`, which only the device reads.

    Raises LittleFSError or ValueError when the file system is not consistent: every folder and file is read, the
    space in use is counted, and a file is written and read back from a fresh mount.
    """
    if scenario.medium != "flash":
        return None
    fs = mounted(image)
    for folder, _, names in fs.walk("/"):
        for name in names:
            _slurp(fs, f"{folder.rstrip('/')}/{name}")
    if not 0 < fs.used_block_count <= _FLASH_B // _SECTOR_B:
        raise ValueError(f"{fs.used_block_count} sectors in use")
    if not scenario.full:
        with fs.open("/third", "wb") as file:
            file.write(b"party")
        fs.unmount()
        fs.mount()
        if _slurp(fs, "/third") != b"party":
            raise ValueError("what littlefs-python writes is not read back")
    try:
        return _version(scenario.kind, _slurp(fs, _PATHS[scenario.kind]))
    except FileNotFoundError:
        return 0


def _slurp(fs, path):
    with fs.open(path, "rb") as file:
        return file.read()


def _version(kind, data):
    """The version in a record's file, taken apart without our code."""
    if len(data) <= 12:
        return {"code": _RECORD_BAD}
    magic, counter, crc = struct.unpack_from("<4sII", data)
    if magic != b"TOS1" or crc != zlib.crc32(data[12:], counter):
        return {"code": _RECORD_BAD}
    value = cbor2.loads(data[12:])
    return struct.unpack_from("<I", value)[0] if kind == "keystore" else value["version"]


def stored(scenario, image):
    """The bytes of the record's file."""
    return _slurp(mounted(image), _PATHS[scenario.kind])


def edited(scenario, image, data):
    """The image with other bytes in the record's file: what other hands did while the device was off."""
    fs = mounted(image)
    with fs.open(_PATHS[scenario.kind], "wb") as file:
        file.write(data)
    fs.unmount()
    return bytes(fs.context.buffer)
