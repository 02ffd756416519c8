"""Mistakes that somebody could make in provisioning, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

DEVICE = "device/test_provision.py::"
IMPROV = "test_improv.py::"
NET = "firmware/tos/net.py"
MACHINE = "firmware/tos/provision.py"
CONSOLE = "firmware/tos/console.py"
ASKED = "host/test_improv.py::test_a_client_that_asks_before_main_py_has_the_board_does_not_stop_it"

MUTANTS = [
    Mutant(
        "credentials are kept before they have worked", MACHINE,
        DEVICE + "test_credentials_are_kept_when_they_have_worked_and_not_before",
        "verdict = await self.net.attempt(", "verdict = self._keep(ssid, password) or await self.net.attempt(",
    ),
    Mutant(
        "credentials are kept whatever came of them", MACHINE,
        DEVICE + "test_a_refusal_names_its_reason_and_keeps_nothing",
        "            if verdict == JOIN_OK:\n                verdict = self._keep",
        "            if verdict >= 0:\n                self._keep",
    ),
    Mutant(
        "n tells passwords", MACHINE, DEVICE + "test_n_shows_no_password_and_takes_only_what_is_right",
        "1: [row[0] for row in self.networks()]", "1: self.networks()",
    ),
    Mutant(
        "a paired device is open", MACHINE,
        DEVICE + "test_an_owned_device_takes_nothing_from_the_air_until_its_button_is_pressed",
        "return not self.is_paired() or", "return True or",
    ),
    Mutant(
        "a press opens for good", MACHINE,
        DEVICE + "test_an_owned_device_takes_nothing_from_the_air_until_its_button_is_pressed",
        "self._app.clock.ms() < self._open_until_ms", "self._open_until_ms > 0",
    ),
    Mutant(
        "pauses do not grow", NET, DEVICE + "test_pauses_grow_and_are_drawn",
        "pause_ms = min(2 * pause_ms, longest_ms)", "pause_ms = min(pause_ms, longest_ms)",
    ),
    Mutant(
        "pauses are not drawn", NET, DEVICE + "test_pauses_grow_and_are_drawn",
        "pause_ms // 2 + pause_ms * drawn // 131072", "pause_ms",
    ),
    Mutant(
        "the weakest is tried first", NET, DEVICE + "test_the_strongest_of_the_known_networks_is_tried_first",
        "key=lambda row: -row[1]", "key=lambda row: row[1]",
    ),
    Mutant(
        "what is not heard is not tried", NET, DEVICE + "test_a_hidden_network_is_found_among_others_that_are_away",
        "        if silent:\n", "        if False:\n",
    ),
    Mutant(
        "it roams for a little", NET, DEVICE + "test_it_roams_when_weak_to_what_is_much_better_only",
        ">= rssi_dbm + _BETTER_DB", "> rssi_dbm",
    ),
    Mutant(
        "the checksum of a packet is not checked", "improv.py", IMPROV + "test_every_flipped_bit_is_noticed",
        "if sum(memoryview(got)[:-1]) & 255 != got[-1]:", "if False:",
    ),
    Mutant(
        "a packet that was cut never ends", "improv.py",
        IMPROV + "test_every_truncation_is_no_command_and_ends_after_a_pause",
        "if now_ms - self._at_ms > _GAP_MS:", "if False:",
    ),
    Mutant(
        "a password may be of any length", "improv.py", IMPROV + "test_settings_that_are_cut_or_too_long",
        "data[at] > most_b or ", "",
    ),
    Mutant(
        "an answer begins in the middle of a line", "improv.py", IMPROV + "test_answers_of_the_standard",
        'return b"\\n" + packet', "return packet",
    ),
    Mutant(
        "Ctrl-C in a packet stops the app", CONSOLE,
        "host/test_improv.py::test_ctrl_c_is_data_in_a_packet_and_stops_the_app_outside",
        "                if inside:\n", "                if inside and byte != _CTRL_C:\n", waits=True,
    ),
    Mutant(
        "Ctrl-C stops boot.py", "firmware/boot.py", ASKED,
        "    micropython.kbd_intr(-1)", "    pass",
    ),
    Mutant(
        "Ctrl-C stops main.py before it has the board", "firmware/main.py", ASKED,
        "        micropython.kbd_intr(-1)", "        pass",
    ),
    Mutant(
        "Ctrl-C is swallowed", CONSOLE,
        "host/test_improv.py::test_ctrl_c_is_data_in_a_packet_and_stops_the_app_outside",
        "if byte == _CTRL_C:", "if False:",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_in_provisioning_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
