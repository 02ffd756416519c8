"""Mistakes that somebody could make with a PN532, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

DRIVER = "firmware/tos/drivers/pn532.py"
BUS = "firmware/tos/drivers/pn532_bus.py"
WIRE = "host/test_pn532.py::"
FRAMES = "test_pn532.py::"
BUSES = "device/test_pn532_bus.py::"
SILENT = WIRE + "test_the_radio_is_silent_until_it_is_armed_and_from_then_on"

MUTANTS = [
    Mutant(
        "what was ended goes on being a card", DRIVER, SILENT,
        "        await self._ask(_RELEASE, b\"\\x00\", _SOON_MS)  # else it goes on answering readers\n"
        "        await self._ask(_CONFIGURE, _FIELD_OFF, _SOON_MS)\n"
        "        await self._ask(_POWER_DOWN, _WAKE_BY_HOST, _SOON_MS)\n", "",
    ),
    Mutant(
        "who is cancelled leaves a card", DRIVER, SILENT,
        "            await self.silence()\n            raise\n\n    async def receive",
        "            raise\n\n    async def receive",
    ),
    Mutant(
        "a reader that finds nobody leaves its field on", DRIVER, SILENT,
        "            if not uid:\n                await self.silence()",
        "            if not uid:\n                pass",
    ),
    Mutant(
        "a chip that its host forgot is not switched off", DRIVER,
        WIRE + "test_a_card_that_was_left_on_by_a_reset_is_switched_off",
        "self._is_silent = False  # who knows what it did before we were reset", "self._is_silent = True",
    ),
    Mutant(
        "a watch has one number for ever", DRIVER, WIRE + "test_it_is_found_under_another_number_each_time_it_is_armed",
        "self._number = self._rng(3)", "self._number = b\"\\x01\\x02\\x03\"",
    ),
    Mutant(
        "each tap is of another card", DRIVER, WIRE + "test_it_is_armed_again_after_each_tap_under_the_same_number",
        "_AS_TARGET + self._number +", "_AS_TARGET + self._rng(3) +",
    ),
    Mutant(
        "a command is said again to a card", DRIVER, WIRE + "test_a_command_is_never_said_twice_to_a_card",
        "await self._ask(code, data, timeout_ms, 1, more)", "await self._ask(code, data, timeout_ms, 3, more)",
    ),
    Mutant(
        "a status is data", DRIVER, WIRE + "test_a_tap_crosses_three_processes",
        "if begin == end or self._rx[begin] & _STATUS:", "if begin == end:",
    ),
    Mutant(
        "a sleeping chip is not woken", BUS, WIRE + "test_a_tap_crosses_three_processes",
        '_AWAKE = b"\\x55\\x55" + bytes(14)', '_AWAKE = b""',
    ),
    Mutant(
        "the other speed is never tried", DRIVER, WIRE + "test_a_chip_at_the_other_speed_is_found",
        "            self._speed(not self._is_fast)  # one of us was reset since they agreed on one\n", "",
    ),
    Mutant(
        "it stays slow", DRIVER, WIRE + "test_a_tap_crosses_three_processes",
        "if self._bus.fast and not self._is_fast:", "if False:",
    ),
    Mutant(
        "no acknowledge, no error", DRIVER,
        WIRE + "test_a_fault_that_costs_the_tap_and_not_the_next_one[no acknowledge]",
        "        self._until = self._ticks + 1 + _SOON_MS // _TICK_MS\n", "        self._until = 0\n",
    ),
    Mutant(
        "a damaged answer is lost", DRIVER,
        WIRE + "test_a_fault_of_the_line_that_nobody_notices[three damaged answers]",
        "                self._bus.write(pn532.NACK)\n", "                pass\n",
    ),
    Mutant(
        "what arrives in pieces is lost", DRIVER, WIRE + "test_a_fault_of_the_line_that_nobody_notices[split bytes]",
        "            self._rx_view[:n] = self._rx[first : first + n]\n        self._n = n",
        "            self._rx_view[:n] = self._rx[first : first + n]\n        self._n = 0",
    ),
    Mutant(
        "a wait never ends", DRIVER, WIRE + "test_no_chip_there_is_an_error_and_a_chip_that_comes_later_is_none",
        "                task.cancel()\n", "                pass\n",
    ),
    Mutant(
        "the sum of the data is not looked at", "pn532.py",
        FRAMES + "test_each_damaged_bit_is_seen_and_what_follows_is_heard",
        "if sum(memoryview(buffer)[begin : end + 1]) & 255:", "if False:",
    ),
    Mutant(
        "a length is believed", "pn532.py", FRAMES + "test_a_length_that_no_chip_has_is_damage",
        "if not 0 < size <= MOST_B or (size + check) & 255:", "if (size + check) & 255:",
    ),
    Mutant(
        "long frames are short ones", "pn532.py", FRAMES + "test_a_frame_of_more_than_255_bytes_is_an_extended_one",
        "    if size < 256:\n", "    if size < 257:\n",
    ),
    Mutant(
        "a long frame is read in one piece", BUS, BUSES + "test_a_card_is_found_and_asked_by_i2c_and_by_spi",
        "            self.write(NACK)\n", "",
    ),
    Mutant(
        "a chip that is not ready is read", BUS, BUSES + "test_a_card_is_found_and_asked_by_i2c_and_by_spi",
        "        while not self._status() & _READY:\n            await asyncio.sleep_ms(1)\n", "",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
