"""Mistakes that somebody could make in OSCORE, and the unit test that catches each. MicroPython, on a copy of lib/."""

import pytest
from mutate import Mutant, some, survives

MUTANTS = [
    Mutant(
        "the window is one too long", "sequence.py", "test_sequence.py::test_the_edges_of_the_window",
        "behind < _WINDOW and", "behind <= _WINDOW and",
    ),
    Mutant(
        "the window forgets what it shifts", "sequence.py", "test_sequence.py::test_the_window_beside_a_set",
        "else _WINDOW) | 1)", "else _WINDOW + 1) * 0 | 1)",
    ),
    Mutant(
        "the window is empty and not unknown after a cold boot", "sequence.py",
        "test_oscore.py::test_a_context_is_as_after_a_cold_boot_until_it_is_said_to_be_new",
        "self.known = False", "self.known = True",
    ),
    Mutant(
        "the window begins below what was shown", "sequence.py",
        "test_sequence.py::test_after_a_cold_boot_the_window_is_not_known_and_begins_where_it_is_shown",
        "        self.seen = (1 << _WINDOW) - 1\n", "        self.seen = 1\n",
    ),
    Mutant(
        "a number is given before it is kept", "sequence.py",
        "test_sequence.py::test_no_number_is_used_before_it_is_kept_and_none_twice_over_restarts",
        "n == self.end:", "n == self.end + 1:",
    ),
    Mutant(
        "a failed write is forgotten", "sequence.py",
        "test_sequence.py::test_after_a_failed_write_nothing_is_given_until_one_succeeds",
        "            self._persist(end)\n            self.end = end\n",
        "            self.end = end\n            self._persist(end)\n",
    ),
    Mutant(
        "numbers go on behind the last", "sequence.py",
        "test_sequence.py::test_rfc8613_section_7_2_1_the_last_number_is_the_last", "n > LAST:", "n > LAST + 128:",
    ),
    Mutant(
        "seven bytes of the tag are compared", "oscore_kernel_viper.py",
        "test_ccm.py::test_one_bit_anywhere_is_noticed", "found |= b ^ sealed[size + i]",
        "found |= (b ^ sealed[size + i]) * (7 - i)",
    ),
    Mutant(
        "the tag is not compared", "ccm.py",
        "test_oscore.py::test_every_truncation_and_flipped_bit_is_refused_and_changes_nothing",
        "            return None\n", "            pass\n",
    ),
    Mutant(
        "Echo is not asked for", "oscore_server.py",
        "test_oscore.py::test_rfc8613_b_1_2_after_a_cold_boot_only_what_is_shown_to_be_fresh_is_taken",
        "return request if request[4].window.known else self._prove(request)", "return request",
    ),
    Mutant(
        "any Echo will do", "oscore_server.py",
        "test_oscore.py::test_rfc8613_b_1_2_after_a_cold_boot_only_what_is_shown_to_be_fresh_is_taken",
        "coap.option(options, coap.ECHO) == window.echo", "coap.option(options, coap.ECHO)",
    ),
    Mutant(
        "a recording gets an Echo each time", "oscore_server.py",
        "test_oscore.py::test_rfc8613_b_1_2_after_a_cold_boot_only_what_is_shown_to_be_fresh_is_taken",
        "n <= window.challenged", "n < 0",
    ),
    Mutant(
        "a second answer has the nonce of the first", "oscore.py",
        "test_oscore.py::test_no_nonce_is_used_twice_whatever_is_answered_and_in_which_order",
        "        if first:\n            self._unanswered = None\n", "",
    ),
    Mutant(
        "a notification has the nonce of its registration", "oscore.py",
        "test_oscore.py::test_an_observation_from_registration_to_cancellation",
        "if first and not observes:", "if first:",
    ),
    Mutant(
        "an answer to a recording has its nonce", "oscore.py",
        "test_oscore.py::test_rfc8613_b_1_2_after_a_cold_boot_only_what_is_shown_to_be_fresh_is_taken",
        "            window.add(n)\n            self._unanswered = request\n",
        "            window.add(n)\n        self._unanswered = request\n",
    ),
    Mutant(
        "the window moves before the seal is checked", "oscore.py",
        "test_oscore.py::test_every_truncation_and_flipped_bit_is_refused_and_changes_nothing",
        "        recipient = self._recipient\n        inner = self._crypt(recipient, request",
        "        recipient = self._recipient\n        window.add(n)\n        inner = self._crypt(recipient, request",
    ),
    Mutant(
        "a replay is taken", "oscore.py", "test_oscore.py::test_partial_ivs_of_every_length",
        "if not window.allows(n):", "if False:",
    ),
    Mutant(
        "an old notification is taken", "sequence.py",
        "test_sequence.py::test_rfc8613_section_7_4_1_only_newer_notifications",
        "n <= self._number", "n == self._number",
    ),
    Mutant(
        "outer options are passed on", "oscore_wire.py",
        "test_oscore.py::test_rfc8613_section_8_2_what_should_be_inside_is_discarded_outside",
        "if number in _OUTER and number != OPTION:", "if number != OPTION:",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_in_oscore_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
