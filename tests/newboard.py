"""A new board with a simulated chip, for tests that flash it."""

import asyncio

from tosplus.build import image
from tosplus.build.product import build
from tosplus.sim.device import Device


def with_chip(folder, chip, test, plain=True):
    """Runs test(device) with a new board; what it has in flash comes from the test."""

    async def main():
        async with Device("kettle", state_dir=folder / "board", chip=chip, restart=False, plain=plain) as device:
            await test(device)

    asyncio.run(main())


async def in_download_mode(device):
    before = console(device).count(b"waiting for download")
    device.rom.reset(download=True)
    while console(device).count(b"waiting for download") == before:
        await asyncio.sleep(0.01)


def console(device):
    return (device.state_dir / "console.log").read_bytes()


def kettle():
    """The files that the Unix port runs, which stands in for the chip's firmware."""
    return image.files_of(build("kettle", "UNIX").out)
