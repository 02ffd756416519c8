"""Mistakes that somebody could make in paying, and the test that catches each. crash/ has what only power cuts show."""

import pytest
from mutate import Mutant, some, survives

PAY, LINK, WALLET = "firmware/tos/pay.py", "firmware/tos/pay_link.py", "firmware/tos/wallet.py"
TEST = "device/test_pay.py::"
MUTANTS = [
    Mutant(
        "it is armed for ever", PAY, TEST + "test_it_is_armed_for_thirty_seconds_at_most",
        "_ARMED_MS = const(30000)", "_ARMED_MS = const(3000000)",
    ),
    Mutant(
        "the press that wakes it is lost", PAY, TEST + "test_the_press_that_wakes_it_arms_it_before_its_service_runs",
        "            self.begin(self._app)\n", "            raise Busy(_CANNOT_PAY)\n",
    ),
    Mutant(
        "an arming is good for many", PAY, TEST + "test_one_arming_one_cryptogram_also_over_taps",
        "        atc = self.wallet.take()\n        self._until = None\n", "        atc = self.wallet.take()\n",
    ),
    Mutant(
        "anybody on the link arms it", "firmware/tos/owned.py", TEST + "test_over_the_link_only_an_owner_arms_it",
        "peer is None or peer.role != OWNER", "peer is None",
    ),
    Mutant(
        "voice arms it", "firmware/tos/owned.py",
        TEST + "test_neither_voice_nor_pad_nor_rule_arms_it_nor_sets_its_limit",
        'origins=("link", "app")', 'origins=("link", "app", "voice")',
    ),
    Mutant(
        "a rule arms it", "firmware/tos/owned.py",
        TEST + "test_neither_voice_nor_pad_nor_rule_arms_it_nor_sets_its_limit",
        'origins=("link", "app")', 'origins=("link", "app", "rule")',
    ),
    Mutant(
        "a press confirms where there is a PIN", PAY, TEST + "test_with_a_pin_a_press_confirms_nothing",
        "            if self.pin.tries is None:\n                self._check()",
        "            if True:\n                self._check()",
    ),
    Mutant(
        "a check counts for ever", PAY, TEST + "test_a_check_counts_for_five_minutes_and_not_over_a_restart",
        "return ago_ms if ago_ms < _CHECK_MS else None", "return ago_ms",
    ),
    Mutant(
        "a try is counted when it was wrong", "firmware/tos/pin.py",
        TEST + "test_a_try_is_counted_before_it_is_looked_at",
        "        self._put(_TRIES, bytes((self.tries - 1,)))\n        self.tries -= 1\n        try:", "        try:",
    ),
    Mutant(
        "four tries", "firmware/tos/pin.py", TEST + "test_three_wrong_pins_lock_and_only_the_service_unlocks",
        "_MOST = const(3)", "_MOST = const(4)",
    ),
    Mutant(
        "any PIN is right", "firmware/tos/pin.py", TEST + "test_three_wrong_pins_lock_and_only_the_service_unlocks",
        "wrong |= a ^ b", "wrong |= 0",
    ),
    Mutant(
        "lost tries are three", "firmware/tos/pin.py", TEST + "test_a_pin_whose_tries_are_lost_is_locked",
        "if tries else 0", "if tries else 3",
    ),
    Mutant(
        "the next key needs no cardholder", WALLET,
        TEST + "test_the_next_key_comes_only_behind_a_cardholder_check_and_has_a_higher_index",
        "if known and not checked:", "if False:",
    ),
    Mutant(
        "an older key is taken again", WALLET,
        TEST + "test_the_next_key_comes_only_behind_a_cardholder_check_and_has_a_higher_index",
        "if row[_KI] <= known[_KI]:", "if row[_KI] == known[_KI]:",
    ),
    Mutant(
        "a pending key is in use", WALLET, TEST + "test_a_token_comes_in_two_phases_and_both_may_be_repeated",
        "            self._next = row\n            self._log",
        "            self._row = row\n            self._begin()\n            self._log",
    ),
    Mutant(
        "another service's token can be replaced", WALLET, TEST + "test_a_token_is_its_services_alone",
        "        self._check(row)\n        self.check_owner(by)\n", "        self._check(row)\n",
    ),
    Mutant(
        "a hub brings keys", LINK, TEST + "test_only_a_token_service_brings_a_token", '(coap.PUT, "token"): (TOKENS,)',
        '(coap.PUT, "token"): (TOKENS, HUB)',
    ),
    Mutant(
        "the first counter that is found counts", WALLET, TEST + "test_the_higher_of_both_counters_counts",
        "found[id] = max(n, found.get(id, 0))", "found[id] = n",
    ),
    Mutant(
        "a lost counter begins anew", WALLET, TEST + "test_with_both_counters_lost_nothing_is_paid",
        "self._counters.get(self._row[_ID])", "self._counters.get(self._row[_ID], _FIRST)",
    ),
    Mutant(
        "a counter is not reserved before it is armed", PAY,
        TEST + "test_the_counter_is_reserved_when_it_is_armed_and_a_tap_writes_nothing",
        "                self.wallet.reserve()\n", "                self.wallet._end = self.wallet._at + 4\n",
    ),
    Mutant(
        "a tap is written down on its way", PAY,
        "host/test_tap.py::test_a_tap_writes_nothing_and_its_result_is_shown",
        "                            self._note()\n",
        "                            self._note()\n                            self._taps.save()\n",
    ),
    Mutant(
        "a result is believed as it comes", PAY, TEST + "test_a_result_that_nobody_with_the_keys_has_sent_is_not_shown",
        "if tap is None or not self.wallet.load().confirms(atc, tap[AC], csu, data, mac):", "if tap is None:",
    ),
    Mutant(
        "the last result counts", "firmware/tos/taps.py",
        TEST + "test_a_result_that_nobody_with_the_keys_has_sent_is_not_shown",
        "if tap[OUTCOME] is None:", "if True:",
    ),
    Mutant(
        "a suspended token pays on", LINK, TEST + "test_a_token_that_is_suspended_pays_nothing_from_that_moment",
        "    pay.disarm()\n    if suspended", "    if suspended",
    ),
    Mutant(
        "a key has no end", PAY, TEST + "test_a_key_is_good_for_so_many_payments_and_so_many_days",
        "if ki is None or (wall is not None and wall >= until):", "if ki is None:",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
