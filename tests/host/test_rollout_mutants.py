"""Mistakes that somebody could make where a hub rolls updates out, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

HUB, OTA = "tools/tosplus/hub/", "tools/tosplus/ota/"
ROLLOUT, BUNDLES = "host/hub/test_rollout.py::", "host/hub/test_bundles.py::"

MUTANTS = [
    Mutant(
        "any key will do", HUB + "bundles.py",
        BUNDLES + "test_only_what_is_whole_and_signed_with_a_known_key_is_taken",
        """        bundles.verify(bundle, public or b"")\n""", "",
    ),
    Mutant(
        "a wave begins while the one before is under way", HUB + "rollout.py",
        ROLLOUT + "test_a_wave_begins_when_the_one_before_has_shown_that_it_works",
        "if any(row.state in UNDER_WAY or (row.state", "if any((row.state",
    ),
    Mutant(
        "a wave of which nobody has confirmed it counts", HUB + "rollout.py",
        ROLLOUT + "test_a_wave_of_which_nobody_answers_shows_nothing",
        "        return all(row.state in SETTLED for row in rows) or any(row.state == CONFIRMED for row in rows)",
        "        return True",
    ),
    Mutant(
        "who is away is waited for", HUB + "rollout.py",
        ROLLOUT + "test_who_is_away_holds_nobody_up_and_gets_it_when_he_is_back",
        "(row.state == WAITING and not away(row.device)) for row in rows", "row.state == WAITING for row in rows",
        waits=True,
    ),
    Mutant(
        "the share is of all devices, also of those that have not begun", HUB + "rollout.py",
        ROLLOUT + "test_too_many_failures_halt_it_and_the_others_keep_what_they_have",
        "tried = [row for row in self._begun() if", "tried = [row for row in self.rows.values() if True or",
    ),
    Mutant(
        "so many are not too many yet", HUB + "rollout.py",
        ROLLOUT + "test_too_many_failures_halt_it_and_the_others_keep_what_they_have",
        "if failed >= self.halt_at", "if failed > self.halt_at",
    ),
    Mutant(
        "what is halted is downloaded on", HUB + "rollouts.py",
        ROLLOUT + "test_a_halt_ends_downloads_and_leaves_trials_alone",
        "elif rollout.state == HALTED and row.state == DOWNLOADING:", "elif False:", waits=True,
    ),
    Mutant(
        "a rollout ends with its hub", HUB + "rollouts.py",
        ROLLOUT + "test_kill_9_of_the_hub_in_the_middle_and_it_goes_on",
        "        await self._store.keep(made, *made.rows.values())\n", "",
    ),
    Mutant(
        "who has it already is told to take it", OTA + "progress.py",
        ROLLOUT + "test_who_has_it_already_is_asked_nothing",
        "if told.sequence >= sequence:", "if told.sequence == sequence + 1:",
    ),
    Mutant(
        "a block is where the largest one would be", OTA + "serve.py",
        BUNDLES + "test_coap_serves_any_block_of_it",
        "at = number * size_b", "at = number * 1024",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS, 3), ids=str)
def test_a_mistake_is_found(mutant, tmp_path):
    assert survives(mutant, tmp_path) == ""
