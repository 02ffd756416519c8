"""What a simulated device holds to from its last update on, a revoked key and a floor, as it and the pusher tell it."""

import pytest
from littlefs import UserContext
from tosplus.build import image
from tosplus.build.board import load
from tosplus.link.client import Client, LinkError
from tosplus.ota.push import push
from updated import FIXED, KETTLE, NEXT, NEXT_PUBLIC, PUBLIC, ROLLED_BACK, bundled, lived, part

BOTH = {"keys": (PUBLIC, NEXT_PUBLIC), "rate": 50}
CRASHES = "1 // 0\n" + FIXED
KEY_UNKNOWN, OLD, OWN_KEY = 389, 392, 431


async def refused(house, made):
    """The code for which `tos ota push` gives up; the device has logged it too, and does what it did."""
    before = await house.status()
    with pytest.raises(LinkError) as caught:
        await push(made, house.device.link, None, lambda progress: None)
    async with Client(*house.device.link) as client:
        logged = (await client.log()).counts
    assert logged[caught.value.code] and caught.value.args[0]
    assert await house.status() == before
    return caught.value.code


async def taken(house, made):
    assert (await house.push(made)).code.is_successful()
    await house.confirmed(made.sequence)


async def tried(house, made):
    """It comes to nothing."""
    assert (await house.push(made)).code.is_successful()
    await house.until(ROLLED_BACK)


async def into_recovery(house):
    """A byte is wrong in each slot: what runs then has no version, and the floor alone says what is too old."""
    await house.device.unplug()
    path, board = house.device.state_dir / "flash.bin", load("UNIX")
    flash = bytearray(path.read_bytes())
    region = bytearray(flash[board.vfs_offset :])
    fs = image.littlefs(UserContext(buffer=region), board.vfs_size, is_new=False)
    fs.mount()
    for slot in "ab":
        with fs.open(f"{slot}/app.mpy", "r+b") as file:
            file.write(b"#")
    fs.unmount()
    flash[board.vfs_offset :] = region
    path.write_bytes(flash)
    house.device.plug()
    await house.device.restarted(20)
    assert (await house.status())[6] == "r"


def test_a_key_is_revoked_by_an_update_that_is_confirmed_and_by_no_other(tmp_path):
    async def test(house):
        assert await refused(house, bundled(keys={0: None})) == OWN_KEY
        await tried(house, bundled(CRASHES, key=NEXT, keys={0: None}, base=part(KETTLE)))
        await taken(house, bundled(sequence=2, base=part(KETTLE)))  # it came to nothing, and the key is good
        await taken(house, bundled(KETTLE, 3, NEXT, part(FIXED), keys={0: None}))
        assert await refused(house, bundled(sequence=4)) == KEY_UNKNOWN
        await house.device.kill()
        await house.device.restarted()
        assert await refused(house, bundled(sequence=4)) == KEY_UNKNOWN
        await taken(house, bundled(sequence=4, key=NEXT, base=part(KETTLE)))

    lived(tmp_path, test, **BOTH)


def test_the_floor_rises_with_the_confirmation_to_what_is_fallen_back_to(tmp_path):
    async def test(house):
        await taken(house, bundled(sequence=5, base=part(KETTLE)))
        await taken(house, bundled(KETTLE, 8, base=part(FIXED), floor=7))
        await into_recovery(house)
        assert await refused(house, bundled(sequence=4)) == OLD
        await taken(house, bundled(sequence=5))

    lived(tmp_path, test, **BOTH)


def test_the_floor_rises_neither_above_the_fallback_nor_by_what_comes_to_nothing(tmp_path):
    async def test(house):
        await taken(house, bundled(sequence=5, base=part(KETTLE), floor=5))  # what was flashed, 0, is the fallback
        await tried(house, bundled(CRASHES, 6, base=part(FIXED), floor=4))
        await into_recovery(house)
        await taken(house, bundled(sequence=1))

    lived(tmp_path, test, **BOTH)
