"""The simulated ROM bootloader is accepted by the real esptool; what it wrote, the device starts from."""

import asyncio
import hashlib
import os
import random
import subprocess
import sys

import chipware
import esptool
import pytest
from esptool.logger import log
from newboard import console, in_download_mode, kettle, with_chip
from tosplus.link.client import Client

log.set_verbosity("silent")

AT = 0x210000
DATA = random.Random(1).randbytes(30000) + bytes(30000)
NAMES = {"esp32": "ESP32", "esp32s3": "ESP32-S3", "esp32c3": "ESP32-C3"}


def session(port, folder, is_stub):
    """What people do with esptool, by its documented API."""
    with esptool.detect_chip(port, connect_mode="no-reset") as esp:
        seen = {
            "name": esp.CHIP_NAME,
            "mac": esp.read_mac(),
            "crystal": esp.get_crystal_freq(),
            "rev": esp.get_chip_revision(),
        }
        if is_stub:
            esp = esptool.run_stub(esp)
        esptool.attach_flash(esp)
        seen["size"] = esptool.detect_flash_size(esp)
        esptool.write_flash(esp, [(AT, DATA)], no_progress=True)
        esptool.verify_flash(esp, [(AT, DATA)])
        esptool.write_flash(
            esp, [(AT + 0x20000, DATA[:5000])], compress=not is_stub, no_compress=is_stub, no_progress=True
        )
        esptool.read_flash(esp, AT + 100, 5000, str(folder / "read"), no_progress=True)
        seen["read"] = (folder / "read").read_bytes()
        with pytest.raises(esptool.FatalError, match="Verification failed"):
            esptool.verify_flash(esp, [(AT + 4, DATA)])
        esptool.erase_region(esp, AT, 0x1000)
        seen["erased"] = esp.flash_md5sum(AT, 0x1000)
        if is_stub:
            esptool.erase_flash(esp)
            esp.change_baud(921600)
            seen["empty"] = esp.flash_md5sum(0, 0x200000)
        esptool.reset_chip(esp, "no-reset")
    return seen


@pytest.mark.parametrize("is_stub", [False, True], ids=["rom", "stub"])
@pytest.mark.parametrize("chip", list(NAMES))
def test_esptool_writes_verifies_reads_and_erases(tmp_path, chip, is_stub):
    async def test(device):
        await in_download_mode(device)
        seen = await asyncio.to_thread(session, device.tty, tmp_path, is_stub)
        assert seen["name"] == NAMES[chip] and seen["crystal"] == 40 and seen["rev"] > 0
        assert bytes(seen["mac"])[3:] == b"\xc0\xff\xee"
        assert seen["size"] == ("8MB" if chip == "esp32s3" else "4MB")
        assert seen["read"] == DATA[100:5100]
        assert seen["erased"] == hashlib.md5(b"\xff" * 0x1000).hexdigest()
        flash = (device.state_dir / "flash.bin").read_bytes()
        if is_stub:
            assert set(flash) == {0xFF}
            assert seen["empty"] == hashlib.md5(flash[:0x200000]).hexdigest()
        else:
            assert flash[AT : AT + 0x10000] == (b"\xff" * 0x1000 + DATA[0x1000:]).ljust(0x10000, b"\xff")
            assert flash[AT + 0x20000 :][:5000] == DATA[:5000]

    with_chip(tmp_path, chip, test)


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "esptool", *map(str, arguments)], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_esptool_does_what_it_says_in_its_help(tmp_path):
    image = tmp_path / "image.bin"
    image.write_bytes(chipware.image("esp32s3", 30000))

    async def test(device):
        await in_download_mode(device)

        async def tool(*arguments):
            return await asyncio.to_thread(
                run, "--port", device.tty, "--before", "no-reset", "--after", "no-reset-stub", *arguments
            )

        assert "ESP32-S3 (QFN56) (revision v0.2)" in await tool("chip-id")
        assert "Detected flash size: 8MB" in await tool("flash-id")
        assert "Hash of data verified" in await tool("write-flash", "0x10000", image)
        assert "Verification successful" in await tool("verify-flash", "0x10000", image)
        await tool("read-flash", "0x10000", str(image.stat().st_size), tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == image.read_bytes()
        assert "(valid)" in run("image-info", tmp_path / "back")
        await tool("erase-region", "0x10000", "0x2000")
        assert "erased successfully" in await tool("erase-flash")

    with_chip(tmp_path, "esp32s3", test)


def test_the_reset_lines_of_rfc_2217_put_it_into_download_mode_and_back(tmp_path):
    def reset_twice(port):
        with esptool.detect_chip(port) as esp:
            name = esp.CHIP_NAME
            esptool.reset_chip(esp, "hard-reset")
        return name

    async def test(device):
        assert await asyncio.to_thread(reset_twice, device.serial) == "ESP32-C3"
        said = console(device)
        assert (
            said.index(b"waiting for download") < said.rindex(b"SPI_FAST_FLASH_BOOT") < said.rindex(b"invalid header")
        )

    with_chip(tmp_path, "esp32c3", test)


def flash_by_tty(port, image):
    with esptool.detect_chip(port, connect_mode="no-reset") as esp:
        esp = esptool.run_stub(esp)
        esptool.attach_flash(esp)
        esptool.write_flash(esp, [(0, image)], no_progress=True)


@pytest.mark.parametrize("chip", list(NAMES))
def test_the_device_starts_from_what_esptool_wrote(tmp_path, chip):
    image = chipware.merged(chip, kettle())

    async def test(device):
        await in_download_mode(device)
        await asyncio.to_thread(flash_by_tty, device.tty, image)
        assert not device.is_on
        device.rom.reset()
        await device.ready()
        async with Client(*device.link) as client:
            assert (await client.identity()).model == "kettle"
        # The reset button ends it, wherever it is, and it comes back.
        device.rom.reset()
        await device.restarted()
        # A bit of the application, and it does not.
        offset = chipware.APP[0] + 5000
        byte = device.rom.nor.read(offset, 1)[0]
        device.rom.nor.program(offset, bytes((byte & byte - 1,)))
        device.rom.reset()
        while b"No bootable app" not in console(device):
            await asyncio.sleep(0.01)
        assert not device.is_on

    with_chip(tmp_path, chip, test)


def test_a_damaged_file_system_starts_python_without_an_app(tmp_path):
    image = bytearray(chipware.merged("esp32", kettle()))
    image[chipware.VFS[0] : chipware.VFS[0] + 0x2000] = os.urandom(0x2000)

    async def test(device):
        await in_download_mode(device)
        await asyncio.to_thread(flash_by_tty, device.tty, bytes(image))
        device.rom.reset()
        while b">>> " not in console(device):
            await asyncio.sleep(0.01)
        assert b"OSError" in console(device) and not device.is_on

    with_chip(tmp_path, "esp32", test)


def test_a_cable_pulled_in_the_middle_leaves_a_board_that_can_be_flashed(tmp_path):
    image = chipware.merged("esp32", kettle())

    async def test(device):
        await in_download_mode(device)
        device.rom.nor.cut_after = 400
        with pytest.raises(esptool.FatalError):
            await asyncio.to_thread(flash_by_tty, device.tty, image)
        assert not device.is_plugged
        device.plug()
        await in_download_mode(device)
        await asyncio.to_thread(flash_by_tty, device.tty, image)
        device.rom.reset()
        await device.ready()

    with_chip(tmp_path, "esp32", test)
