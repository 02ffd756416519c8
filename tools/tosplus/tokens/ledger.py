"""Double entry: which postings a transfer has. Pure. A transfer never changes; another one corrects it.

A posting is an amount for an account; what an account has is the sum of its postings. There are two layers: `held` for
what is promised and may still be voided, `posted` for what is done. In each transfer the amounts sum up to zero for
each layer and currency. Holders' accounts are `holder:ID`, those of parties to the terms `party:NAME`; `sales:MID`
stands for a merchant's sales until they are captured, and `bank` for the world outside.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from .shares import Terms, moved

HELD, POSTED = "held", "posted"
BANK = "bank"


class Posting(NamedTuple):
    account: str
    currency: str
    layer: str
    amount: int


class Unbalanced(ValueError):
    """Money would come from nowhere, or get lost."""


def holder(id: str) -> str:
    return f"holder:{id}"


def party(name: str) -> str:
    return f"party:{name}"


def sales(merchant: str) -> str:
    return f"sales:{merchant}"


def topup(account: str, currency: str, amount: int) -> list[Posting]:
    """A holder pays in; with a negative amount, out."""
    return [Posting(account, currency, POSTED, amount), Posting(BANK, currency, POSTED, -amount)]


def hold(account: str, merchant: str, currency: str, amount: int) -> list[Posting]:
    """An authorisation: promised to the merchant, and no more at the holder's disposal."""
    return [Posting(account, currency, HELD, -amount), Posting(sales(merchant), currency, HELD, amount)]


def release(held: Iterable[Posting]) -> list[Posting]:
    """A void, or a part of a capture: the promise is no more."""
    return [posting._replace(amount=-posting.amount) for posting in held]


def capture(held: Iterable[Posting], account: str, currency: str, amount: int, terms: Terms, net: int) -> list[Posting]:
    """The promise is kept: the holder has paid, and each party has its share. net: of the merchant's book, before."""
    return [*release(held), Posting(account, currency, POSTED, -amount), *_parties(terms, currency, net, net + amount)]


def refund(account: str, currency: str, amount: int, terms: Terms, net: int) -> list[Posting]:
    """net: of the book in which the sale was captured, before."""
    return [Posting(account, currency, POSTED, amount), *_parties(terms, currency, net, net - amount)]


def check(postings: Iterable[Posting]) -> None:
    """Raises Unbalanced."""
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for posting in postings:
        sums[posting.layer, posting.currency] += posting.amount
    if any(sums.values()):
        raise Unbalanced(f"the postings of a transfer do not sum up to zero: {dict(sums)}")


def _parties(terms: Terms, currency: str, before: int, after: int) -> list[Posting]:
    return [Posting(party(name), currency, POSTED, n) for name, n in moved(terms, before, after) if n]
