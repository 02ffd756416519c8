"""Mistakes that somebody could make in the card, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

BOUND = "host/test_card.py::test_what_the_terminal_said_is_bound"
WHOLE = "bound[:PDOL_B] = pdol"
MUTANTS = [
    Mutant(
        "the subkey is not reduced", "cmac.py", "test_card.py::test_rfc4493_section_4",
        "_MASK ^ over * 0x87 if over < 3", "_MASK if over < 3",
    ),
    Mutant(
        "the third subkey is that of two", "cmac.py", "host/test_card.py::test_each_cryptogram_of_a_card_verifies",
        "0x189", "0x10E",
    ),
    Mutant(
        "the cipher's chain is not taken off", "cmac.py", "test_card.py::test_rfc4493_section_4", ' ^ whole\n', "\n",
    ),
    Mutant(
        "a session key has one byte of the counter", "emv.py",
        "host/test_card.py::test_at_the_ends_of_the_counter", "block[0] = atc >> 8", "block[0] = 0",
    ),
    Mutant("the terminal's number is not bound", "emv.py", BOUND, WHOLE, "bound[:48] = pdol[:48]"),
    Mutant("the terminal's qualifiers are not bound", "emv.py", BOUND, WHOLE, "bound[4:56] = pdol[4:]"),
    Mutant(
        "the issuer's data are not bound", "emv.py", "host/test_card.py::test_what_the_card_said_is_bound",
        "bound, _BOUND_B)[:8]", "bound[:64], 62)[:8]",
    ),
    Mutant(
        "a check lasts into the next tap", "emv.py",
        "test_card.py::test_what_was_said_of_the_cardholder_in_one_tap_is_not_in_the_next",
        "tail[_TAIL_CTQ + 1] = 0x80 if checked else 0", "tail[_TAIL_CTQ + 1] |= 0x80 if checked else 0",
    ),
    Mutant(
        "four bytes of a result's MAC are enough", "emv.py",
        "host/test_card.py::test_the_answer_of_the_issuer_is_believed", "range(min(8, len(mac)))", "range(4)",
    ),
    Mutant(
        "the limit is one too high", "card.py",
        "test_card.py::test_above_the_limit_it_wants_the_cardholder_whatever_the_terminal_asks",
        "amount > purse.limit", "amount > purse.limit + 1",
    ),
    Mutant(
        "another currency is taken for its own", "card.py",
        "test_card.py::test_the_terminal_may_want_the_cardholder_too_and_another_currency_always_does",
        "or not own or", "or",
    ),
    Mutant(
        "a terminal cannot ask for the cardholder", "card.py",
        "test_card.py::test_the_terminal_may_want_the_cardholder_too_and_another_currency_always_does",
        " or pdol[1] & _CVM_REQUIRED", "",
    ),
    Mutant(
        "a card that is not armed can be selected", "card.py",
        "test_card.py::test_while_it_is_not_armed_it_answers_nothing_but_that",
        "        if not self._ready():\n            return apdu.NOT_NOW\n        name", "        name",
    ),
    Mutant(
        "a tap has two cryptograms", "card.py", "test_card.py::test_one_arming_is_good_for_one_cryptogram",
        "        self._state = _PAID\n        answer", "        answer",
    ),
    Mutant(
        "a record is read before it is paid", "card.py",
        "test_card.py::test_a_record_is_read_only_behind_a_cryptogram_and_not_after_the_field",
        "        elif state == _PAID:\n            record = self._token.record\n",
        "        elif state in (_TAP, _PAID):\n            record = self._purse.token.record\n",
    ),
    Mutant(
        "a cryptogram without a counter", "card.py", "test_card.py::test_no_counter_no_cryptogram",
        "        if not atc:\n            return apdu.NOT_NOW\n", "",
    ),
    Mutant(
        "who asks for an AAC gets an ARQC", "card.py",
        "test_card.py::test_generate_ac_takes_one_counter_and_what_is_asked",
        "if kind else (emv.AAC, emv.CVR_AAC)", "if True else (emv.AAC, emv.CVR_AAC)",
    ),
    Mutant(
        "a length is not looked at", "apdu.py", "test_tlv.py::test_what_is_no_command_is_refused",
        "if n == 6 + size:", "if n >= 6 + size:",
    ),
    Mutant(
        "an object may end behind the end", "tlv.py", "test_tlv.py::test_each_truncation_is_refused",
        "    if at + size > end:\n        raise WireError(_CARD_MALFORMED, offset)\n", "",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
