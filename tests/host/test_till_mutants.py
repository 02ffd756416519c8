"""Mistakes that somebody could make in a till, and the test that catches each. crash/ has what only power cuts show."""

import pytest
from mutate import Mutant, some, survives

DESK, LINK, SALE = "firmware/tos/till_desk.py", "firmware/tos/till_link.py", "firmware/tos/till_sale.py"
SALES, TELL, ASK = "firmware/tos/till_sales.py", "firmware/tos/till_tell.py", "firmware/tos/till_ask.py"
TEST = "device/test_till.py::"
WRITTEN = (
    "test_a_sale_is_written_down_before_the_card_makes_a_cryptogram_and_its_counter_before_the_service_hears_of_it"
)
SILENT = TEST + "test_a_service_that_is_silent_declines_and_is_told_until_it_answers_over_a_restart_too"
MUTANTS = [
    Mutant(
        "a sale is written down behind its cryptogram", SALE, TEST + WRITTEN,
        "            if sale.is_asked and self._row is None:\n"
        "                self._row = self._sales.begin(self._key, self._amount)\n"
        "            note(self._till, COMMAND, command)\n            answer = await nfc.exchange(command)\n",
        "            note(self._till, COMMAND, command)\n            answer = bytes(await nfc.exchange(command))\n"
        "            if sale.is_asked and self._row is None:\n"
        "                self._row = self._sales.begin(self._key, self._amount)\n",
    ),
    Mutant(
        "nothing is written down before the cryptogram", SALES, TEST + WRITTEN,
        "        self._save(rows + [row])\n", "        self.rows = rows + [row]\n",
    ),
    Mutant(
        "a reversal has a new key each time", TELL, SILENT, "{0: bytes([b ^ 255 for b in key]), 1: token",
        "{0: app.board.rng(16), 1: token",
    ),
    Mutant(
        "a retry has a new key", SALE, TEST + "test_a_retry_has_the_same_key_and_no_second_cryptogram",
        "            note(self._till, ASKED, body)\n",
        "            note(self._till, ASKED, body)\n"
        "            body = cbor.dumps(dict(list(cbor.loads(body).items()) + [(0, app.board.rng(16))]))\n",
    ),
    Mutant(
        "a silence is not reversed", SALE, SILENT, "{till_sales.STATE: till_sales.REVERSED}",
        "{till_sales.STATE: till_sales.DECLINED}",
    ),
    Mutant(
        "a reversal is told once", TELL, SILENT,
        "    if done is None and not _refused(app, answer):\n        return False\n", "",
    ),
    Mutant(
        "any kind of cryptogram is authorised", "terminal.py",
        TEST + "test_a_cryptogram_of_another_kind_than_was_asked_for_is_never_authorised",
        "if cid[0] != emv.ARQC:", "if False:",
    ),
    Mutant(
        "a customer's number is logged", SALE,
        TEST + "test_no_number_of_a_customer_is_kept_longer_than_it_is_needed_or_logged",
        "app.log.event(_SALE_APPROVED, self._amount)", "app.log.event(_SALE_APPROVED, int(sale.token))",
    ),
    Mutant(
        "a customer's number is kept", SALES,
        TEST + "test_no_number_of_a_customer_is_kept_longer_than_it_is_needed_or_logged",
        "TOKEN: None, ATC: None, REQUEST: None", "ATC: None, REQUEST: None",
    ),
    Mutant(
        "a tap over the cap is kept offline", SALE, TEST + "test_over_a_cap_nothing_is_kept_offline",
        "self._amount <= most and ", "",
    ),
    Mutant(
        "more than all is kept offline", SALE, TEST + "test_over_a_cap_nothing_is_kept_offline",
        "self._sales.held() + self._amount <= in_all", "self._amount <= in_all",
    ),
    Mutant(
        "a refusal is taken for a silence", SALE, TEST + "test_what_the_service_refuses_to_hear_is_no_approval",
        "if answer and answer[0] >> 5 != 5:", "if False:",
    ),
    Mutant(
        "an approval that the card is told otherwise is one", ASK,
        TEST + "test_an_answer_that_is_none_is_no_approval_and_is_reversed",
        "(approved and 2 in told and not csu[1] & 0x80)", "False",
    ),
    Mutant(
        "an approval with a reason why not is one", ASK,
        TEST + "test_an_answer_that_is_none_is_no_approval_and_is_reversed", "approved == (reason == 0)", "True",
    ),
    Mutant(
        "what is owed is forgotten for a new sale", SALES,
        TEST + "test_eight_that_are_owed_let_no_more_be_sold_and_none_is_forgotten",
        "if not owes(row)]\n            if", "]\n            if",
    ),
    Mutant(
        "a tap that is lost early ends the sale", SALE,
        TEST + "test_a_field_that_is_lost_before_the_cryptogram_costs_nothing_and_the_next_tap_pays",
        "                note(self._till, LOST, b\"\")\n                if sale.is_asked:",
        "                note(self._till, LOST, b\"\")\n                if True:",
    ),
    Mutant(
        "a tap that is lost late is tried again", SALE,
        TEST + "test_a_tap_that_is_lost_behind_its_cryptogram_is_reversed",
        "                note(self._till, LOST, b\"\")\n                if sale.is_asked:",
        "                note(self._till, LOST, b\"\")\n                if False:",
    ),
    Mutant(
        "a hub takes a sale back", DESK,
        TEST + "test_only_owner_and_hub_begin_a_sale_and_only_the_owner_takes_one_back",
        '"undo": (OWNER,)', '"undo": (OWNER, HUB)',
    ),
    Mutant(
        "anybody on the link begins a sale", DESK,
        TEST + "test_only_owner_and_hub_begin_a_sale_and_only_the_owner_takes_one_back",
        "peer is None or peer.role not in _MAY[r.path]", "peer is None",
    ),
    Mutant(
        "a hub brings terms", LINK,
        TEST + "test_terms_are_brought_by_a_token_service_and_durable_when_it_is_answered",
        '(coap.PUT, "till"): (TOKENS,)', '(coap.PUT, "till"): (TOKENS, HUB)',
    ),
    Mutant(
        "a refund is made again when its answer is lost", TELL,
        TEST + "test_what_is_taken_back_is_told_with_one_key_until_it_is_answered_and_done_once",
        "    body = {0: key, 1: row[till_sales.NUMBER]}\n",
        "    body = {0: app.board.rng(16), 1: row[till_sales.NUMBER]}\n",
    ),
    Mutant(
        "the request is for the hub itself", ASK,
        TEST + "test_the_request_goes_to_the_hub_for_tokens_and_no_more_of_it_is_in_the_clear",
        '(_URI_HOST, b"tokens")', '(_URI_HOST, b"hub")',
    ),
    Mutant(
        "its parts stay", "firmware/tos/till.py", TEST + "test_at_rest_nothing_is_loaded_but_the_till_itself",
        "                    drop(*_PARTS)\n", "",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
