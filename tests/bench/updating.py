"""What a device has on its heap for an update, beside what rests: code, and what is on its way. CPython.

64-bit, after a collection each time.
"""

import asyncio
import json
import subprocess
import tempfile
from pathlib import Path

from tosplus.build.product import build
from tosplus.sim.process import micropython
from updated import DOWNLOADING, bundled, lived

_TARGET = Path(__file__).with_name("heap_target.py")
_FRONT = "toscore.mdns"  # told once the device is up, and dropped later: no part of an update


def live():
    """-> (B of code, B of all else, files of the update), when they are the most while blocks arrive."""
    found = []

    async def test(house):
        async def modules():
            return (await house.device.control("modules"))["modules"]

        async def heap_b():
            return (await house.device.control("heap"))["alloc_b"]

        while _FRONT not in (rest := await modules()):
            await asyncio.sleep(0.01)
        rest_b = await heap_b()
        made = bundled()
        await house.push(made)
        while (await house.status())[1] == DOWNLOADING:
            found.append((await heap_b() - rest_b, await modules()))
            await asyncio.sleep(0.01)
        most_b, loaded = max(found, key=lambda look: look[0])
        code_b = _imported_b([name for name in rest if name in loaded], [name for name in loaded if name not in rest])
        found[:] = code_b, most_b - code_b, len(made.parts[0].files)

    with tempfile.TemporaryDirectory() as folder:
        lived(Path(folder), test, rate=1)
    return found


def _imported_b(rest, names):
    """What these modules take beside those that rest."""
    with tempfile.TemporaryDirectory() as folder:
        tree = build("kettle", "UNIX", Path(folder, "tree")).out / "a"
        core = [name for name in rest if name.startswith("tos") and ".ports." not in name]
        command = [micropython(), _TARGET, tree, *core, *names]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sum(row["heap_b"] for row in map(json.loads, told.splitlines()) if row["module"] in names)
