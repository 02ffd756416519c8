"""A simulated kettle takes updates over the wire, refuses what is not for it, and comes back from what does not work."""

import aiocoap
from lossy import Body
from updated import (
    CONFIRMED,
    DOWNLOADING,
    FAILED,
    FIXED,
    IDLE,
    KETTLE,
    NEXT,
    ROLLED_BACK,
    STRANGER,
    TRIAL,
    bundled,
    lived,
)


async def version(house):
    return (await house.status())[0], (await house.status())[6]


def test_a_new_version_is_fetched_tried_and_confirmed(tmp_path):
    async def test(house):
        assert await house.status() == {0: 0, 1: IDLE, 2: 0, 3: 0, 4: 0, 5: 0, 6: "a"}
        made = bundled()
        assert (await house.push(made)).code == aiocoap.CHANGED
        told = await house.until(TRIAL)
        assert (told[0], told[2], told[6]) == (1, 1, "b")
        assert (await house.push(bundled(sequence=2))).code == aiocoap.SERVICE_UNAVAILABLE
        await house.until(CONFIRMED)
        await house.device.kill()
        await house.device.restarted()
        assert await version(house) == (1, "b")

    lived(tmp_path, test)


def test_a_version_that_crashes_rolls_back_and_says_so(tmp_path):
    async def test(house):
        await house.push(bundled("1 // 0\n" + FIXED))
        told = await house.until(ROLLED_BACK)
        assert told == {0: 0, 1: ROLLED_BACK, 2: 1, 3: 0, 4: 0, 5: 435, 6: "a"}

    lived(tmp_path, test)
