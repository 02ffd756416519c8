"""What a party has of each merchant's sales, line by line, so that it can recompute it: as JSON, CSV and beancount."""

import csv
import io
import json
from typing import Any

import sqlalchemy as sa

from ..errors import HostError
from . import tables
from .beancount import as_beancount
from .shares import Terms, moved, shared

_COLUMNS = ("line", "at", "kind", "transaction", "currency", "amount", "net", "share", "total")
_NUMBERS = ("line", "amount", "net", "share", "total")
_HEADER = ("party", "merchant", *_COLUMNS, "hash", "terms")


class Wrong(HostError):
    """A statement does not hold."""


def statement(connection: sa.Connection, party: str, since: float, until: float) -> dict[str, Any]:
    """{"party", "books": [{"merchant", "currency", "terms": {"id", "hash", "shares"}, "accepted": [...], "opening": net
    before, "lines": [{"line", "at", "kind", "transaction", "amount", "net", "share", "total"}]}]}

    Amounts in minor units; net: of the merchant's sales under these terms, after this line; share: what the line
    brought the party; total: what it has of the net.
    """
    books = []
    found = connection.execute(sa.select(tables.books).order_by(tables.books.c.id)).all()
    about = connection.execute(sa.select(tables.terms)).all()
    terms = {row.hash: Terms(row.id, tuple((name, n) for name, n in json.loads(row.shares))) for row in about}
    for row in found:
        if party not in dict(terms[row.terms].shares):
            continue
        l = tables.book_lines.c  # noqa: E741
        query = sa.select(tables.book_lines).where(l.book == row.id, l.at >= since, l.at < until).order_by(l.line)
        lines = [_line(terms[row.terms], party, line) for line in connection.execute(query).all()]
        if not lines:
            continue
        books.append(
            {
                "merchant": row.merchant,
                "currency": row.currency,
                "terms": {"id": terms[row.terms].id, "hash": row.terms, "shares": terms[row.terms].shares},
                "accepted": _accepted(connection, row.merchant, row.terms),
                "opening": lines[0]["net"] - lines[0]["amount"],
                "lines": lines,
            }
        )
    return {"party": party, "books": books}


def _line(terms: Terms, party: str, row: Any) -> dict[str, Any]:
    share = dict(moved(terms, row.net - row.amount, row.net))[party]
    total = dict(zip((name for name, _ in terms.shares), shared(terms, row.net), strict=True))[party]
    what = {"line": row.line, "at": row.at, "kind": row.kind, "transaction": row.auth}
    return {**what, "amount": row.amount, "net": row.net, "share": share, "total": total}


def _accepted(connection: sa.Connection, merchant: str, hash: str) -> list[dict[str, Any]]:
    a = tables.acceptances.c
    query = sa.select(a.by, a.record, a.at).where(a.merchant == merchant, a.hash == hash).order_by(a.at)
    return [dict(row._mapping) for row in connection.execute(query).all()]


def as_json(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=1) + "\n"


def as_csv(told: dict[str, Any]) -> str:
    """A table whose lines say all that is needed; `terms` are JSON. Amounts in minor units."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(_HEADER)
    for book in told["books"]:
        about = book["terms"]
        terms = json.dumps([about["id"], about["shares"]], separators=(",", ":"))
        for line in book["lines"]:
            rest = [{**line, "currency": book["currency"]}[name] for name in _COLUMNS]
            table.writerow((told["party"], book["merchant"], *rest, about["hash"], terms))
    return out.getvalue()


def read_csv(text: str) -> dict[str, Any]:
    """The same as was written by as_csv, but for acceptances. Raises ValueError, KeyError, TypeError, Wrong."""
    books: dict[tuple[str, ...], dict[str, Any]] = {}
    table = csv.DictReader(io.StringIO(text))
    if tuple(table.fieldnames or ()) != _HEADER:
        raise ValueError("the columns are others")
    said: dict[str, str] = {}  # of what is the same in all rows
    for row in table:
        where = f"{row['merchant']}, line {row['line']}"
        for name, of in (("party", ""), ("terms", row["hash"])):
            if said.setdefault(name + of, row[name]) != row[name]:
                raise Wrong(f"{where}: {name} {row[name]} there, and {said[name + of]} before")
        try:
            id, shares = json.loads(row["terms"])
            line: dict[str, Any] = {name: int(row[name]) for name in _NUMBERS}
            line |= {"at": float(row["at"]), "kind": row["kind"], "transaction": row["transaction"]}
        except (ValueError, TypeError) as e:
            raise ValueError(f"{where}: {e}") from None
        about = {"merchant": row["merchant"], "currency": row["currency"], "opening": line["net"] - line["amount"]}
        about |= {"terms": {"id": id, "hash": row["hash"], "shares": shares}, "lines": []}
        books.setdefault((row["merchant"], row["currency"], row["hash"]), about)["lines"].append(line)
    return {"party": said.get("party", ""), "books": list(books.values())}


FORMATS = {
    "json": ("application/json", as_json),
    "csv": ("text/csv; charset=utf-8", as_csv),
    "beancount": ("text/plain; charset=utf-8", as_beancount),
}
