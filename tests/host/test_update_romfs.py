"""A simulated device with a partition romfs takes its app as a ROMFS, and runs it from there."""

import aiocoap
import chipware
import pytest
from tosplus.build import board
from tosplus.build.board import SIMULATED
from tosplus.errors import HostError
from tosplus.ota import pack
from updated import DOWNLOADING, FIXED, IDLE, KETTLE, bundled, lived, rom, slot

CHIP = {"firmware": chipware.image("esp32", 12000), "rate": 50}
HALF_B = SIMULATED[5] // 2


def holds(house, name, files):
    (image,) = files.values()
    at = SIMULATED[4] + "ab".index(name) * HALF_B
    return (house.device.state_dir / "flash.bin").read_bytes()[at : at + len(image)] == image


def test_it_goes_into_one_half_and_after_a_power_cut_goes_on_and_a_delta_into_the_other(tmp_path):
    async def test(house):
        made = bundled(files=rom())
        assert (await house.push(made)).code == aiocoap.CHANGED
        while house.body.asked < 60:
            assert (await house.status())[1] == DOWNLOADING
        await house.device.kill()
        house.body.lives.append([])
        await house.device.restarted()
        assert (await house.confirmed(1))[6] == "b" and holds(house, "b", rom())
        assert house.body.wanted < -(-len(made.dumps()) // 1024) + 60  # as many had come before
        made = bundled(files=rom(KETTLE), sequence=2, base=pack.app_part(rom()))
        assert len(made.dumps()) < 4000
        await house.push(made)
        assert (await house.confirmed(2))[6] == "a" and holds(house, "a", rom(KETTLE)) and holds(house, "b", rom())
        await house.push(bundled(sequence=3))  # a folder again
        assert (await house.confirmed(3))[6] == "b" and holds(house, "a", rom(KETTLE)) and holds(house, "b", rom())

    lived(tmp_path, test, **CHIP)


def refused(tmp_path, made, **chip):
    """-> what a device says to it, which does not begin with it."""
    said = []

    async def test(house):
        before = await house.device.control("flash")
        answer = await house.push(made)
        assert not answer.code.is_successful() and (await house.status())[1] == IDLE
        after = await house.device.control("flash")
        assert (after["programs"], after["erases"]) == (before["programs"], before["erases"])
        said.extend(answer.payload.decode().split())

    lived(tmp_path, test, **chip)
    return said


def test_firmware_without_romfs_refuses_it_and_nothing_is_touched(tmp_path):
    assert refused(tmp_path, bundled(files=rom()))[0] == "429"


def test_one_that_is_larger_than_a_half_is_refused(tmp_path):
    made = bundled(files={"lib.romfs": bytes(HALF_B + 1)})
    assert refused(tmp_path, made, **CHIP) == ["427", str(HALF_B // 4096 + 1)]


def test_tos_makes_none_that_is_larger_than_a_half():
    whole = sum(map(len, slot(FIXED).values()))
    assert whole < len(pack.image(slot(FIXED), board.load("UNIX"))["lib.romfs"]) < whole + 4000
    with pytest.raises(HostError, match="half of TOS_TILL's romfs has 131072 B"):
        pack.image({"app.mpy": bytes(131072)}, board.load("TOS_TILL"))
