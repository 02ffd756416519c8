"""Mistakes that somebody could make in `tos till`, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

SALE, BOOK, TAP, SERVICE = [f"tools/tosplus/till/{name}.py" for name in ("sale", "book", "tap", "service")]
BEARER = "tools/tosplus/bearer.py"
TEST = "host/test_tos_till_parts.py::test_"
WRITTEN = TEST + "before_the_card_is_asked_the_sale_is_written_down_and_before_the_service_is_its_reversal"
OWED = TEST + "what_is_owed_is_told_with_its_own_key_until_it_is_answered"
AGAIN = TEST + "no_answer_is_asked_for_again_with_the_same_key_and_then_taken_back"
REFUND = TEST + "a_refund_without_an_answer_is_repeated_with_its_key_and_no_other_is_begun"
ANSWERS = TEST + "whatever_a_card_answers_instead_is_refused_or_malformed"
SECRET = TEST + "its_secret_is_from_a_file_of_its_owner_or_the_environment_and_only_over_a_safe_way"
MUTANTS = [
    Mutant(
        "a reversal is written down when it is wanted", SALE, WRITTEN,
        "        self._book.tapped(key, made.token, made.atc)\n        try:\n",
        "        try:\n",
    ),
    Mutant(
        "a sale is written down when its cryptogram is there", BOOK, WRITTEN,
        'state, ending = "begun"', 'state, ending = "asks"',
    ),
    Mutant(
        "a retry has a key of its own", SERVICE, AGAIN, "{0: key, **request}",
        '{0: __import__("os").urandom(16), **request}',
    ),
    Mutant("a tap without an answer is nobody's", SALE, AGAIN, 'end(key, "reversing")', 'end(key, "lost")'),
    Mutant("a reversal has the key of its sale", SALE, OWED, "{0: entry.ending,", "{0: entry.key,"),
    Mutant(
        "a reversal is told once", SALE, OWED,
        "                why = e\n                break", '                self._book.end(entry.key, "reversed")\n',
    ),
    Mutant(
        "a token's number stays in the list", BOOK, OWED,
        "        if state not in OWED:\n            self._mask(key)\n", "",
    ),
    Mutant(
        "what was asked is forgotten at a start", BOOK,
        TEST + "a_till_that_starts_again_takes_back_what_was_asked_and_forgets_what_was_not",
        "SET state = 'reversing' WHERE state = 'asks'", "SET state = 'lost' WHERE state = 'asks'",
    ),
    Mutant("a refund is begun twice", SALE, REFUND, "if any(entry.number == number", "if any(not entry.number"),
    Mutant(
        "an amount is a float", "tools/tosplus/money.py", REFUND,
        "int(found[1] + fraction.ljust(currency.exponent, \"0\"))", "int(float(text) * 10**currency.exponent)",
    ),
    Mutant("a cut answer will do", TAP, ANSWERS, "if at > len(data) or len(value) != size:", "if at > len(data):"),
    Mutant("the network may see the secret", BEARER, SECRET, 'parts.scheme == "http" and not', "False and not"),
    Mutant("others may read the secret", "tools/tosplus/durable.py", SECRET, "& 0o077", "& 0"),
    Mutant(
        "an error says the secret", SERVICE, SECRET, "does not answer ({type(e).__name__})",
        "does not answer ({e.request.headers['authorization']})",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS, most=4), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
