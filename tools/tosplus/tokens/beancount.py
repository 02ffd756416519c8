"""A statement for bean-check and fava, with what it takes to recompute it as metadata. Pure."""

import re
import time
from typing import Any

from .. import money
from ..errors import UsageFault

_OWED = "Assets:Receivable:TokenService"
_ENTRY = re.compile(r'[0-9-]{10} \* "([a-z]+)" "([0-9a-f]+) line ([0-9]+)"', re.ASCII)
_META = re.compile(r'  ([a-z]+): "?([^"]*)"?')
_SHARE = re.compile(rf"  {_OWED}  (-?[0-9.]+) ([A-Z]{{3}})", re.ASCII)
_NUMBERS = ("amount", "net", "total")


def as_beancount(told: dict[str, Any]) -> str:
    """Income from each merchant, held by the platform until it is paid out. Metadata: in minor units."""
    lines = [f'option "title" "{told["party"]}"']
    for code in sorted({book["currency"] for book in told["books"]}):
        lines.append(f'option "operating_currency" "{code}"')
    opened, entries, sums = set(), [], dict[tuple[str, str], int]()
    for book in told["books"]:
        currency, terms = money.currency(book["currency"]), book["terms"]
        income = f"Income:Sales:{_account(book['merchant'])}"
        about = [("merchant", book["merchant"]), ("hash", terms["hash"])]
        about.append(("terms", " ".join([terms["id"], *(f"{name}={points}" for name, points in terms["shares"])])))
        for line in book["lines"]:
            day = time.strftime("%Y-%m-%d", time.gmtime(line["at"]))
            opened |= {(income, day), (_OWED, day)}
            amount = money.words(line["share"], currency)
            entries.append((day, f'{day} * "{line["kind"]}" "{line["transaction"]} line {line["line"]}"'))
            entries += [(day, f'  {name}: "{value}"') for name, value in (*about, ("at", repr(line["at"])))]
            entries += [(day, f"  {name}: {line[name]}") for name in _NUMBERS]
            entries.append((day, f"  {_OWED}  {amount} {currency.code}"))
            entries.append((day, f"  {income}  {money.words(-line['share'], currency)} {currency.code}"))
            sums[_OWED, currency.code] = sums.get((_OWED, currency.code), 0) + line["share"]
    first = {account: min(day for name, day in opened if name == account) for account, _ in opened}
    lines += [f"{day} open {account}" for account, day in sorted(first.items())]
    lines += [text for _, text in sorted(entries, key=lambda entry: entry[0])]
    last = max((day for day, _ in entries), default="")
    lines += [
        f"{_next(last)} balance {account}  {money.words(n, money.currency(code))} {code}"
        for (account, code), n in sorted(sums.items())
    ]
    return "\n".join(lines) + "\n"


def read_beancount(text: str) -> dict[str, Any]:
    """The same as was written by as_beancount, but for acceptances. Raises ValueError, with the row."""
    party, books = "", dict[tuple[str, ...], dict[str, Any]]()
    found: dict[str, Any] = {}
    for number, row in enumerate(text.splitlines(), 1):
        try:
            if row.startswith('option "title" '):
                party = row.split('"')[3]
            elif entry := _ENTRY.fullmatch(row):
                found = {"kind": entry[1], "transaction": entry[2], "line": int(entry[3])}
            elif meta := _META.fullmatch(row):
                found[meta[1]] = meta[2]
            elif share := _SHARE.fullmatch(row):
                _line(books, found, share[2], share[1])
        except (UsageFault, ValueError, LookupError) as e:
            raise ValueError(f"row {number}: {e}") from None
    return {"party": party, "books": list(books.values())}


def _line(books: dict[tuple[str, ...], dict[str, Any]], found: dict[str, Any], code: str, share: str) -> None:
    line = {name: found[name] for name in ("line", "kind", "transaction")}
    line |= {name: int(found[name]) for name in _NUMBERS} | {"at": float(found["at"])}
    size = money.minor(share.removeprefix("-"), money.currency(code))
    line["share"] = -size if share.startswith("-") else size
    id, *shares = found["terms"].split(" ")
    about: dict[str, Any] = {"merchant": found["merchant"], "currency": code, "opening": line["net"] - line["amount"]}
    about |= {"terms": {"id": id, "hash": found["hash"], "shares": [_share(one) for one in shares]}, "lines": []}
    books.setdefault((found["merchant"], code, found["hash"]), about)["lines"].append(line)


def _share(text: str) -> tuple[str, int]:
    name, _, points = text.partition("=")
    return name, int(points)


def _account(name: str) -> str:
    """A component of an account: a capital or a digit first."""
    return "M" + "".join(c if c.isalnum() else f"-{ord(c):X}-" for c in name)


def _next(day: str) -> str:
    at = time.mktime(time.strptime(day, "%Y-%m-%d")) + 36 * 3600  # beyond any hour that a summer adds or takes
    return time.strftime("%Y-%m-%d", time.localtime(at))
