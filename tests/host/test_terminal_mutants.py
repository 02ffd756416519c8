"""Mistakes that somebody could make in a till, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

UNIT = "test_terminal.py::"

MUTANTS = [
    Mutant(
        "what is no cryptogram for money is sent", "terminal.py",
        UNIT + "test_what_is_no_cryptogram_for_money_is_declined", "if cid[0] != emv.ARQC:", "if False:",
    ),
    Mutant(
        "the record of another token is taken", "terminal.py", UNIT + "test_the_record_has_to_be_of_the_same_token",
        "if self._found.get(0x5A) != self.token:", "if False:",
    ),
    Mutant(
        "an expired token is taken", "terminal.py", UNIT + "test_what_the_customer_can_do_about_it_is_told_apart",
        'if self._found.get(0x5F24, "") < self._date:', "if False:",
    ),
    Mutant(
        "a lost tap is not known to be one", "terminal.py",
        UNIT + "test_a_tap_that_is_lost_is_known_to_be_reversed_once_money_may_be_under_way",
        "        self.is_asked = True\n", "",
    ),
    Mutant(
        "a card says how many records it wants", "terminal.py", UNIT + "test_records_that_would_not_end_are_refused",
        "if not 0 < first <= last or last - first >= _RECORDS - len(rows):", "if not 0 < first <= last:",
    ),
    Mutant(
        "another card's list is answered", "terminal.py", UNIT + "test_a_card_of_somebody_else_is_another_card",
        "if tlv.find(_data(answer, apdu.NOT_FOUND), 0x9F38) != emv.dol(emv.FIELDS):",
        "if not tlv.find(_data(answer, apdu.NOT_FOUND), 0x9F38):",
    ),
    Mutant(
        "not now is malformed", "terminal.py", UNIT + "test_what_the_customer_can_do_about_it_is_told_apart",
        "    if status == apdu.NOT_NOW:\n", "    if False:\n",
    ),
    Mutant(
        "the amount is in another field", "terminal.py",
        UNIT + "test_a_sale_reads_a_card_and_asks_for_all_that_its_cryptogram_binds",
        '_TTQ + "%012d" % amount + "0" * 12 +', '_TTQ + "0" * 12 + "%012d" % amount +',
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
