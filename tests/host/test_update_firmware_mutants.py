"""Mistakes with firmware, keys and the floor of an update, each found by a test over the wire."""

import pytest
from mutate import Mutant, some, survives

SLOTS = "firmware/tos/slots.py"
FIRMWARE = "firmware/tos/firmware.py"
TRIAL = "firmware/tos/trial.py"
FIRM = "host/test_update_firmware.py::"
RULES = "host/test_update_rules.py::"
ROMFS = "host/test_update_romfs.py::"
IT_GOES = "test_it_goes_into_one_half_and_after_a_power_cut_goes_on_and_a_delta_into_the_other"

MUTANTS = [
    Mutant(
        "firmware is not confirmed", TRIAL,
        FIRM + "test_app_and_firmware_are_fetched_tried_and_confirmed_together",
        "            app.board.Partition.mark_app_valid_cancel_rollback()\n", "            pass\n",
    ),
    Mutant(
        "a trial runs on whatever firmware runs", SLOTS,
        FIRM + "test_firmware_that_does_not_start_takes_its_app_back_with_it",
        "    return len(slot) < 3 or slot[2] == running\n", "    return True\n",
    ),
    Mutant(
        "what ran before is not kept with its firmware", FIRMWARE,
        FIRM + "test_the_version_before_comes_back_with_its_firmware_when_asked_for",
        "            record[name].append(running.info()[_LABEL])\n", "            record[name].append(label)\n",
    ),
    Mutant(
        "a start whose firmware does not come up is not counted", SLOTS,
        FIRM + "test_firmware_that_does_not_start_takes_its_app_back_with_it",
        '            record["boots"] += 1\n            if not fits:\n',
        '            record["boots"] += fits\n            if not fits:\n',
    ),
    Mutant(
        "an image that the chip refuses is tried for ever", SLOTS, FIRM + "test_what_is_no_image_is_not_started",
        "            code = _OTA_IMAGE\n", "            return None\n",
    ),
    Mutant(
        "a block of firmware is written over what is there", "firmware/tos/flash.py",
        FIRM + "test_app_and_firmware_are_fetched_tried_and_confirmed_together",
        "                self._partition.ioctl(_ERASE, at // BLOCK_B)\n", "                pass\n",
    ),
    Mutant(
        "firmware is fetched from its beginning after a cut", "firmware/tos/download.py",
        FIRM + "test_after_a_power_cut_firmware_goes_on_where_it_stopped",
        "            for _ in writer.find():", "            for _ in ():",
    ),
    Mutant(
        "firmware may be of any size", FIRMWARE, FIRM + "test_firmware_that_is_larger_than_its_slot_is_refused",
        "    if image_b > spare.info()[_SIZE]:\n", "    if False:\n",
    ),
    Mutant(
        "a romfs may be of any size", "firmware/tos/room.py", ROMFS + "test_one_that_is_larger_than_a_half_is_refused",
        "    if length > have:\n", "    if False:\n",
    ),
    Mutant(
        "a romfs is taken where there is no place for it", "firmware/tos/room.py",
        ROMFS + "test_firmware_without_romfs_refuses_it_and_nothing_is_touched",
        "        raise StoreError(_OTA_PART)\n", "        have = length\n",
    ),
    Mutant(
        "what is in front of a slot's half is forgotten", "firmware/tos/flash.py", ROMFS + IT_GOES,
        "        self._at = self._begin + offset\n", "        self._at = offset\n",
    ),
    Mutant(
        "a romfs is not mounted", "firmware/main.py", ROMFS + IT_GOES,
        "        if rom:", "        if None:",
    ),
    Mutant(
        "a key is revoked when the update is taken", "firmware/tos/finish.py",
        RULES + "test_a_key_is_revoked_by_an_update_that_is_confirmed_and_by_no_other",
        '    record["next"] = [manifest.floor, keys]\n',
        '    record["next"] = [manifest.floor, keys]\n    if keys:\n        record["keys"] = keys\n',
    ),
    Mutant(
        "a revoked key is the one that was flashed again", "firmware/tos/update.py",
        RULES + "test_a_key_is_revoked_by_an_update_that_is_confirmed_and_by_no_other",
        "        if key is None:\n", "        if not key:\n",
    ),
    Mutant(
        "the floor is forgotten", TRIAL,
        RULES + "test_the_floor_rises_with_the_confirmation_to_what_is_fallen_back_to",
        '    record["floor"] = risen(', '    _ = risen(',
    ),
    Mutant(
        "the floor rises above the fallback", "ota.py",
        RULES + "test_the_floor_rises_neither_above_the_fallback_nor_by_what_comes_to_nothing",
        "min(wanted, fallback)", "wanted",
    ),
    Mutant(
        "the floor rises before the trial", "firmware/tos/finish.py",
        RULES + "test_the_floor_rises_neither_above_the_fallback_nor_by_what_comes_to_nothing",
        '    record["boots"] = 0\n', '    record["boots"] = 0\n    record["floor"] = manifest.floor\n',
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS, 1), ids=str)
def test_a_mistake_is_found(mutant, tmp_path):
    assert survives(mutant, tmp_path) == ""
