"""Mistakes that somebody could make where the hub tells of money and of taps, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

HUB = "tools/tosplus/hub/"
MONEY, TAPPED = "host/hub/test_money.py::", "host/hub/test_tapped.py::"
NOWHERE = TAPPED + "test_the_number_of_a_token_is_nowhere"

MUTANTS = [
    Mutant(
        "the number stands in the hex", HUB + "tapped.py", TAPPED + "test_the_hex_is_what_was_said_but_for_the_number",
        '"hex": _swept("".join(digits), numbers)', '"hex": "".join(digits)',
    ),
    Mutant(
        "the number stands in a field", HUB + "tapped.py", TAPPED + "test_values_are_told_in_words",
        '"value": _swept(field.value, numbers)', '"value": field.value',
    ),
    Mutant(
        "a number that is said as text is not looked for", HUB + "tapped.py", NOWHERE,
        "numbers=(_digits(found[1]),)", "numbers=()",
    ),
    Mutant(
        "a number as text in hex is shown", HUB + "tapped.py", NOWHERE,
        "for spelled, kept in ((digits, 4), (ascii, 8), (ascii.upper(), 8)):", "for spelled, kept in ((digits, 4),):",
    ),
    Mutant(
        "of a number within another one only the first is masked", HUB + "tapped.py", NOWHERE,
        'f"(?={spelled})"', "spelled",
    ),
    Mutant(
        "what is not known is shown", HUB + "apdu.py", TAPPED + "test_what_cannot_be_understood_is_dots",
        "            continue\n", "            pass\n",
    ),
    Mutant(
        "a map may be written in more than one way", HUB + "tapped.py",
        TAPPED + "test_a_number_in_parts_is_not_shown",
        "not isinstance(found, dict) or cbor2.dumps(found) != data", "not isinstance(found, dict)",
    ),
    Mutant(
        "times are counted from the message before", HUB + "tapped.py",
        TAPPED + "test_times_are_those_of_the_till",
        '        "ms": ms,', '        "ms": ms % 11,',
    ),
    Mutant(
        "any page may suspend a token", HUB + "guard.py", MONEY + "test_another_origin_suspends_nothing",
        "if writes and origin is not None and not _same(origin, host):", "if False:",
    ),
    Mutant(
        "a token may be revoked from the page", HUB + "parts/money.py",
        MONEY + "test_a_token_is_suspended_and_its_next_tap_declined_and_resumed",
        'if word not in ("suspend", "resume"):', "if False:",
    ),
    Mutant(
        "pages are not told that a token was suspended", HUB + "parts/money.py",
        MONEY + "test_a_token_is_suspended_and_its_next_tap_declined_and_resumed",
        '            hub.live.send({"type": "money"})\n', "",
    ),
    Mutant(
        "the credential goes wherever the service points", HUB + "token_service.py",
        MONEY + "test_whatever_the_service_says_is_told_in_words",
        "follow_redirects=False", "follow_redirects=True",
    ),
    Mutant(
        "the credential goes over a network in the clear", "tools/tosplus/bearer.py",
        MONEY + "test_an_address_that_would_tell_the_credential_is_refused",
        'if parts.scheme == "http" and', "if False and",
    ),
    Mutant(
        "any name is a party's", HUB + "parts/money.py", MONEY + "test_a_statement_that_was_downloaded_is_recomputed",
        "if kind not in _KINDS or not _PARTY.fullmatch(party):", "if kind not in _KINDS:",
    ),
    Mutant(
        "all layers are added up together", HUB + "books.py", MONEY + "test_a_ledger_that_does_not_sum_up_is_told",
        'sums[each["currency"], each["layer"]]', 'sums[each["currency"], ""]',
    ),
    Mutant(
        "what is held can be spent", HUB + "books.py", MONEY + "test_what_there_is_is_told",
        'each["posted"] + each["held"] + each["credit"]', 'each["posted"] + each["credit"]',
    ),
    Mutant(
        "a till is asked in the middle of a tap", HUB + "taps.py",
        MONEY + "test_a_till_in_the_middle_of_a_tap_is_left_alone",
        '_UNDER_WAY = ("tap", "asks")', '_UNDER_WAY = ("asks",)',
    ),
    Mutant(
        "a tap that goes on is another one", HUB + "taps.py", MONEY + "test_a_tap_that_goes_on_is_the_same_one",
        "if same and last is not None:", "if False:",
    ),
    Mutant(
        "a sale that ends as the one before is none", HUB + "taps.py",
        MONEY + "test_two_sales_that_end_alike_are_two_taps",
        "            self._known.pop(device.id, None)  # it may end as the one before\n", "",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS, most=2), ids=str)
def test_a_mistake_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
