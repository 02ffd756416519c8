"""Authorisations: what is approved, what is declined and why, and that nothing counts twice."""

import pytest
from tosplus.reasons import Reason
from tosplus.tokens import parties, sales, tables, wallet
from tosplus.tokens.authorise import Till
from tosplus.tokens.service import Repeated

from .bank import GENEROUS, START, TERMS, Bank


def asked(bank, tap, key="k", till=None):
    return bank.authorise(till or bank.main, key, tap)


def test_a_tap_is_approved_held_and_answered_by_who_has_the_key(bank):
    card = bank.card(money=5000)
    tap = card.tap(1250)
    answer = asked(bank, tap)
    assert answer.approved and card.accepts(tap, answer) and answer.csu == b"\0\x80\0\0" and len(answer.code) == 6
    assert bank.has(card) == (5000, -1250)
    assert bank.balances()["sales:CAMPUS", "held"] == 1250


def test_the_same_request_again_has_the_same_answer_and_moves_nothing(bank):
    card = bank.card()
    tap = card.tap(1250)
    first = asked(bank, tap)
    assert [asked(bank, tap) for _ in range(3)] == [first] * 3
    assert bank.has(card)[1] == -1250
    declined = asked(bank, card.tap(10**8), key="declined")
    bank.write(lambda c, now: wallet.topup(c, "test", card.holder, 10**9, "", now))
    assert asked(bank, card.tap(10**8, atc=2), key="declined") == declined


def test_the_same_tap_under_another_key_is_declined_as_used(bank):
    card = bank.card()
    tap = card.tap(1250)
    assert asked(bank, tap, "1").approved
    assert asked(bank, tap, "2").reason is Reason.USED
    assert asked(bank, tap, "1", bank.till("TILL-2")).reason is Reason.TERMINAL


def test_a_key_of_another_request_is_a_conflict_and_nothing_else(bank):
    card = bank.card()
    asked(bank, card.tap(1250))
    with pytest.raises(Repeated):
        asked(bank, card.tap(1250))
    assert asked(bank, card.tap(1), key="k", till=bank.till("TILL-1")).approved  # another till's key


def test_counters_may_have_gaps_and_come_out_of_order(bank):
    card = bank.card()
    assert [asked(bank, card.tap(1, atc=n), str(n)).approved for n in (7, 3, 40000, 4)] == [True] * 4
    assert asked(bank, card.tap(1, atc=3), "again").reason is Reason.USED
    assert asked(bank, card.tap(1, atc=0xF000), "last").reason is Reason.EXPIRED


def test_an_altered_tap_is_declined_and_spends_nothing(bank):
    card = bank.card()
    tap = card.tap(1250)
    spots = {"pdol": (3, 9, 15, 24, 34, 49), "aip": (0, 1), "atc": (1,), "ctq": (0, 1), "iad": (4,), "ac": (0, 7)}
    futures = []
    for field, places in spots.items():
        value = getattr(tap, field)
        for i in places:
            flipped = value[i] ^ (1 if field != "iad" else 0x08)
            altered = tap._replace(**{field: value[:i] + bytes([flipped]) + value[i + 1 :]})
            futures.append(bank.authorising(bank.main, f"{field} {i}", altered))
    assert {(future.result().reason, future.result().mac) for future in futures} == {(Reason.CRYPTOGRAM, None)}
    assert asked(bank, tap).approved


def test_unknown_tokens_and_keys(bank):
    card = bank.card()
    tap = card.tap(1)
    assert asked(bank, tap._replace(number="9999990000000017"), "1").reason is Reason.UNKNOWN
    card.ki = 2
    assert asked(bank, card.tap(1), "2").reason is Reason.CRYPTOGRAM
    card.ki, card.dki = 1, 2
    assert asked(bank, card.tap(1), "3").reason is Reason.CRYPTOGRAM
    card.dki, card.psn = 1, 2
    assert asked(bank, card.tap(1), "4").reason is Reason.CRYPTOGRAM
    assert bank.audited("authorise") == ["unknown", *["cryptogram"] * 3]


def test_a_till_that_uses_the_terminal_of_another_is_declined_and_audited_and_spends_nothing(bank):
    card, other = bank.card(), bank.till("TILL-2")
    tap = card.tap(1250)
    assert asked(bank, tap, till=other).reason is Reason.TERMINAL
    stranger = Till("x", "CAMPUS2", "TILL-1")
    assert asked(bank, tap, till=stranger).reason is Reason.TERMINAL
    assert bank.audited("authorise", "terminal") == 2
    assert asked(bank, tap).approved


def test_a_card_that_asked_for_no_authorisation_gets_none(bank):
    card = bank.card()
    tap = card.tap(1)
    assert asked(bank, tap._replace(cid=0), "1").reason is Reason.NO_ARQC
    assert asked(bank, tap._replace(cid=0x40), "2").reason is Reason.NO_ARQC


def test_suspended_at_once_resumed_and_revoked_for_ever(bank):
    card = bank.card()
    bank.write(lambda c, now: wallet.suspend(c, "test", card.id, now))
    answer = asked(bank, tap := card.tap(1), "1")
    assert answer.reason is Reason.SUSPENDED and answer.csu == b"\0\x20\0\0" and card.accepts(tap, answer)
    bank.write(lambda c, now: wallet.resume(c, "test", card.id, now))
    assert asked(bank, card.tap(1), "2").approved
    bank.write(lambda c, now: wallet.revoke(c, "test", card.id, now))
    assert asked(bank, card.tap(1), "3").reason is Reason.REVOKED
    for what in (wallet.resume, wallet.suspend):
        with pytest.raises(Exception, match="revoked"):
            bank.write(lambda c, now, what=what: what(c, "test", card.id, now))


def test_limits_of_a_tap_a_day_and_an_hour(bank):
    card = bank.card(limits=wallet.Limits(tap_most=1000, day_most=2500, hour_most=3, check_above=500))
    assert asked(bank, card.tap(1001), "1").reason is Reason.AMOUNT
    assert asked(bank, card.tap(501, checked=False), "2").reason is Reason.CHECK
    assert asked(bank, card.tap(500, checked=False), "3").approved
    assert asked(bank, card.tap(1000), "4").approved
    assert asked(bank, card.tap(1001 - 0), "5").reason is Reason.AMOUNT
    assert asked(bank, card.tap(1), "6").approved
    assert asked(bank, card.tap(1), "7").reason is Reason.OFTEN
    bank.now += 3601
    assert asked(bank, card.tap(1000), "8").reason is Reason.AMOUNT  # of the day
    assert asked(bank, card.tap(999), "9").approved
    bank.now += 86400
    assert asked(bank, card.tap(1000), "10").approved
    assert asked(bank, card.tap(0), "11").reason is Reason.AMOUNT


def test_no_more_than_the_account_has_with_what_is_held(bank):
    card = bank.card(money=1000)
    second = bank.card(holder=card.holder)
    assert asked(bank, card.tap(600), "1").approved
    assert asked(bank, second.tap(401), "2").reason is Reason.ACCOUNT
    assert asked(bank, second.tap(400), "3").approved
    on_credit = bank.card(money=0, credit=50)
    assert asked(bank, on_credit.tap(51), "4").reason is Reason.ACCOUNT
    assert asked(bank, on_credit.tap(50), "5").approved


def test_a_key_is_good_for_ten_approvals_and_seven_days(bank):
    card = bank.card()
    answers = [asked(bank, card.tap(1), str(n)) for n in range(11)]
    assert [a.approved for a in answers] == [True] * 10 + [False] and answers[-1].reason is Reason.KEY
    bank.replenish(card, last=card.atc)
    assert asked(bank, card.tap(1), "new").approved
    bank.now += 7 * 86400
    assert asked(bank, card.tap(1), "old").reason is Reason.KEY


def test_whoever_tries_a_key_without_end_finds_that_it_has_one(bank):
    card = bank.card(limits=GENEROUS._replace(tap_most=1))
    for n in range(129):
        assert asked(bank, card.tap(2), str(n)).reason is Reason.AMOUNT
    assert asked(bank, card.tap(1), "right").reason is Reason.KEY
    bank.replenish(card, last=card.atc)
    assert asked(bank, card.tap(1), "next").approved


def test_a_key_is_not_good_again_because_the_clock_was_set_back(bank, url):
    card = bank.card()
    bank.now += 7 * 86400
    assert asked(bank, card.tap(1), "1").reason is Reason.KEY
    bank.now -= 6 * 86400
    assert asked(bank, card.tap(1), "2").reason is Reason.KEY
    again = Bank(url, START)  # and a restart does not forget
    assert again.authorise(bank.main, "3", card.tap(1)).reason is Reason.KEY
    again.close()
    assert len(bank.audited("clock")) == 2


def test_after_the_next_key_the_last_one_is_good_for_taps_from_before_only(bank):
    card = bank.card()
    late, later = card.tap(1), card.tap(1, atc=9)
    bank.replenish(card, last=1)
    assert asked(bank, late, "1").approved
    assert asked(bank, later, "2").reason is Reason.KEY
    assert asked(bank, card.tap(1, atc=9), "3").approved  # another key: another pair


def test_a_tap_by_a_key_that_was_delivered_says_that_it_is_in_use(bank):
    card = bank.card()
    before = card.tap(1), card.tap(1, atc=5)
    found = bank.offer(card)
    card.luk, card.ki = found.luk, found.ki
    assert asked(bank, card.tap(1), "1").reason is Reason.CRYPTOGRAM  # nobody has told it to
    bank.write(lambda c, now: wallet.delivered(c, card.id, found.ki, now))
    assert asked(bank, card.tap(1, atc=3), "2").approved
    assert asked(bank, before[0], "3").approved
    assert asked(bank, before[1], "4").reason is Reason.KEY


def test_a_sale_without_accepted_terms_or_in_another_currency_is_refused(bank):
    bank.write(lambda c, now: parties.add_merchant(c, "test", "NEW", "EUR", now))
    till, card = bank.till(merchant="NEW"), bank.card()
    assert asked(bank, card.tap(1, mid="NEW"), "1", till).reason is Reason.TERMS
    bank.write(lambda c, now: parties.accept(c, "test", "NEW", TERMS.hash, "x", "y", now))
    assert asked(bank, card.tap(1, mid="NEW"), "2", till).approved
    assert asked(bank, card.tap(1, currency=840), "3").reason is Reason.CURRENCY
    assert asked(bank, card.tap(1, currency=999), "4").reason is Reason.CURRENCY
    bank.write(lambda c, now: parties.add_merchant(c, "test", "US", "USD", now))
    bank.write(lambda c, now: parties.accept(c, "test", "US", TERMS.hash, "x", "y", now))
    assert asked(bank, card.tap(1, mid="US"), "5", bank.till(merchant="US")).reason is Reason.CURRENCY


def test_a_token_expires(bank):
    card = bank.card()
    bank.now += 4 * 366 * 86400
    assert asked(bank, card.tap(1)).reason is Reason.EXPIRED


def test_a_reversal_before_its_authorisation_counts(bank):
    card = bank.card()
    tap = card.tap(5)
    assert not bank.write(lambda c, now: sales.reverse(c, bank.main, card.number, 1, now))
    assert asked(bank, tap).reason is Reason.REVERSED
    assert asked(bank, card.tap(5, tid="TILL-2"), "2", bank.till("TILL-2")).approved  # another till's
    assert bank.has(card)[1] == -5


def test_words_of_the_database_are_data_whatever_they_say(bank):
    card = bank.card()
    evil = "k'; DROP TABLE auths; --\r\nX: \0"[:-1]
    assert asked(bank, card.tap(1), evil).approved and asked(bank, card.tap(1, atc=1), evil).approved
    assert bank.count(tables.auths) == 1
    with pytest.raises(Exception, match="name"):
        bank.till("A'B")
    limits = GENEROUS._replace(tap_most=5)
    holder = "x'); DELETE FROM holders; --"
    bank.write(lambda c, now: wallet.open_holder(c, "test", holder, "EUR", 0, now))
    assert asked(bank, bank.card(holder=holder, limits=limits).tap(6), "2").reason is Reason.AMOUNT
