"""A device that updates itself, with the supply failing at each flash operation: does it ever not come back? CPython.

Each life of the device is one process (device/updating.py), from /boot.py on: the slot is chosen by the code that does
so on a chip, and what is in the slot goes on with the update. `Device.lives` starts it until it rests; `wrong` looks
at each start whether what runs is whole, at the end whether it is what was to be.
"""

import binascii
import hashlib
import itertools
import json
import random
import signal
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from littlefs import LittleFSError
from tosplus.build import board, image
from tosplus.build.listed import listed
from tosplus.ota import bundle, keys, pack

from .checks import TEARS, WORKERS
from .lab import ERASED, ROOT, Died, code, run

SIZE_B = 1 << 19
_SLOT_B = 1 << 17  # of firmware
HALF_B = 5 << 14  # of romfs
ROMFS = SIZE_B + 0x2000 + 2 * _SLOT_B
PARTITIONS = (SIZE_B, SIZE_B + 0x2000, SIZE_B + 0x2000 + _SLOT_B, _SLOT_B, ROMFS, 2 * HALF_B)
STUCK = b"this firmware does not start"
_LIFE_S = 50
_LIVES = 16
_BLOCK_B = 4096
_PIECE_B = 1024
KEY, NEXT = (ec.derive_private_key(n, ec.SECP256R1()) for n in (5, 6))
PUBLIC, FOLLOWING = (keys.raw(key.public_key()) for key in (KEY, NEXT))

_APP = """import lab

VERSION = {}


class app:
    run = staticmethod(lambda board: lab.run(board, VERSION))
"""


_BOARD = b"""
cause = 2


class console:
    open = close = staticmethod(lambda: None)
"""


def release(version, size_b, broken=False):
    """{path: content} of a slot: an app, and files of many sizes that look like code."""
    source = random.Random(1)
    app = "1 // 0\n" * broken + _APP.format(version)
    files = {"app.py": app.encode(), "board.py": _BOARD, "lib/empty.py": b""}
    for n in itertools.count():
        left = size_b - sum(map(len, files.values()))
        if left <= 0:
            return dict(sorted(files.items()))
        data = bytearray(source.randbytes(min(left, source.choice((90, 700, 3000, 4096, 9000)))))
        if n % 5 == 0:
            data[:9] = b"version%02d" % version
        files[f"lib/pkg{n % 3}/m{n}.mpy"] = bytes(data)


def firmware_image(version, size_b, words=b"firmware of the version:  %02d"):
    """One of ESP-IDF's format with one segment, which begins with the words."""
    data = (words % version if b"%" in words else words) + random.Random(version).randbytes(size_b)
    head = b"\xe9\x01" + bytes(21) + b"\x01" + struct.pack("<II", 0x3F400020, len(data))
    body = head + data
    body += bytes(16 - len(body) % 16)
    return body + hashlib.sha256(body).digest()


def bundled(files, sequence, base=None, floor=1, firmware=None, **about):
    parts = (pack.app_part(files, base), *([pack.firmware_part(firmware)] if firmware else []))
    return bundle.sign(bundle.Bundle("kettle", ("LAB",), sequence, floor, parts, "", **about), KEY)


def rom(files):
    """The same slot as a ROMFS."""
    return pack.image(files, board.load("UNIX"))


def starting(name, firmware):
    """The source of what chooses, which is beside the slots."""
    return (firmware / "source/tos/slots.py" if name == "slots.py" else ROOT / "firmware" / name).read_text()


def _slot(name, files, sequence):
    """{path: content} of a slot as it is on a device; an image is in its half instead."""
    about = {
        "sequence": sequence,
        "content": hashlib.sha256(b"".join(files.values())).hexdigest(),
        "names": listed(files),
        "lengths": [len(data) for data in files.values()],
    }
    files = {path: data for path, data in files.items() if path != "lib.romfs"}
    return {f"{name}/~slot": json.dumps(about).encode()} | {f"{name}/{path}": data for path, data in files.items()}


def flashed(files, firmware, first=b"", more=None):
    """A new device's flash, with this in slot a, as `tos build` and `tos flash` would leave it. first: the firmware of
    a chip with two slots for that, and with romfs. more: {path: content} besides."""
    starts = {name: starting(name, firmware).encode() for name in ("boot.py", "main.py")}
    slots = starting("slots.py", firmware).encode()
    recovery = {"app.py": _APP.format(0).encode(), "board.py": _BOARD, "slots.py": slots, "key0": PUBLIC}
    tree = {**starts, "slots.py": slots, **_slot("a", files, 1), **(more or {})}
    tree |= {f"r/{path}": data for path, data in recovery.items()}
    region = bytearray(ERASED * SIZE_B)
    fs = image.littlefs(image.Flash(buffer=region), SIZE_B, is_new=True)
    fs.format()
    fs.mount()
    image.replace_code(fs, tree)
    fs.unmount()
    if first:
        region += ERASED * 0x2000 + first.ljust(2 * _SLOT_B, ERASED)
        region += files.get("lib.romfs", b"").ljust(2 * HALF_B, ERASED)
    return bytes(region)


@dataclass
class Scenario:
    """What one does with a device: update or rollback, to a bundle, from a flash. ends: (slot, version) at the end.
    fetches: the last life that does."""

    name: str
    made: bundle.Bundle
    ends: tuple
    words: str = ""
    do: str = "update"
    fetches: int = 0
    to: int = 2
    floor: int = 1
    keys: tuple = (None, None)


@dataclass
class Life:
    """The device's flash before and after it, what it said (None when it came to say nothing), its flash operations,
    whether it was cut off, and what it fetched."""

    before: bytes
    after: bytes
    told: dict | None
    ops: int
    is_cut: bool
    fetched_b: int


@dataclass
class Sweep:
    """ops: of each life, uncut. points: cuts, twice: of them in a life after a cut. refetched_b: at most, after a
    cut."""

    ops: list
    points: int = 0
    twice: int = 0
    refetched_b: int = 0
    faults: list = field(default_factory=list)


class Device:
    def __init__(self, folder, firmware):
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._serial = itertools.count()
        self._firmware = firmware

    def live(self, flash, scenario, cut=None):
        """-> its Life, which is cut at cut, (operation, tear)."""
        n = next(self._serial)
        files = image, made, fetched = [self._folder / f"{n}.{what}" for what in ("flash", "tosb", "fetched")]
        image.write_bytes(flash)
        made.write_bytes(scenario.made.dumps())
        order = {"image": str(image), "size": len(flash), "bundle": str(made), "cut": cut, "do": scenario.do}
        order |= {"disk": SIZE_B, "partitions": PARTITIONS if len(flash) > SIZE_B else None, "to": scenario.to}
        order |= {"fetched": str(fetched), "message_b": len(scenario.made.message())}
        done = run("updating", order, self._firmware, _LIFE_S)
        said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("TOLD ", "OPS ")))
        is_cut = done.returncode == -signal.SIGKILL
        if not is_cut and (done.returncode or "OPS" not in said):
            raise Died(f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
        told = json.loads(said["TOLD"]) if "TOLD" in said and not is_cut else None
        fetched_b = sum(map(int, fetched.read_text().split()))
        life = Life(flash, image.read_bytes(), told, int(said.get("OPS", 0)), is_cut, fetched_b)
        for file in files:
            file.unlink()
        return life

    def lives(self, flash, scenario):
        """[Life] until the device rests."""
        lives = []
        for _ in range(_LIVES):
            lives.append(self.live(lives[-1].after if lives else flash, scenario))
            if lives[-1].told and lives[-1].told["end"] == "rests":
                return lives
        raise Died(f"it does not rest in {_LIVES} starts: {[life.told for life in lives]}")


def wrong(scenario, lives):
    """What is not as it should be of a device that went on until it rested."""
    for told in [life.told for life in lives if life.told]:
        if not told["whole"]:
            yield f"slot {told['slot']} runs and is not whole"
        if told["trial"] and told["state"][0] != told["slot"] and told["state"][3]:
            yield "the floor rose before the confirmation"
        if not told["trial"] and scenario.do == "update" and told["slot"] == "a" and told["state"][3]:
            yield "the floor rose before the trial"
        if told["slot"] == "r":
            yield "recovery runs, and a slot was good"
        if told.get("harmed"):
            yield f"sectors {told['harmed']} of romfs were in use"
        if "firmware" in told and len(scenario.made.parts) > 1 and int(told["firmware"]) != told["version"]:
            yield f"version {told['version']} runs on firmware {told['firmware']}"
    last = lives[-1].told
    if (last["slot"], last["version"]) != scenario.ends:
        yield f"it ends in {last['slot']}, version {last['version']}, not in {scenario.ends}"
    if last["state"][0] != last["slot"] or last["state"][1 if last["slot"] == "a" else 2][0] != 3:
        yield f"what runs is not confirmed: {last['state']}"
    if not last["kept"]:
        yield "the bootloader will go back"
    if last["state"][3] > scenario.floor:
        yield f"the floor is {last['state'][3]}"
    if tuple(last["keys"]) != scenario.keys:
        yield f"keys: {last['keys']}"


def sweep(folder, scenario, flash, tears=TEARS, every=1, twice=0, firmware=None, begin=0):
    """Cut each life of this at each of its flash operations, in every way. every: only each so-manieth. twice: after
    each so-manieth of these, a later life is cut as well, somewhere. begin: the first life that is cut."""
    folder = Path(folder)
    device = Device(folder / scenario.name, firmware or code(folder / "firmware"))
    lives = device.lives(flash, scenario)
    result = Sweep([life.ops for life in lives])
    result.faults += [("uncut", what) for what in wrong(scenario, lives)]
    whole_b = sum(len(part.data) for part in scenario.made.parts) if scenario.do == "update" else 0
    lives_cut = list(enumerate(result.ops))[begin:]
    points = [(n, cut, tear) for n, many in lives_cut for cut in range(0, many, every) for tear in tears]
    again = set(points[::twice]) if twice else ()

    def cut_off(life, *cut):
        """[Life] from this one on, which is cut now."""
        lost = device.live(life.before, scenario, cut)
        return [lost, *device.lives(lost.after, scenario)]

    def come(point):
        """-> the [Life] of a device that was cut there, and of one that was cut again later."""
        n, at, tear = point
        once = cut_off(lives[n], at, tear)
        yield once
        later = [i for i, life in enumerate(once) if life.ops]
        if point in again and later:
            chance = random.Random(f"{scenario.name} {point}")
            i = chance.choice(later)
            yield once[:i] + cut_off(once[i], chance.randrange(once[i].ops), tear)

    def looked_at(point):
        """-> [(bytes that came again, what is wrong)] of these."""
        found = []
        ends = len(scenario.made.parts) - 1  # at each, what was asked for already is not used
        try:
            for went in come(point):
                cuts = sum(life.is_cut for life in went)
                again_b = sum(life.fetched_b for life in went) - whole_b * (point[0] <= scenario.fetches)
                what = list(wrong(scenario, went))
                if cuts <= len(found):
                    what.append("it was not cut")
                if again_b > cuts * (_BLOCK_B + _PIECE_B) + 2 * ends * _PIECE_B:
                    what.append(f"{again_b} B came again")
                found.append((again_b, what))
        except Died as e:
            found.append((0, [f"it does not come back: {e}"]))
        return found

    with ThreadPoolExecutor(WORKERS) as pool:
        for point, found in zip(points, pool.map(looked_at, points), strict=True):
            result.points += len(found)
            result.twice += len(found) - 1
            result.refetched_b = max(result.refetched_b, *(again_b for again_b, _ in found))
            result.faults += [(point, each) for _, what in found for each in what]
    return result


def flips(folder, scenario, flash, every=1, firmware=None):
    """One bit flips in each sector of a device that could run both slots -> ({where: [starts, of these not]}, faults).

    Where: in the files of a, of b or of both; in others, among which is what chooses; in the file system's own data.
    A fault is a device that does not start although a slot is whole.
    """
    device = Device(Path(folder) / "flips", firmware or code(Path(folder) / "firmware"))
    chance = random.Random(3)
    sectors = [n for n in range(0, len(flash), _BLOCK_B) if flash[n : n + _BLOCK_B].strip(ERASED)][::every]
    before = _files(flash)

    def come(at):
        damaged = bytearray(flash)
        used = len(flash[at : at + _BLOCK_B].rstrip(ERASED))
        damaged[at + chance.randrange(used)] ^= 1 << chance.randrange(8)
        after = _files(bytes(damaged))
        changed = {path.split("/")[0] for path in before if after and after.get(path) != before[path]}
        where = "the file system" if not changed else "slots" if changed <= {"a", "b"} else "other files"
        try:
            told = device.live(bytes(damaged), scenario).told
        except Died:
            told = None
        return where, told

    counts, faults = {}, []
    with ThreadPoolExecutor(WORKERS) as pool:
        for at, (where, told) in zip(sectors, pool.map(come, sectors), strict=True):
            count = counts.setdefault(where, [0, 0])
            count[0] += 1
            count[1] += told is None
            if where == "slots" and (told is None or not told["whole"] or told["slot"] == "r"):
                faults.append((at, f"{told}"))
    return counts, faults


def with_file(flash, path, content):
    """The flash, with something else in this file."""
    region = bytearray(flash[:SIZE_B])
    fs = image.littlefs(image.Flash(buffer=region), SIZE_B, is_new=False)
    fs.mount()
    with fs.open(path, "wb") as file:
        file.write(content)
    fs.unmount()
    return bytes(region) + flash[SIZE_B:]


def both_bad(folder, scenario, flash, firmware):
    """What a device says that has a wrong byte in each slot."""
    region = bytearray(flash)
    fs = image.littlefs(image.Flash(buffer=region), len(region), is_new=False)
    fs.mount()
    for slot in "ab":
        with fs.open(f"{slot}/app.py", "r+b") as file:
            file.write(b"#")
    fs.unmount()
    device = Device(Path(folder) / "bad", firmware)
    return device.live(bytes(region), scenario).told


def _files(flash):
    """{path: content}, or None when it does not mount."""
    fs = image.littlefs(image.Flash(buffer=bytearray(flash)), len(flash), is_new=False)
    try:
        fs.mount()
        return image.contents(fs)
    except (LittleFSError, OSError, ValueError):
        return None


def scenarios(size_b, firmware):
    """[(scenario, flash)] of what an update is: whole and with a new key, as a delta, broken, and taken back."""
    old, new = release(1, size_b), release(2, size_b)
    flash = flashed(old, firmware)
    words = "an update, with a new key"
    made = bundled(new, 2, keys={1: FOLLOWING})
    full = Scenario("update", made, ("b", 2), words, keys=(None, FOLLOWING.hex()))
    delta = Scenario("delta", bundled(new, 2, bundled(old, 1).parts[0]), ("b", 2), "a delta")
    broken = Scenario("broken", bundled(release(2, size_b, broken=True), 2), ("a", 1), "a version that crashes")
    back = Scenario("rollback", delta.made, ("a", 1), "back to the version before", do="rollback")
    return [(full, flash), (delta, flash), (broken, flash), (back, None)]


def of_firmware(size_b, firmware):
    """[(scenario, flash)] of an app and the firmware that it runs on."""
    old, new = release(1, size_b // 2), release(2, size_b // 2)
    flash = flashed(old, firmware, firmware_image(1, size_b // 2))
    made = bundled(new, 2, firmware=firmware_image(2, size_b))
    both = Scenario("firmware", made, ("b", 2), "an app and its firmware")
    stuck = bundled(new, 2, firmware=firmware_image(2, size_b, STUCK))
    stuck = Scenario("stuck", stuck, ("a", 1), "firmware that does not start")
    broken = bundled(release(2, size_b // 2, broken=True), 2, firmware=firmware_image(2, size_b))
    broken = Scenario("crashing", broken, ("a", 1), "an app that crashes, with its firmware")
    back = Scenario("return", made, ("a", 1), "back to app and firmware before", do="rollback")
    return [(both, flash), (stuck, flash), (broken, flash), (back, None)]


def of_romfs(size_b, firmware):
    """[(scenario, flash)] of an app that is a ROMFS: into the other half, back; and where the first one has crashed."""
    old, new, last = (rom(release(version, size_b)) for version in (1, 2, 3))
    runs = firmware_image(1, 3000)
    flash = flashed(old, firmware, runs)
    whole = Scenario("romfs", bundled(new, 2), ("b", 2), "an app as a ROMFS")
    delta = Scenario("romfs-delta", bundled(new, 2, bundled(old, 1).parts[0]), ("b", 2), "the same as a delta")
    back = Scenario("romfs-rollback", delta.made, ("a", 1), "back to the ROMFS before", do="rollback")
    broken = rom(release(2, size_b, broken=True))
    record = json.dumps({"active": "a", "a": [3, 2], "b": [3, 1], "floor": 0, "boots": 0}).encode()
    record = b"%08x" % binascii.crc32(record) + record
    fallen = bytearray(flashed(broken, firmware, runs, {"boot.rec": record, **_slot("b", old, 1)}))
    fallen[ROMFS + HALF_B : ROMFS + HALF_B + len(old["lib.romfs"])] = old["lib.romfs"]
    words = "a ROMFS in place of one that crashed"
    crashed = Scenario("romfs-crashed", bundled(last, 3, floor=0), ("a", 3), words, to=3, fetches=1)
    return [(whole, flash), (delta, flash), (back, None), (crashed, bytes(fallen))]
