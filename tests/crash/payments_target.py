"""Eight writers of a token service, until somebody kills this process: `python -m crash.payments_target URL WRITERS`.
With "postgresql" for URL the server is a child of this process.

Each line that it says is JSON: ["asked", key, till, tap], and when the answer has come ["answered", key, number]. Its
authorisations are random in nothing but their order; some are voided, settled and refunded beside.
"""

import contextlib
import json
import sys
import threading

import postgres
from host.tokens.bank import TERMS, Bank
from tosplus.tokens import parties, sales
from tosplus.tokens.rows import Missing, Refused

_CARDS, _TAPS = 3, 10


def say(*what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def write(bank, till, cards, is_settling):
    for n in range(_TAPS):
        for card in cards:
            key, tap = f"{card.number}-{n}", card.tap(1 + n)
            told = {name: value.hex() if isinstance(value, bytes) else value for name, value in tap._asdict().items()}
            say("asked", key, till, told)
            answer = bank.authorise(till, key, tap)
            assert answer.approved
            say("answered", key, answer.number)
            if n % 4 == 3:
                void(bank, till, answer.number)
        if is_settling:
            for id in bank.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now))[:2]:
                bank.write(lambda c, now, id=id: sales.refund(c, "test", None, id, 1, now))


def void(bank, till, number):
    try:
        bank.write(lambda c, now: sales.void(c, "test", till, number, now))
    except (Missing, Refused):  # it was settled just now
        pass


def main(url, writers):
    bank = Bank(url)
    with bank._database.read() as connection:
        is_new = not parties.has_merchant(connection, "CAMPUS")
    till = bank.set_up() if is_new else bank.till()
    cards = bank.cards(_CARDS * writers, money=0, credit=10**9)
    hands = [cards[i::writers] for i in range(writers)]
    say("ready", TERMS.hash)
    threads = []
    for i, cards in enumerate(hands):
        threads.append(threading.Thread(target=write, args=(bank, till, cards, i == 0 and writers > 1)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bank.close()


if __name__ == "__main__":
    own = postgres.running() if sys.argv[1] == "postgresql" else contextlib.nullcontext(sys.argv[1])
    with own as url:
        main(url, int(sys.argv[2]))
