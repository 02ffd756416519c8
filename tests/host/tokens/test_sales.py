"""What becomes of authorisations: voids, settlements, refunds, statements; idempotency keys of all of them."""

import json
import random
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from fuzz.fuzz_money import naive
from tosplus.errors import UsageFault
from tosplus.tokens import parties, sales, statement, wallet
from tosplus.tokens.recompute import Wrong, read, recomputed
from tosplus.tokens.rows import Missing, Refused
from tosplus.tokens.service import Repeated

from .bank import TERMS, Bank


def sold(bank, card, *amounts, key=""):
    return [bank.authorise(bank.main, f"{key}{n}", card.tap(amount)).number for n, amount in enumerate(amounts)]


def settle(bank, merchant="CAMPUS"):
    return bank.write(lambda c, now: sales.settle(c, "test", merchant, now))


def refund(bank, number, amount, till=None):
    return bank.write(lambda c, now: sales.refund(c, "test", till, number, amount, now))


def void(bank, number, till=None):
    return bank.write(lambda c, now: sales.void(c, "test", till, number, now))


def told(bank, party, since=0, until=1e12):
    return bank.read(lambda c: statement.statement(c, party, since, until))


def test_a_settlement_captures_what_is_held_and_shares_it(bank):
    card = bank.card(money=10_000)
    numbers = sold(bank, card, 1000, 333)
    assert sorted(settle(bank)) == sorted(numbers) and settle(bank) == []
    assert bank.has(card) == (10_000 - 1333, 0)
    shares = {account: n for (account, _), n in bank.balances().items() if account.startswith("party:")}
    assert shares == {f"party:{name}": n for name, n in naive(TERMS.shares, 1333).items()}


def test_voided_before_settlement_and_not_after(bank):
    card = bank.card()
    first, second = sold(bank, card, 10, 20)
    void(bank, first)
    void(bank, first)
    assert bank.has(card)[1] == -20
    settle(bank)
    with pytest.raises(Refused, match="captured"):
        void(bank, second)
    with pytest.raises(Refused, match="voided"):
        refund(bank, first, 1)


def test_refunds_in_parts_up_to_what_was_captured(bank):
    card = bank.card(money=1000)
    [number] = sold(bank, card, 100)
    with pytest.raises(Refused, match="void it"):
        refund(bank, number, 1)
    settle(bank)
    assert [refund(bank, number, n) for n in (33, 33)] == [67, 34]
    for wrong in (35, 0, -1):
        with pytest.raises(Refused, match="34 left"):
            refund(bank, number, wrong)
    assert refund(bank, number, 34) == 0
    assert bank.has(card) == (1000, 0)
    assert not any(account.startswith("party:") for account, _ in bank.balances())


def test_a_till_voids_and_refunds_its_own_only(bank):
    card, other = bank.card(), bank.till("TILL-2")
    [number] = sold(bank, card, 100)
    with pytest.raises(Missing):
        void(bank, number, other)
    settle(bank)
    with pytest.raises(Missing):
        refund(bank, number, 1, other)
    assert refund(bank, number, 1, bank.main) == 99
    declined = bank.authorise(bank.main, "x", card.tap(10**9)).number
    for no in (declined, "0", ""):
        with pytest.raises(Missing):
            void(bank, no)


def test_a_reversal_releases_and_comes_too_late_after_settlement(bank):
    card = bank.card()

    def reverse(atc):
        return bank.write(lambda c, now: sales.reverse(c, bank.main, card.number, atc, now))

    sold(bank, card, 10, 20)
    assert reverse(1) and reverse(1)
    assert bank.has(card)[1] == -20
    settle(bank)
    assert not reverse(2)
    assert bank.has(card) == (100_000 - 20, 0)


def test_a_reversal_that_names_its_authorisation_leaves_one_of_another_key_alone(bank):
    card = bank.card()

    def reverse(key):
        return bank.write(lambda c, now: sales.reverse(c, bank.main, card.number, 1, now, key))

    sold(bank, card, 10, key="ab")
    assert not reverse("b0") and not reverse("cd0") and bank.has(card)[1] == -10
    assert reverse("ab0") and reverse("ab0") and bank.has(card)[1] == 0


def test_what_was_sold_under_terms_is_refunded_under_them(bank):
    card = bank.card()
    [number] = sold(bank, card, 100)
    later = parties.Terms("later", (("platform", 10_000),))
    bank.write(lambda c, now: parties.put_terms(c, "test", later, now))
    bank.write(lambda c, now: parties.accept(c, "test", "CAMPUS", later.hash, "the owner", "paper 8", now))
    sold(bank, card, 7, key="new")
    settle(bank)
    refund(bank, number, 100)
    assert {k[0]: n for k, n in bank.balances().items() if "party" in k[0]} == {"party:platform": 7}


@pytest.mark.parametrize("work", ["settle", "refund", "void"])
def test_eight_at_once_do_it_once(bank, work):
    card = bank.card()
    numbers = sold(bank, card, *[10] * 4)
    if work == "refund":
        settle(bank)

    def one(_):
        try:
            if work == "settle":
                return settle(bank)
            return [void(bank, n) or n for n in numbers] if work == "void" else refund(bank, numbers[0], 10)
        except Refused:
            return None

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(8)))
    if work == "settle":
        assert sorted(number for found in results for number in found) == sorted(numbers)
    if work == "refund":
        assert sorted(results, key=str) == [0] + [None] * 7


def test_a_key_has_its_answer_kept_a_refusal_too(bank):
    done = []

    def work(connection, now):
        done.append(now)
        if len(done) > 1:
            raise Refused("no more")
        return {"number": len(done)}

    assert [bank.once("till-1", "a", {"x": 1}, work) for _ in range(3)] == [{"number": 1}] * 3
    for _ in range(3):
        with pytest.raises(Refused, match="no more"):
            bank.once("till-1", "b", {"x": 1}, work)
    assert len(done) == 2
    with pytest.raises(Repeated):
        bank.once("till-1", "a", {"x": 2}, work)
    assert len(done) == 2 and bank.audited("refused") == ["no more"]


def test_what_a_key_did_is_done_once_by_eight_at_once(bank):
    card = bank.card(money=0)

    def one(_):
        return bank.once("op", "k", 5, lambda c, now: wallet.topup(c, "op", card.holder, 5, "", now))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {5}
    assert bank.has(card)[0] == 5


def test_nobody_is_paid_out_more_than_is_there(bank):
    card = bank.card(money=100)
    sold(bank, card, 60)
    with pytest.raises(Refused):
        bank.write(lambda c, now: wallet.topup(c, "op", card.holder, -41, "", now))
    assert bank.write(lambda c, now: wallet.topup(c, "op", card.holder, -40, "", now)) == 60


@pytest.fixture
def busy(bank):
    """A bank after four days of sales and refunds."""
    rng = random.Random(4)
    for day in range(4):
        bank.now += 86400
        card = bank.card()
        numbers = sold(bank, card, *[rng.randint(1, 999) for _ in range(9)], key=f"{day} ")
        settle(bank)
        for number in rng.sample(numbers, 3):
            refund(bank, number, rng.randint(1, bank.auth(number).captured))
    return bank


def test_each_party_recomputes_its_share_from_json_csv_and_beancount(busy, tmp_path):
    for party, _ in TERMS.shares:
        found = told(busy, party)
        for ending, (_, write) in statement.FORMATS.items():
            (tmp_path / f"{party}.{ending}").write_text(write(found))
        [total] = recomputed(read(tmp_path / f"{party}.json"))
        assert [total] == recomputed(read(tmp_path / f"{party}.csv"))
        assert [total] == recomputed(read(tmp_path / f"{party}.beancount"))
        assert total.share == busy.balances()[f"party:{party}", "posted"] and total.lines == 4 * 12
        assert f"of which {total.share / 100:.2f} EUR" in str(total)
    assert told(busy, "nobody") == {"party": "nobody", "books": []}


def test_a_part_of_the_time_goes_on_where_the_one_before_ended(busy):
    middle = busy.now - 86400
    parts = [recomputed(told(busy, "developer", *span)) for span in ((0, middle), (middle, 1e12))]
    assert sum(part[0].share for part in parts) == busy.balances()["party:developer", "posted"]
    assert told(busy, "developer", middle)["books"][0]["opening"] > 0


def test_a_statement_that_was_altered_anywhere_does_not_hold(busy):
    whole = told(busy, "developer")

    def altered(change):
        copy = json.loads(json.dumps(whole))
        change(copy["books"][0])
        return copy

    def add(name, n=1):
        return lambda book: book["lines"][5].update({name: book["lines"][5][name] + n})

    changes = [add(name) for name in ("amount", "net", "share", "total", "line")]
    changes += [lambda book: book["lines"].pop(5), lambda book: book.update(opening=1)]
    changes += [lambda book: book.update(opening=-1)]
    changes += [lambda book: book["terms"].update(shares=[["platform", 1000], ["developer", 9000]])]
    changes += [lambda book: book["terms"].update(hash="0" * 64), lambda book: book["lines"][5].pop("net")]
    changes += [lambda book: book["terms"].update(shares=7), lambda book: book.update(lines=[])]
    for change in changes:
        with pytest.raises(Wrong):
            recomputed(altered(change))
    assert recomputed(altered(lambda book: None))


@pytest.mark.parametrize("kind", statement.FORMATS)
def test_each_digit_that_is_changed_is_found_and_where(tmp_path, kind):
    """But for the time within a day and the number of a transaction, which nothing in a statement follows from."""
    bank = Bank(f"sqlite:///{tmp_path}/tokens.db")
    bank.main = bank.set_up()
    first, *_ = sold(bank, bank.card(), 1250, 333, 107)
    settle(bank)
    refund(bank, first, 400)
    text = statement.FORMATS[kind][1](json.loads(json.dumps(told(bank, "developer"))))
    bank.close()
    free = r"""\b[0-9a-f]{28}\b|(?<="at": )\S+|(?<=at: ")\d+\.\d+|(?<=,)\d+\.0|paper 7"""
    kept = {i for found in re.finditer(free, text) for i in range(*found.span())}
    file, places = tmp_path / "statement", [i for i, c in enumerate(text) if c.isdigit() and i not in kept]
    assert len(places) > 90
    for i in places:
        file.write_text(text[:i] + str((int(text[i]) + 1) % 10) + text[i + 1 :])
        with pytest.raises((Wrong, UsageFault), match=r"CAMPUS|row \d+|line \d+"):
            recomputed(read(file))


def test_rows_that_say_another_party_or_other_terms_than_those_before_do_not_hold(busy, tmp_path):
    rows = statement.as_csv(told(busy, "developer")).splitlines(keepends=True)
    for row in (rows[5].replace("developer,", "platform,", 1), rows[5].replace("300", "301")):
        (tmp_path / "x").write_text("".join([*rows[:5], row, *rows[6:]]))
        with pytest.raises(Wrong, match="CAMPUS, line 5"):
            read(tmp_path / "x")


def test_what_is_no_statement_is_told(tmp_path):
    for text in ("", "{", "a,b\n1,2\n", "[]", 'option "x"\n  Assets:Receivable:TokenService  1.00 EUR\n'):
        (tmp_path / "x").write_text(text)
        with pytest.raises(UsageFault):
            read(tmp_path / "x")


def test_beancount_takes_a_statement_and_its_balance(busy):
    from beancount import loader

    text = statement.as_beancount(told(busy, "developer"))
    entries, errors, _ = loader.load_string(text)
    assert errors == [] and len(entries) == 4 * 12 + 2 + 1
    _, errors, _ = loader.load_string(re.sub(r"(?<=balance Assets:Receivable:TokenService  )", "9", text))
    assert errors
    assert loader.load_string(statement.as_beancount(told(busy, "nobody")))[1] == []
