"""Authorisations and what else happens to a token, all at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tosplus.reasons import Reason
from tosplus.tokens import sales, wallet
from tosplus.tokens.rows import Refused


def asked(bank, tap, key):
    return bank.authorise(bank.main, key, tap)


def test_sixteen_clients_race_with_each_authorisation_repeated_and_reordered(bank):
    cards = [bank.card() for _ in range(4)]
    taps = [(f"{i}-{n}", card.tap(7)) for i, card in enumerate(cards) for n in range(5)]
    start = threading.Barrier(16)

    def client(number):
        start.wait()
        mine = taps[number:] + taps[:number]  # each in another order, and backwards
        return [(key, asked(bank, tap, key)) for key, tap in (mine if number % 2 else reversed(mine))]

    with ThreadPoolExecutor(16) as pool:
        answers = [answer for found in pool.map(client, range(16)) for answer in found]
    assert len(answers) == 16 * 20 and all(answer.approved for _, answer in answers)
    assert len({(key, answer.number) for key, answer in answers}) == 20
    assert all(bank.has(card) == (100_000, -35) for card in cards)


def test_sixteen_clients_race_for_one_counter_and_for_the_last_money(bank):
    card, poor = bank.card(), bank.card(money=100)
    tap, taps = card.tap(3), [poor.tap(60) for _ in range(8)]
    start = threading.Barrier(16)

    def client(number):
        start.wait()
        return asked(bank, tap if number < 8 else taps[number - 8], f"own {number}").approved

    with ThreadPoolExecutor(16) as pool:
        approved = list(pool.map(client, range(16)))
    assert sum(approved[:8]) == 1 and sum(approved[8:]) == 1
    assert bank.has(poor) == (100, -60)


def test_a_reversal_races_its_authorisation_and_nothing_stays_held(bank):
    card = bank.card()
    for n in range(8):
        tap, start = card.tap(5), threading.Barrier(2)

        def reversing(tap=tap, start=start):
            start.wait()
            return bank.write(lambda c, now: sales.reverse(c, bank.main, card.number, tap.counter, now))

        def asking(tap=tap, start=start, n=n):
            start.wait()
            return asked(bank, tap, f"k{n}")

        with ThreadPoolExecutor(2) as pool:
            reversed_, answer = pool.submit(reversing), pool.submit(asking)
            assert answer.result().approved == reversed_.result()
    assert bank.has(card)[1] == 0


def test_a_suspension_races_a_replenishment_and_no_key_pays_afterwards(bank):
    for _ in range(8):
        card, start = bank.card(), threading.Barrier(2)
        found = bank.offer(card)

        def suspending(card=card, start=start):
            start.wait()
            bank.write(lambda c, now: wallet.suspend(c, "test", card.id, now))

        def replenishing(card=card, start=start, found=found):
            start.wait()
            bank.write(lambda c, now: wallet.delivered(c, card.id, found.ki, now))
            bank.write(lambda c, now: wallet.confirmed(c, card.id, found.ki, card.atc, now))

        with ThreadPoolExecutor(2) as pool:
            suspended, replenished = pool.submit(suspending), pool.submit(replenishing)
            suspended.result()
            came_first = not isinstance(replenished.exception(), Refused)
        assert asked(bank, card.tap(1), f"{card.id} old").reason is Reason.SUSPENDED
        card.luk, card.ki = found.luk, found.ki
        new = asked(bank, card.tap(1), f"{card.id} new").reason
        assert new is (Reason.SUSPENDED if came_first else Reason.CRYPTOGRAM)
        bank.write(lambda c, now, card=card: wallet.resume(c, "test", card.id, now))
        assert asked(bank, card.tap(1), f"{card.id} on").approved is came_first
