"""A simulated device with two slots for firmware takes an app and the firmware that it runs on, both or neither."""

import binascii
import struct

import aiocoap
import chipware
from lossy import Body
from tosplus.build.board import SIMULATED as PARTITIONS
from updated import CONFIRMED, DOWNLOADING, FAILED, FIXED, IDLE, KETTLE, ROLLED_BACK, TRIAL, bundled, lived, part

STUCK = b"this firmware does not start"
OLD, NEW = chipware.image("esp32", 12000), chipware.image("esp32", 33000)
NEW_STUCK = chipware.image("esp32", 21000, STUCK)
VALID = 2
CHIP = {"firmware": OLD, "rate": 50}


def flash(house):
    return (house.device.state_dir / "flash.bin").read_bytes()


def runs(house):
    """-> (which slot of firmware the bootloader starts next, whether it is confirmed), read as ESP-IDF describes it."""
    data = flash(house)
    found = []
    for at in (PARTITIONS[0], PARTITIONS[0] + 4096):
        number, state, crc = struct.unpack_from("<I20xII", data, at)
        if number != 0xFFFFFFFF and crc == binascii.crc32(data[at : at + 4]) and state < 3:
            found.append((number, state))
    number, state = max(found)
    return (number - 1) % 2, state == VALID


def is_there(house, image, slot):
    return flash(house)[PARTITIONS[1 + slot] :].startswith(image)


def test_app_and_firmware_are_fetched_tried_and_confirmed_together(tmp_path):
    async def test(house):
        assert runs(house) == (0, True)
        assert (await house.push(bundled(image=NEW, base=part(KETTLE)))).code == aiocoap.CHANGED
        await house.confirmed(1)
        assert is_there(house, NEW, 1)
        assert runs(house) == (1, True)
        await house.device.kill()
        await house.device.restarted()
        assert (await house.status())[6] == "b" and runs(house) == (1, True)
        # Another version of the app alone stays on this firmware, and the next one goes back to the first slot.
        await house.push(bundled(KETTLE, 2, base=part(FIXED)))
        assert (await house.confirmed(2))[6] == "a" and runs(house) == (1, True)
        await house.push(bundled(sequence=3, image=OLD + bytes(100), base=part(KETTLE)))
        assert (await house.confirmed(3))[6] == "b" and runs(house) == (0, True)

    lived(tmp_path, test, **CHIP)


def test_firmware_that_does_not_start_takes_its_app_back_with_it(tmp_path):
    async def test(house):
        await house.push(bundled(image=NEW_STUCK, base=part(KETTLE)))
        told = await house.until(ROLLED_BACK)
        assert told == {0: 0, 1: ROLLED_BACK, 2: 1, 3: 0, 4: 0, 5: 460, 6: "a"}
        assert runs(house) == (0, True)

    lived(tmp_path, test, **CHIP)


def test_an_app_that_crashes_takes_its_firmware_back_with_it(tmp_path):
    async def test(house):
        await house.push(bundled("1 // 0\n" + FIXED, image=NEW, base=part(KETTLE)))
        told = await house.until(ROLLED_BACK)
        assert (told[0], told[5], told[6]) == (0, 435, "a") and runs(house) == (0, True)

    lived(tmp_path, test, **CHIP)


def test_the_version_before_comes_back_with_its_firmware_when_asked_for(tmp_path):
    async def test(house):
        await house.push(bundled(image=NEW, base=part(KETTLE)))
        await house.confirmed(1)
        assert (await house.ask(aiocoap.POST, {0: "rollback"})).code == aiocoap.CHANGED
        while (told := await house.until(ROLLED_BACK))[6] != "a":
            pass
        assert (told[0], told[5]) == (0, 440) and runs(house) == (0, True)

    lived(tmp_path, test, **CHIP)


def test_what_is_no_image_is_not_started(tmp_path):
    async def test(house):
        await house.push(bundled(image=NEW[:-1] + bytes((NEW[-1] ^ 1,)), base=part(KETTLE)))
        told = await house.until(ROLLED_BACK)
        assert (told[0], told[5], told[6]) == (0, 461, "a") and runs(house) == (0, True)

    lived(tmp_path, test, **CHIP)


def test_a_chip_without_a_second_slot_refuses_firmware_and_nothing_is_touched(tmp_path):
    async def test(house):
        before = await house.device.control("flash")
        answer = await house.push(bundled(image=NEW))
        assert not answer.code.is_successful() and answer.payload.decode().split()[0] == "429"
        assert (await house.status())[1] == IDLE
        after = await house.device.control("flash")
        assert (after["programs"], after["erases"]) == (before["programs"], before["erases"])

    lived(tmp_path, test)


def test_firmware_that_is_larger_than_its_slot_is_refused(tmp_path):
    async def test(house):
        answer = await house.push(bundled(image=bytes(PARTITIONS[3] + 1)))
        assert answer.payload.decode().split() == ["427", str(PARTITIONS[3] // 4096 + 1)]

    lived(tmp_path, test, **CHIP)


def test_after_a_power_cut_firmware_goes_on_where_it_stopped(tmp_path):
    """In the table of hashes, in the image, and again; of each, at most a block of 4096 comes again."""
    made = bundled(image=chipware.image("esp32", 120000))
    app = (len(made.message()) + len(made.parts[0].data)) // 1024

    async def test(house):
        await house.push(made)
        for n in (app + 1, app + 40, app + 80):
            while house.body.asked < n:
                assert (await house.status())[1] == DOWNLOADING
            await house.device.kill()
            house.body.lives.append([])
            await house.device.restarted()
        await house.until(TRIAL, CONFIRMED)
        blocks = -(-len(made.dumps()) // 1024)
        assert house.body.wanted <= blocks + 3 * (4 + 4) + 3 + 2 * 8  # at the end of a part, what was asked for besides

    lived(tmp_path, test, firmware=OLD)


class Swapped(Body):
    """One byte of the image is another one, as somebody on the way could have it."""

    at = 0

    async def render_get(self, request):
        answer = await super().render_get(request)
        begins = request.opt.block2.block_number * 1024
        if begins <= self.at < begins + len(answer.payload):
            payload = bytearray(answer.payload)
            payload[self.at - begins] ^= 1
            answer.payload = bytes(payload)
        return answer


def test_an_image_or_a_table_that_is_not_what_was_signed_is_given_up(tmp_path):
    made = bundled(image=NEW, base=part(KETTLE))
    end = len(made.dumps())
    body = Swapped(b"")

    async def test(house):
        for body.at in (end - len(NEW) - 1, end - len(NEW) + 5000):
            assert (await house.push(made)).code == aiocoap.CHANGED
            told = await house.until(FAILED)
            assert (told[0], told[5], told[6]) == (0, 393, "a") and runs(house) == (0, True)

    lived(tmp_path, test, body=body, **CHIP)
