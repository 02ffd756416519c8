"""Damaged terms, answers of cards and answers of services into a till: `micropython tests/fuzz/counter_target.py CASES
SEED`.

Ends with exit status 1 and the bytes when anything but TosError is raised, when terms are kept that are none, when a
card is believed whose answers do not hang together, or when something counts as an approval that does not say so.
"""

import random
import sys
from binascii import hexlify

from driver import died, fail
from mutate import mutated
from test_till import APPROVED, TERMS, Purse, Shop, but, declined
from tos import till_ask, till_link, till_sales, till_tell
from toscore import cbor, coap, emv
from toscore.card import Card
from toscore.errors import TosError
from toscore.terminal import Sale

_CBOR = b"\x00\x40\x44\x48\x60\x66\x7f\x80\x9f\xa0\xa6\xbf\xf4\xf5\xf6\xff"
_TLV = b"\x57\x5a\x5f\x77\x70\x80\x81\x82\x90\x94\x9f\xff\x00\x7f"
_VALUES = (None, 0, 1, 5, -1, 1.5, True, False, b"", b"12345678", "text", "TILL0001", [], [1], [5, 5], {}, {0: 1})


def odd(whole):
    """A map with something else in one place."""
    return cbor.dumps(but(whole, {random.choice((0, 1, 2, 3, 4, 5, 6, "x")): random.choice(_VALUES)}))


def damaged(wholes, telling=_CBOR):
    whole = random.choice(wholes)
    return odd(whole) if random.randrange(2) else mutated(random, cbor.dumps(whole), telling)


def terms(shop, body):
    seal = (shop.bench.link.peers.find("tokens").context, None)
    try:
        till_link.route(shop.till, coap.PUT, "y/till", [], body, seal)
    except TosError:
        return False
    kept = till_sales.terms(shop.till)
    assert kept[till_sales.BY] == "tokens" and len(kept[1]) == 8 and 1 <= len(kept[0]) <= 15 and kept[2].isdigit()
    Sale(kept[0], kept[1], 1, "261121", bytes(4), kept[2], kept[3])
    return True


def answers():
    """Those of a card, to each command of a sale."""
    card, out, found = Card(Purse()), bytearray(258), []
    sale = Sale("CANTEEN", "TILL0001", 1250, "261121", bytes(4))
    command = sale.step(b"")
    while command:
        found.append(bytes(out[: card.step(command, out)]))
        command = sale.step(found[-1])
    return found


def tap(whole):
    """-> whether it was believed."""
    said = list(whole)
    at = random.randrange(len(said))
    said[at] = mutated(random, said[at], _TLV, 258)
    sale = Sale("CANTEEN", "TILL0001", 1250, "261121", bytes(4))
    try:
        sale.step(b"")
        for answer in said:
            if sale.step(answer) is None:
                break
    except TosError:
        assert sale.request is None
        return False
    if sale.request is None:
        return False
    request = sale.request
    assert sale.token.isdigit() and 12 <= len(sale.token) <= 19 and sale.atc == int.from_bytes(request[5], "big") > 0
    assert [len(request[key]) for key in (3, 4, 5, 6, 7, 8)] == [56, 2, 2, 8, 2, 32] and request[9] == emv.ARQC
    assert hexlify(request[1]).decode().startswith(sale.token + "d") and 0 <= request[2] <= 99
    return True


def heard(app, body):
    """-> whether it was approved."""
    answer = coap.CHANGED, body
    done = till_tell._reversed(app, answer)
    found = till_ask.outcome(app, answer)
    assert done in (None, True, False)
    if found is None:
        return False
    told = cbor.loads(body)
    approved, reason, number, code = found
    assert approved is told[0] and reason == told[1] and approved == (reason == 0)
    assert number is None or len(number) <= 64
    assert code is None or len(code) == 6
    return approved


def main(cases, seed):
    random.seed(seed)
    shop = Shop()
    whole = answers()
    seen = [0, 0, 0]
    for n in range(cases):
        what = n % 3
        body = b""
        try:
            if what == 0:
                body = damaged((TERMS, but(TERMS, {5: [100, 200]})))
                seen[0] += terms(shop, body)
            elif what == 1:
                seen[1] += tap(whole)
            else:
                body = damaged((APPROVED, declined(3), {0: True, 1: 0}))
                seen[2] += heard(shop.app, body)
        except Exception as e:
            died(e, n, seed, body)
    if min(seen) < cases // 1000:
        fail("seed %d: only %s were taken" % (seed, seen))


main(int(sys.argv[1]), int(sys.argv[2]))
