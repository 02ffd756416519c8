"""A device that updates itself, with the supply failing at each flash operation: does it ever not come back? CPython.

Each life of the device is one process (device/updating.py), from /main.py on: the slot is chosen by the code that does
so on a chip, and what is in the slot goes on with the update. `come_back` starts it until it rests, and looks at each
start whether what runs is whole, at the end whether it is what was to be.
"""

import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from littlefs import UserContext
from tosplus import image
from tosplus.ota import bundle, keys, pack
from tosplus.sim.process import micropython

from .checks import TEARS, WORKERS
from .lab import ERASED, ROOT, Died, copied

SIZE_B = 1 << 19
_LIFE_S = 50
_LIVES = 12
_BLOCK_B = 4096
KEY, NEXT = (ec.derive_private_key(n, ec.SECP256R1()) for n in (5, 6))
PUBLIC, FOLLOWING = (keys.raw(key.public_key()) for key in (KEY, NEXT))

_APP = """import lab

VERSION = {}


class app:
    run = staticmethod(lambda board: lab.run(board, VERSION))
"""


def release(version, size_b, broken=False):
    """{path: content} of a slot: an app, and files of many sizes that look like code."""
    source = random.Random(1)
    files = {"app.py": ("1 // 0\n" if broken else "").encode() + _APP.format(version).encode(), "board.py": b"", "lib/empty.py": b""}
    for n in itertools.count():
        left = size_b - sum(map(len, files.values()))
        if left <= 0:
            return dict(sorted(files.items()))
        data = bytearray(source.randbytes(min(left, source.choice((90, 700, 3000, 4096, 9000)))))
        if n % 5 == 0:
            data[:9] = b"version%02d" % version
        files[f"lib/pkg{n % 3}/m{n}.mpy"] = bytes(data)


def bundled(files, sequence, base=None, floor=1, **about):
    part = pack.app_part(files, base)
    return bundle.sign(bundle.Bundle("kettle", ("LAB",), sequence, floor, (part,), "", **about), KEY)


def flashed(files, firmware):
    """A new device's flash, with this in slot a, as `tos build` and `tos flash` would leave it."""
    about = {
        "sequence": 1,
        "content": hashlib.sha256(b"".join(files.values())).hexdigest(),
        "files": [[path, len(data)] for path, data in files.items()],
    }
    starts = {name: (ROOT / "firmware" / name).read_bytes() for name in ("boot.py", "main.py")}
    slots = (firmware / "tos/slots.py").read_bytes()
    recovery = {"app.py": _APP.format(0).encode(), "board.py": b"", "slots.py": slots, "key0": PUBLIC}
    tree = {**starts, "slots.py": slots, "a/~slot": json.dumps(about).encode()}
    tree |= {f"a/{path}": data for path, data in files.items()} | {f"r/{path}": d for path, d in recovery.items()}
    region = bytearray(ERASED * SIZE_B)
    fs = image.littlefs(UserContext(buffer=region), SIZE_B, is_new=True)
    fs.format()
    fs.mount()
    image.replace_code(fs, tree)
    fs.unmount()
    return bytes(region)


@dataclass
class Scenario:
    """What one does with a device: update or rollback, to a bundle, from a flash. ends: (slot, version) at the end."""

    name: str
    made: bundle.Bundle
    ends: tuple
    do: str = "update"
    to: int = 2
    floor: int = 1
    keys: tuple = (None, None)


@dataclass
class Sweep:
    """ops: of each life, uncut. points: cuts. refetched_b: at most, after a cut."""

    ops: list
    points: int = 0
    refetched_b: int = 0
    faults: list = field(default_factory=list)


class Device:
    def __init__(self, folder, firmware):
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._serial = itertools.count()
        paths = [firmware, firmware / "tos" / "ports" / "unix", ".frozen"]
        self._env = {**os.environ, "MICROPYPATH": os.pathsep.join(map(str, paths))}

    def live(self, flash, scenario, cut=None):
        """-> (what it says, or None when it was cut off or crashed; its flash after that)."""
        n = next(self._serial)
        path, made = self._folder / f"{n}.flash", self._folder / f"{scenario.name}.tosb"
        path.write_bytes(flash)
        if not made.exists():
            made.write_bytes(scenario.made.dumps())
        order = {"image": str(path), "size": len(flash), "bundle": str(made), "cut": cut, "do": scenario.do}
        order |= {"message_b": len(scenario.made.message()), "to": scenario.to}
        done = subprocess.run(
            [micropython(), str(Path(__file__).with_name("device") / "updating.py")],
            input=json.dumps(order) + "\n",
            env=self._env,
            capture_output=True,
            text=True,
            timeout=_LIFE_S,
        )
        flash = path.read_bytes()
        path.unlink()
        told = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("TOLD ")]
        if told and done.returncode == 0:
            return told[0], flash
        if done.returncode in (0, -signal.SIGKILL):
            return None, flash
        raise Died(f"exit status {done.returncode}\n{done.stdout}{done.stderr}")

    def lives(self, flash, scenario):
        """[(flash before it, what it says)] of each life until the device rests, and the flash then."""
        lives = []
        for _ in range(_LIVES):
            told, after = self.live(flash, scenario)
            lives.append((flash, told))
            flash = after
            if told and told["end"] == "rests":
                return lives, flash
        raise Died(f"it does not rest in {_LIVES} starts: {[told for _, told in lives]}")


def wrong(scenario, lives, flash):
    """What is not as it should be of a device that went on until it rested."""
    for _, told in lives:
        if told and not told["whole"]:
            yield f"slot {told['slot']} runs and is not whole"
        if told and told["slot"] == "r":
            yield "recovery runs, and a slot was good"
    last = lives[-1][1]
    if (last["slot"], last["version"]) != scenario.ends:
        yield f"it ends in {last['slot']}, version {last['version']}, not in {scenario.ends}"
    if last["state"][0] != last["slot"] or last["state"][1 if last["slot"] == "a" else 2][0] != 3:
        yield f"what runs is not confirmed: {last['state']}"
    if last["state"][3] > scenario.floor:
        yield f"the floor is {last['state'][3]}"
    if tuple(last["keys"]) != scenario.keys:
        yield f"keys: {last['keys']}"


def sweep(folder, scenario, flash, tears=TEARS, every=1, twice=0, firmware=None):
    """Cut each life of this at each of its flash operations, in every way. every: only each so-manieth. twice: after
    each so-manieth of these, the next life is cut as well, somewhere."""
    folder = Path(folder)
    device = Device(folder / scenario.name, firmware or copied(folder / "firmware"))
    lives, _ = device.lives(flash, scenario)
    ops = []
    for before, told in lives:
        ops.append(told["ops"] if told else 6)
    result = Sweep(ops)
    result.faults += [("uncut", what) for what in wrong(scenario, lives, None)]
    whole_b = lives[0][1]["fetched"]
    chance = random.Random(scenario.name)
    points = [(n, cut, tear) for n, many in enumerate(ops) for cut in range(0, many, every) for tear in tears]
    seconds = {point: chance.randrange(400) for point in points[:: twice or len(points) + 1]} if twice else {}

    def come(point):
        n, cut, tear = point
        try:
            told, after = device.live(lives[n][0], scenario, (cut, tear))
            again = []
            if point in seconds:
                told, after = device.live(after, scenario, (seconds[point], chance.choice(TEARS)))
                again = [(None, told)]
            went, end = device.lives(after, scenario)
            return point, went, list(wrong(scenario, again + went, end))
        except Died as e:
            return point, [], [f"it does not come back: {e}"]

    with ThreadPoolExecutor(WORKERS) as pool:
        for point, went, what in pool.map(come, points):
            result.points += 1 + (point in seconds)
            result.faults += [(point, each) for each in what]
    return result
