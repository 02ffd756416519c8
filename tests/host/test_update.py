"""A simulated kettle takes updates over the wire, refuses others', and comes back from what does not work."""

import asyncio
from dataclasses import replace

import aiocoap
import cbor2
from lossy import Body
from tosplus.ota import bundle, pack
from updated import (
    CONFIRMED,
    DOWNLOADING,
    FAILED,
    FIXED,
    IDLE,
    KETTLE,
    KEY,
    NEXT,
    NEXT_PUBLIC,
    ROLLED_BACK,
    STRANGER,
    TRIAL,
    bundled,
    lived,
    slot,
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

    lived(tmp_path, test, rate=10)


def test_a_version_that_crashes_rolls_back_and_says_so(tmp_path):
    async def test(house):
        await house.push(bundled("1 // 0\n" + FIXED))
        told = await house.until(ROLLED_BACK)
        assert told == {0: 0, 1: ROLLED_BACK, 2: 1, 3: 0, 4: 0, 5: 435, 6: "a"}

    lived(tmp_path, test)


def test_a_version_that_fails_its_self_test_rolls_back(tmp_path):
    """It starts and answers, and a service of its own crashes."""
    crashing = FIXED + "\n\nclass Bad:\n    async def run(self, app):\n        1 // 0\n\n\napp.use(Bad())\n"

    async def test(house):
        await house.push(bundled(crashing))
        told = await house.until(ROLLED_BACK, CONFIRMED)
        assert (told[0], told[5], told[6]) == (0, 435, "a")

    lived(tmp_path, test, rate=100)


def test_what_is_not_for_it_is_refused_with_its_reason_and_nothing_is_touched(tmp_path):
    async def test(house):
        before = await house.device.control("flash")
        for made, code, reason in (
            (bundled(key=STRANGER), aiocoap.UNAUTHORIZED, "389"),
            (bundled(product="fridge"), aiocoap.FORBIDDEN, "391"),
            (bundled(boards=("TOS_TILL",)), aiocoap.FORBIDDEN, "391"),
            (bundled(sequence=3, base=bundled(KETTLE + "\nx = 1\n").parts[0]), aiocoap.BAD_REQUEST, "388"),
        ):
            answer = await house.push(made)
            assert answer.code == code and answer.payload.decode().split()[0] == reason
        message = bytearray(bundled().message())
        message[-1] ^= 1
        answer = await house.ask(aiocoap.PUT, {0: bytes(message), 1: house.url})
        assert answer.payload.decode() == "390"
        for value in ({}, {0: "text"}, {0: bundled().message(), 1: "ftp://x/y"}, {0: b"", 2: 1}, 5):
            answer = await house.ask(aiocoap.PUT, value)
            assert answer.code == aiocoap.BAD_REQUEST
        assert (await house.ask(aiocoap.POST, {0: "dance"})).code == aiocoap.SERVICE_UNAVAILABLE
        assert house.body.asked == 0 and (await house.status())[1] == IDLE
        flash = await house.device.control("flash")
        assert (flash["programs"], flash["erases"]) == (before["programs"], before["erases"])

    lived(tmp_path, test)


def test_an_older_version_is_refused_and_the_one_before_comes_back_when_asked_for(tmp_path):
    async def test(house):
        await house.push(bundled(sequence=5))
        await house.until(CONFIRMED)
        answer = await house.push(bundled(sequence=5))
        assert answer.code == aiocoap.FORBIDDEN and answer.payload == b"392 5"
        assert (await house.push(bundled(sequence=4))).payload == b"392 4"
        assert (await house.ask(aiocoap.POST, {0: "rollback"})).code == aiocoap.CHANGED
        while (told := await house.until(ROLLED_BACK))[6] != "a":  # it says so before it starts anew, too
            pass
        assert (told[0], told[5]) == (0, 440)

    lived(tmp_path, test)


class Corrupt(Body):
    """The last byte is wrong of one block of 1024, for so many requests of that."""

    wrong = 1
    block = 30

    async def render_get(self, request):
        answer = await super().render_get(request)
        if request.opt.block2.block_number == self.block and self.wrong:
            self.wrong -= 1
            answer.payload = answer.payload[:-1] + bytes((answer.payload[-1] ^ 1,))
        return answer


def test_a_block_that_is_damaged_comes_again(tmp_path):
    async def test(house):
        await house.push(bundled())
        await house.until(TRIAL, CONFIRMED)

    lived(tmp_path, test, body=Corrupt(b""))


def test_the_last_block_is_looked_at_as_the_others(tmp_path):
    made = bundled()
    body = Corrupt(b"")
    body.block = (len(made.dumps()) - 1) // 1024

    async def test(house):
        await house.push(made)
        assert (await house.until(TRIAL, FAILED))[1] == TRIAL

    lived(tmp_path, test, body=body)


def test_a_bundle_that_stays_damaged_is_given_up(tmp_path):
    body = Corrupt(b"")
    body.wrong = 1000

    async def test(house):
        await house.push(bundled())
        told = await house.until(FAILED)
        assert (told[0], told[5], told[6]) == (0, 393, "a")

    lived(tmp_path, test, body=body)


def test_a_delta_is_applied_and_the_key_rotated_once_confirmed(tmp_path):
    async def test(house):
        full = bundled(sequence=1)
        await house.push(full)
        await house.until(CONFIRMED)
        delta = bundled(FIXED + "\nlater = 1\n", 2, base=full.parts[0], keys={1: NEXT_PUBLIC})
        assert len(delta.dumps()) < 3000
        assert (await house.push(bundled(sequence=2, key=NEXT))).payload == b"389"
        await house.push(delta)
        await house.until(CONFIRMED)
        assert await version(house) == (2, "a")
        assert (await house.push(bundled(sequence=3, key=NEXT))).code == aiocoap.CHANGED

    lived(tmp_path, test)


def test_it_goes_on_where_the_power_failed(tmp_path):
    """Three times during the download; of each, at most one block comes again."""

    async def test(house):
        made = bundled()
        await house.push(made)
        for n in (20, 45, 70):
            while house.body.asked < n:
                await house.until(DOWNLOADING)
            await house.device.kill()
            house.body.lives.append([])
            await house.device.restarted()
        await house.until(TRIAL, CONFIRMED)
        blocks = -(-len(made.dumps()) // 1024)
        assert house.body.wanted <= blocks + 3 * (4 + 4) + 3  # a block of 4 KiB, and what was on its way

    lived(tmp_path, test)


def test_a_trial_waits_for_the_hub_and_not_for_a_router(tmp_path):
    async def test(house):
        await house.device.control("config", changes={"hub": "127.0.0.1:9"})
        await house.push(bundled())
        await house.until(TRIAL)
        at = (await house.device.control("get"))["ms"]
        while (await house.device.control("get"))["ms"] < at + 600_000:
            assert (await house.status())[1] == TRIAL
        assert house.device.starts == 2
        assert (await house.ask(aiocoap.POST, {0: "rollback"})).code == aiocoap.CHANGED
        await house.until(ROLLED_BACK)

    lived(tmp_path, test, rate=100)


def test_an_app_that_does_not_start_leaves_recovery_which_takes_the_fixed_one(tmp_path):
    app = tmp_path / "kettle.py"
    app.write_text("raise ValueError('no such pin')\n" + KETTLE)

    async def test(house):
        assert (await house.status())[6] == "r"
        identity = await house.ask(aiocoap.GET, path="d")
        assert cbor2.loads(identity.payload)[2] == "recovery"
        await house.push(bundled())
        await house.until(CONFIRMED)
        assert await version(house) == (1, "b")

    lived(tmp_path, test, app=str(app))


def test_a_manifest_of_a_megabyte_is_refused_after_a_few_blocks(tmp_path):
    async def test(house):
        answer = await house.ask(aiocoap.PUT, {0: bytes(1 << 20), 1: house.url})
        assert answer.code == aiocoap.REQUEST_ENTITY_TOO_LARGE and (await house.status())[1] == IDLE

    lived(tmp_path, test)


def test_a_bundle_that_would_fill_the_flash_is_refused_and_nothing_is_touched(tmp_path):
    old, new = slot(KETTLE), slot(FIXED)
    delta = pack.app_part(new, pack.app_part(old))
    huge = replace(delta, files=tuple((path, length + (1 << 20)) for path, length in delta.files))
    made = bundle.sign(bundle.Bundle("kettle", ("UNIX",), 1, 0, (huge,), "1"), KEY)

    async def test(house):
        before = await house.device.control("flash")
        answer = await house.push(made)
        assert not answer.code.is_successful() and answer.payload.decode().split()[0] == "427"
        flash = await house.device.control("flash")
        assert (flash["programs"], flash["erases"]) == (before["programs"], before["erases"])

    lived(tmp_path, test)


class Slow(Body):
    """It has nothing behind its first blocks until it is let go."""

    held = True

    async def render_get(self, request):
        while self.held and request.opt.block2.block_number > 20:
            await asyncio.sleep(0.02)
        return await super().render_get(request)


def test_an_update_during_an_update_is_refused_and_an_abort_ends_the_first(tmp_path):
    body = Slow(b"")

    async def test(house):
        made = bundled()
        await house.push(made)
        second = {0: bundled(sequence=2).message(), 1: house.url}  # not pushed: what is at that address stays the first
        answer = await house.ask(aiocoap.PUT, second)
        assert answer.code == aiocoap.SERVICE_UNAVAILABLE and answer.payload == b"399"
        assert (await house.ask(aiocoap.POST, {0: "abort"})).code == aiocoap.CHANGED
        assert (await house.status())[1] == IDLE
        body.held = False
        while (await house.push(made)).code != aiocoap.CHANGED:  # the first one may still be on its way out
            await asyncio.sleep(0.05)
        await house.until(TRIAL, CONFIRMED)

    lived(tmp_path, test, body=body)


def test_outputs_are_safe_when_it_starts_anew_with_an_update(tmp_path):
    """The kettle heats; what it did is over when the version on trial runs, and nobody has switched it off."""

    async def test(house):
        await house.device.control("set", signal="probe_mv", value=300)
        assert (await house.ask(aiocoap.PUT, True, "s/power")).code == aiocoap.CHANGED
        assert (await house.device.control("get"))["signals"]["relay"] is True
        await house.push(bundled())
        await house.until(TRIAL, CONFIRMED)
        assert (await house.device.control("get"))["signals"]["relay"] is False
        assert cbor2.loads((await house.ask(aiocoap.GET, path="s/power")).payload) is False

    lived(tmp_path, test, rate=5)
