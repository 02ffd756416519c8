"""Mistakes that somebody could make in Improv over BLE, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

DEVICE = "device/test_ble.py::"
CORE = "test_improv_ble.py::"
FRONT = "firmware/tos/improv_ble.py"
SERVICE = "firmware/tos/ble.py"

MUTANTS = [
    Mutant(
        "nobody is asked to press the button", FRONT,
        DEVICE + "test_one_with_an_owner_takes_nothing_before_its_button_is_pressed",
        "elif not self._machine.is_open():", "elif False:",
    ),
    Mutant(
        "the checksum is not checked", "improv_ble.py", CORE + "test_every_flipped_bit_is_noticed",
        "if sum(got[:end]) & 255 != got[end]:", "if False:",
    ),
    Mutant(
        "what was cut never ends", "improv_ble.py",
        CORE + "test_every_truncation_is_no_command_and_is_forgotten_after_a_pause_or_by_a_disconnection",
        "if now_ms - self._at_ms > _GAP_MS:", "if False:",
    ),
    Mutant(
        "a result longer than a packet is sent in pieces", FRONT,
        DEVICE + "test_an_answer_is_one_notification_or_none",
        "        if len(data) <= self._mtu - 3:\n            self._put(_RESULT, data)\n",
        "        if True:\n            for n in range(0, len(data), self._mtu - 3):\n"
        "                self._put(_RESULT, data[n : n + self._mtu - 3])\n",
    ),
    Mutant(
        "as many networks as there are", FRONT, DEVICE + "test_an_answer_is_one_notification_or_none",
        "            if row_b <= left_b:\n", "            if True:\n",
    ),
    Mutant(
        "a password is printed", FRONT,
        "host/test_improv_ble.py::test_a_network_that_works_is_kept_and_the_radio_goes_off[517-home]",
        "            ssid, password = improv.settings(data)\n",
        "            ssid, password = improv.settings(data)\n            print(password)\n",
    ),
    Mutant(
        "it advertises on a network", FRONT,
        DEVICE + "test_a_new_device_is_to_be_found_and_forgets_all_of_it_when_it_is_on_a_network",
        "        if self._told == improv.PROVISIONED:\n            self._ble",
        "        if False:\n            self._ble",
    ),
    Mutant(
        "the radio stays on", FRONT,
        DEVICE + "test_a_new_device_is_to_be_found_and_forgets_all_of_it_when_it_is_on_a_network",
        "self._ble.active(False)", "pass",
    ),
    Mutant(
        "the code stays loaded", SERVICE,
        DEVICE + "test_a_new_device_is_to_be_found_and_forgets_all_of_it_when_it_is_on_a_network",
        "            _drop()\n", "            pass\n",
    ),
    Mutant(
        "one press opens again and again", SERVICE,
        DEVICE + "test_on_a_network_only_the_button_switches_the_radio_on_and_once",
        "and machine.presses != self._presses", "",
    ),
    Mutant(
        "on a network the radio is on without a press", SERVICE,
        DEVICE + "test_on_a_network_only_the_button_switches_the_radio_on_and_once",
        "return machine.is_paired() and machine.is_open() and", "return machine.is_paired() or",
    ),
    Mutant(
        "the next client goes on with a command that is half read", FRONT,
        DEVICE + "test_half_a_command_ends_with_its_client",
        "            self._written.clear()\n", "",
    ),
    Mutant(
        "the next client goes on with a command that is half written", FRONT,
        DEVICE + "test_half_a_command_ends_with_its_client",
        '            self._ble.gatts_write(self._handles[_RPC], b"")', "            pass",
    ),
    Mutant(
        "a full radio loses a notification", FRONT,
        DEVICE + "test_notifications_wait_while_the_radio_is_full_and_are_not_more_than_eight",
        "later\n                return\n", "later\n                pass\n",
    ),
    Mutant(
        "what waits for the radio has no end", FRONT,
        DEVICE + "test_notifications_wait_while_the_radio_is_full_and_are_not_more_than_eight",
        "self._unsent[1 - _UNSENT :]", "self._unsent",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_in_improv_over_ble_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
