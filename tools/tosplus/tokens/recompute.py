"""`tos tokens recompute FILE`: a statement, checked by whoever has it, with its terms and nothing else."""

import json
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from .. import money
from ..errors import UsageFault
from .beancount import as_beancount, read_beancount
from .shares import BadTerms, moved, shared
from .shares import terms as made
from .statement import Wrong, read_csv


class Total(NamedTuple):
    """share: what the statement brought the party, of a merchant's sales under these terms."""

    merchant: str
    terms: str
    currency: str
    lines: int
    amount: int
    share: int

    def __str__(self) -> str:
        currency = money.currency(self.currency)
        amount, share = money.words(self.amount, currency), money.words(self.share, currency)
        about = f"{self.merchant}, terms {self.terms}: {self.lines} lines"
        return f"{about}, sales less refunds {amount} {self.currency}, of which {share} {self.currency}"


def read(file: Path) -> dict[str, Any]:
    """JSON, CSV or beancount. Raises UsageFault, Wrong."""
    try:
        text = file.read_text()
        if text.startswith("option "):
            return _rewritten(text)
        told = json.loads(text) if text.lstrip().startswith("{") else read_csv(text)
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise UsageFault(f"{file} is no statement, as JSON, CSV or beancount: {e}") from None
    return dict(told)


def _rewritten(text: str) -> dict[str, Any]:
    """Of beancount. What it says twice is written anew from what it says once: whoever reads it goes by either."""
    told = read_beancount(text)
    recomputed(told)
    for number, (row, again) in enumerate(zip_longest(text.splitlines(), as_beancount(told).splitlines()), 1):
        if row != again:
            raise Wrong(f"row {number} says {row!r}, and {again!r} by the lines")
    return told


def recomputed(told: dict[str, Any]) -> list[Total]:
    """Raises Wrong, with the line that does not hold."""
    try:
        return [_book(told["party"], book) for book in told["books"]]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as e:
        raise Wrong(f"the statement lacks something: {e!r}") from None


def _book(party: str, book: dict[str, Any]) -> Total:
    about = book["terms"]
    try:
        terms = made(about["id"], ((name, points) for name, points in about["shares"]))
    except BadTerms as e:
        raise Wrong(f"{book['merchant']}: {e}") from None
    if terms.hash != about["hash"]:
        raise Wrong(f"{book['merchant']}: the terms are not those with the hash {about['hash']}")
    names = [name for name, _ in terms.shares]
    if party not in names:
        raise Wrong(f"{book['merchant']}: the terms {terms.id} have no party {party}")
    place = names.index(party)
    net, number, share = book["opening"], book["lines"][0]["line"], 0
    if net < 0:
        raise Wrong(f"{book['merchant']}, before line {number}: the net is {net}, and cannot be")
    for line in book["lines"]:
        where = f"{book['merchant']}, line {line['line']}"
        if line["line"] != number:
            raise Wrong(f"{where}: line {number} is missing")
        before, net, number = net, net + line["amount"], number + 1
        if net != line["net"] or net < 0:
            raise Wrong(f"{where}: the net is {line['net']} there, and {net} by the amounts")
        part = moved(terms, before, net)[place][1]
        if part != line["share"]:
            raise Wrong(f"{where}: the share is {line['share']} there, and {part} by the terms")
        if shared(terms, net)[place] != line["total"]:
            raise Wrong(f"{where}: the total is {line['total']} there, and {shared(terms, net)[place]} by the terms")
        share += part
    return Total(book["merchant"], terms.id, book["currency"], len(book["lines"]), net - book["opening"], share)
