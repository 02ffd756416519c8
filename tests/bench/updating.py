"""What a device has on its heap for an update, beside what rests: code, manifest, and what is on its way. CPython."""

import asyncio
import tempfile
from pathlib import Path

from updated import DOWNLOADING, bundled, lived


def live():
    """(most B alive at once while blocks arrive, files of the update). 64-bit, after a collection each time."""
    found = []

    async def test(house):
        rest_b = (await house.device.control("heap"))["alloc_b"]
        made = bundled()
        await house.push(made)
        while (await house.status())[1] == DOWNLOADING:
            found.append((await house.device.control("heap"))["alloc_b"] - rest_b)
            await asyncio.sleep(0.01)
        found[:] = max(found), len(made.parts[0].files)

    with tempfile.TemporaryDirectory() as folder:
        lived(Path(folder), test, rate=1)
    return found
