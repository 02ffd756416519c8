"""Integer money: amounts, shares and postings."""

import pytest
from fuzz.fuzz_money import naive
from tosplus import money
from tosplus.errors import UsageFault
from tosplus.tokens import ledger
from tosplus.tokens.shares import BadTerms, moved, shared, terms

THREE = terms("laundry", [("platform", 500), ("manufacturer", 2500), ("developer", 7000)])
EQUAL = terms("equal", [("a", 3334), ("b", 3333), ("c", 3333)])


@pytest.mark.parametrize(
    ("text", "code", "amount"),
    [("12.30", "EUR", 1230), ("12.3", "EUR", 1230), ("12", "EUR", 1200), ("0.01", "USD", 1), ("500", "JPY", 500)]
    + [("1.234", "KWD", 1234), ("0", "EUR", 0), ("9999999999.99", "EUR", 999999999999)],
)
def test_an_amount_is_read_exactly_and_told_again(text, code, amount):
    currency = money.currency(code)
    assert money.minor(text, currency) == amount
    assert money.minor(money.words(amount, currency), currency) == amount


@pytest.mark.parametrize(
    ("text", "code"),
    [("1.234", "EUR"), ("1.5", "JPY"), ("-1", "EUR"), ("1e3", "EUR"), ("", "EUR"), ("1,5", "EUR"), (".5", "EUR")]
    + [("1.", "EUR"), ("\u0661", "EUR"), ("99999999999.99", "EUR"), ("nan", "EUR"), ("1", "XXX")],
)
def test_what_is_no_amount_is_refused(text, code):
    with pytest.raises(UsageFault):
        money.minor(text, money.currency(code))


def test_negative_amounts_and_exponents_in_words():
    told = [money.words(n, money.currency(code)) for n, code in ((-5, "EUR"), (-1234, "KWD"), (-7, "JPY"), (0, "EUR"))]
    assert told == ["-0.05", "-1.234", "-7", "0.00"]


def test_currencies_are_told_apart_by_number_as_a_till_does():
    assert money.BY_NUMBER[978].code == "EUR" and money.BY_NUMBER[392].exponent == 0
    assert len(money.BY_NUMBER) == len(money.BY_CODE)


def test_shares_sum_up_to_the_net_and_the_first_of_equal_remainders_wins():
    assert shared(THREE, 1000) == (50, 250, 700)
    assert shared(THREE, 1) == (0, 0, 1)
    assert shared(terms("x", [("a", 5000), ("b", 5000)]), 1) == (1, 0)
    assert shared(terms("x", [("b", 5000), ("a", 5000)]), 1) == (1, 0)
    assert shared(EQUAL, 100) == (34, 33, 33)


def test_who_has_little_of_each_sale_has_its_part_of_all_of_them():
    small = terms("small", [("platform", 9900), ("developer", 100)])
    net = had = 0
    for _ in range(100):
        had += dict(moved(small, net, net + 40))["developer"]
        net += 40
    assert had == 40


def test_refunds_take_back_what_sales_gave_in_any_order():
    net, had = 0, dict.fromkeys("abc", 0)
    for amount in (7, 5, 1, -5, 3, -7, -1, -3):
        for party, n in moved(EQUAL, net, net + amount):
            had[party] += n
        net += amount
        assert had == naive(EQUAL.shares, net)
    assert had == {"a": 0, "b": 0, "c": 0}


def test_more_than_was_captured_cannot_be_shared():
    with pytest.raises(ValueError, match="refunded"):
        shared(EQUAL, -1)


@pytest.mark.parametrize(
    "shares",
    [[], [("a", 9999)], [("a", 5000), ("a", 5000)], [("a", 10001), ("b", -1)], [("a", 10000.0)], [("A", 10000)]]
    + [[("a b", 10000)], [("", 10000)], [("a", True), ("b", 9999)], [("a\n", 10000)]],
)
def test_terms_share_all_of_a_sale_once_among_parties_with_names(shares):
    with pytest.raises(BadTerms):
        terms("some", shares)


def test_the_hash_of_terms_is_of_all_that_they_say():
    others = [terms("laundry-2", THREE.shares), terms("laundry", THREE.shares[::-1]), EQUAL]
    assert len({THREE.hash, *(other.hash for other in others)}) == 4
    assert THREE.dumps() == '{"id":"laundry","shares":[["platform",500],["manufacturer",2500],["developer",7000]]}'


def test_each_transfer_sums_up_to_zero_in_each_layer():
    held = ledger.hold("holder:1", "m", "EUR", 1001)
    captured = ledger.capture(held, "holder:1", "EUR", 1001, THREE, 17)
    for postings in (held, ledger.release(held), captured, ledger.refund("holder:1", "EUR", 5, THREE, 17)):
        ledger.check(postings)
    assert sum(p.amount for p in captured if p.account.startswith("party:")) == 1001
    assert ledger.Posting("sales:m", "EUR", "held", -1001) in captured


def test_money_from_nowhere_is_refused():
    [one, other] = ledger.topup("holder:1", "EUR", 5)
    for postings in ([one], [one, other._replace(amount=-4)], [one, other._replace(currency="USD")]):
        with pytest.raises(ledger.Unbalanced):
            ledger.check(postings)
    with pytest.raises(ledger.Unbalanced):
        ledger.check([one, other._replace(layer="held")])
