"""Sales, partial refunds and voids at random: the token service's shares and ledger beside a naive implementation.

The naive one knows nothing of transfers: it keeps what each sale has left, in whole, adds it all up at the end, and
shares it with fractions.
"""

import random
from collections import Counter
from fractions import Fraction

from tosplus.tokens import ledger
from tosplus.tokens.shares import WHOLE, terms

_LIFE = 40  # sales, refunds and voids of one merchant


def naive(shares, net):
    """{party: minor units}"""
    exact = {name: Fraction(net) * Fraction(points, WHOLE) for name, points in shares}
    found = {name: int(part) for name, part in exact.items()}
    order = [name for name, _ in shares]
    while sum(found.values()) < net:
        most = max(exact[name] - found[name] for name in order)
        found[next(name for name in order if exact[name] - found[name] == most)] += 1
    return found


def agreed(rng):
    """Terms among 3 to 7 parties; often with equal shares, which tie."""
    parties = [f"party-{i}" for i in range(rng.randint(3, 7))]
    rng.shuffle(parties)
    if rng.random() < 0.3:
        points = [WHOLE // len(parties)] * len(parties)
        points[0] += WHOLE - sum(points)
    else:
        cuts = sorted(rng.choices(range(WHOLE + 1), k=len(parties) - 1))
        points = [b - a for a, b in zip([0, *cuts], [*cuts, WHOLE])]
    return terms("some", zip(parties, points))


def fuzz_money(cases, seed):
    rng = random.Random(seed)
    done = 0
    while done < cases:
        steps = min(_LIFE, cases - done)
        life(rng, steps)
        done += steps


def life(rng, steps):
    """One merchant. Each step is a sale, a void, a capture with its shares, or a refund."""
    about = agreed(rng)
    held, captured, paid = [], [], Counter()  # paid: what each holder has spent, the naive way
    balances, net = Counter(), 0
    for _ in range(steps):
        what = rng.choice(("sale", "sale", "capture", "capture", "void", "refund", "refund"))
        who = f"holder:{rng.randrange(3)}"
        if what == "sale" or not (held or captured):
            amount = rng.choice((1, 2, 3, 99, rng.randint(1, 500), rng.randint(1, 10**12)))
            postings = ledger.hold(who, "m", "EUR", amount)
            held.append((who, amount, postings))
        elif what == "void" and held:
            postings = ledger.release(held.pop(rng.randrange(len(held)))[2])
        elif what == "refund" and captured:
            i = rng.randrange(len(captured))
            who, left = captured[i]
            amount = rng.choice((left, rng.randint(1, left)))
            captured[i] = (who, left - amount)
            if left == amount:
                del captured[i]
            paid[who] -= amount
            postings = ledger.refund(who, "EUR", amount, about, net)
            net -= amount
        elif held:
            who, amount, before = held.pop(rng.randrange(len(held)))
            captured.append((who, amount))
            paid[who] += amount
            postings = ledger.capture(before, who, "EUR", amount, about, net)
            net += amount
        else:
            continue
        ledger.check(postings)
        for posting in postings:
            balances[posting.layer, posting.account] += posting.amount
    left = sum(amount for _, amount in captured)
    expected = {f"party:{name}": n for name, n in naive(about.shares, left).items()}
    expected |= {name: -n for name, n in paid.items()}
    found = {account: n for (layer, account), n in balances.items() if layer == ledger.POSTED}
    accounts = expected.keys() | found.keys()
    assert all(expected.get(name, 0) == found.get(name, 0) for name in accounts), (about, expected, found)
    promised = Counter()
    for who, amount, _ in held:
        promised[who] -= amount
    promised["sales:m"] = -sum(promised.values())
    assert all(balances[ledger.HELD, name] == n for name, n in promised.items())
    for who, amount in captured:  # and everything back
        for posting in ledger.refund(who, "EUR", amount, about, net):
            balances[posting.layer, posting.account] += posting.amount
        net -= amount
    assert net == 0 and not any(n for (layer, _), n in balances.items() if layer == ledger.POSTED)
