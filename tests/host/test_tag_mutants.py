"""Mistakes that somebody could make with a device's tag, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

TAG = "firmware/tos/tag.py"
POLICY = "device/test_tag.py::"
UNIT = "test_type4.py::"

MUTANTS = [
    Mutant(
        "an owned device takes Wi-Fi", TAG, POLICY + "test_wifi_is_taken_while_new_and_after_the_button_and_never_else",
        'not (app.link.is_owned() or app.config.get("networks"))', 'not app.config.get("networks")',
    ),
    Mutant(
        "a device on a network takes another", TAG,
        POLICY + "test_wifi_is_taken_while_new_and_after_the_button_and_never_else",
        'not (app.link.is_owned() or app.config.get("networks"))', "not app.link.is_owned()",
    ),
    Mutant(
        "a new device shows its code to who brushes past", TAG, POLICY + "test_the_code_shows_after_the_button_only",
        "        if not self._is_opened():\n            return b\"\"\n",
        "        if not self.takes():\n            return b\"\"\n",
    ),
    Mutant(
        "the radio listens for ever", TAG,
        POLICY + "test_the_radio_is_silent_while_nothing_may_be_done_and_between_two_turns",
        "            if not self.takes():\n", "            if False:\n",
    ),
    Mutant(
        "a turn ends with a card", TAG,
        POLICY + "test_the_radio_is_silent_while_nothing_may_be_done_and_between_two_turns",
        "                    await nfc.silence()\n", "                    pass\n",
    ),
    Mutant(
        "nobody else has a turn", TAG,
        POLICY + "test_the_radio_is_silent_while_nothing_may_be_done_and_between_two_turns",
        "            async with nfc.lock:\n", "            if True:\n",
    ),
    Mutant(
        "a torn write is one", "type4.py", UNIT + "test_a_write_that_is_torn_at_any_command_is_none",
        "        is_whole = 2 + size <= max(self._until, end)\n", "        is_whole = True\n",
    ),
    Mutant(
        "what was written stays", "type4.py", UNIT + "test_it_is_written_length_last_and_never_reads_back",
        "        self._forget()\n        return _OK if is_whole", "        return _OK if is_whole",
    ),
    Mutant(
        "who closed in the middle takes the rest", "type4.py", UNIT + "test_who_closes_in_the_middle_takes_nothing",
        "            self._forget()\n            return _NOT_ALLOWED", "            return _NOT_ALLOWED",
    ),
    Mutant(
        "a gap is filled with what was there", "type4.py",
        UNIT + "test_a_length_without_its_bytes_a_gap_and_half_a_length_are_refused",
        "if offset > self._until or", "if",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
