"""What becomes of an authorisation: reversed, voided, captured by a settlement, refunded. Each in a transaction."""

import json
from typing import Any

import sqlalchemy as sa

from . import ledger, state, tables
from .authorise import Till, reversal
from .rows import Missing, Refused, audit, book
from .shares import Terms
from .shares import terms as made

_AT_ONCE = 200


def reverse(connection: sa.Connection, till: Till, number: str, atc: int, now: float, key: str | None = None) -> bool:
    """The till has lost the answer, or its customer: what it may have been given is void, also when it comes later.

    key: the idempotency key of the authorisation; one with another stays, for a customer may say the number and
    counter of an older tap. None: whichever it had. False: there is nothing of this till, or it was captured already.
    """
    id, a = reversal(till, number, atc), tables.auths.c
    connection.execute(sa.select(tables.tokens.c.number).where(tables.tokens.c.number == number).with_for_update())
    if connection.scalar(sa.select(tables.reversals.c.id).where(tables.reversals.c.id == id)) is None:
        connection.execute(tables.reversals.insert().values(id=id, at=now))
    mine = [a.number == number, a.atc == atc, a.merchant == till.merchant, a.terminal == till.terminal]
    if key is not None:
        mine.append(a.request.endswith(f":{key}", autoescape=True))
    auth = connection.execute(
        sa.select(tables.auths)
        .where(*mine, a.state.in_((state.HELD, state.CAPTURED, state.REVERSED)))
        .with_for_update()
    ).first()
    outcome = "nothing to reverse"
    if auth and auth.state != state.CAPTURED:
        outcome = "done"
        if auth.state == state.HELD:
            _release(connection, auth, "reversal", state.REVERSED, now)
    audit(connection, now, till.credential, "reverse", auth.id if auth else f"ATC {atc}", outcome)
    return outcome == "done"


def void(connection: sa.Connection, who: str, till: Till | None, id: str, now: float) -> None:
    """Before it is captured. till: None is an operator, who may void any. Raises Missing, Refused."""
    auth = _mine(connection, till, id)
    if auth.state == state.VOIDED:
        return
    if auth.state != state.HELD:
        raise Refused(f"it is {auth.state}; only what is held can be voided")
    _release(connection, auth, "void", state.VOIDED, now)
    audit(connection, now, who, "void", id)


def refund(connection: sa.Connection, who: str, till: Till | None, id: str, amount: int, now: float) -> int:
    """-> what is left of it. Up to what was captured, in as many parts as one likes. Raises Missing, Refused."""
    auth = _mine(connection, till, id)
    left: int = auth.captured - auth.refunded
    if auth.state != state.CAPTURED:
        raise Refused(f"it is {auth.state}; only what was captured can be refunded" + _hint(auth))
    if not 0 < amount <= left:
        raise Refused(f"of {auth.captured} captured there are {left} left to refund")
    about = terms(connection, auth.terms)
    page = _Book(connection, auth.merchant, about, auth.currency)
    postings = ledger.refund(ledger.holder(auth.holder), auth.currency, amount, about, page.net)
    refunded = auth.refunded + amount
    transfer = book(connection, f"{id}-{refunded}", "refund", postings, now, id)
    page.line(transfer, id, "refund", -amount, now)
    page.save()
    connection.execute(tables.auths.update().where(tables.auths.c.id == id).values(refunded=refunded))
    audit(connection, now, who, "refund", id, f"{amount}")
    return left - amount


def settle(connection: sa.Connection, who: str, merchant: str, now: float) -> list[str]:
    """Captures what the merchant holds, so many at a time; -> their ids, none when there is nothing left."""
    a = tables.auths.c
    held = sa.select(tables.auths).where(a.merchant == merchant, a.state == state.HELD).order_by(a.id).limit(_AT_ONCE)
    auths = connection.execute(held.with_for_update()).all()
    books: dict[tuple[str, str], _Book] = {}
    for auth in sorted(auths, key=lambda auth: (auth.terms, auth.currency, auth.id)):
        key = auth.terms, auth.currency
        if key not in books:
            books[key] = _Book(connection, merchant, terms(connection, auth.terms), auth.currency)
        page, holder = books[key], ledger.holder(auth.holder)
        before = ledger.hold(holder, merchant, auth.currency, auth.amount)
        postings = ledger.capture(before, holder, auth.currency, auth.amount, page.terms, page.net)
        page.line(book(connection, auth.id, "capture", postings, now, auth.id), auth.id, "sale", auth.amount, now)
        mine = tables.auths.update().where(a.id == auth.id)
        connection.execute(mine.values(state=state.CAPTURED, captured=auth.amount))
    for page in books.values():
        page.save()
    if auths:
        audit(connection, now, who, "settle", merchant, f"{len(auths)}")
    return [auth.id for auth in auths]


def terms(connection: sa.Connection, hash: str) -> Terms:
    row = connection.execute(sa.select(tables.terms).where(tables.terms.c.hash == hash)).one()
    return made(row.id, json.loads(row.shares))


class _Book:
    """A merchant's income under one version of terms, locked; each sale or refund is a line of it."""

    def __init__(self, connection: sa.Connection, merchant: str, about: Terms, currency: str) -> None:
        self._connection, self.terms = connection, about
        self.id = f"{merchant}|{about.hash}|{currency}"
        row = connection.execute(sa.select(tables.books).where(tables.books.c.id == self.id).with_for_update()).first()
        if row is None:
            first = {"id": self.id, "merchant": merchant, "terms": about.hash, "currency": currency}
            connection.execute(tables.books.insert().values(**first, net=0, lines=0))
        self.net: int = row.net if row else 0
        self._lines: int = row.lines if row else 0
        self._rows: list[dict[str, Any]] = []

    def line(self, transfer: str, auth: str, kind: str, amount: int, now: float) -> None:
        self.net += amount
        self._lines += 1
        about = {"book": self.id, "line": self._lines, "transfer": transfer, "auth": auth, "kind": kind}
        self._rows.append({**about, "at": now, "amount": amount, "net": self.net})

    def save(self) -> None:
        mine = tables.books.update().where(tables.books.c.id == self.id)
        self._connection.execute(mine.values(net=self.net, lines=self._lines))
        self._connection.execute(tables.book_lines.insert(), self._rows)


def _release(connection: sa.Connection, auth: Any, kind: str, to: str, now: float) -> None:
    mine = tables.auths.update().where(tables.auths.c.id == auth.id, tables.auths.c.state == state.HELD)
    if connection.execute(mine.values(state=to)).rowcount != 1:
        raise Refused("it has just been settled")
    held = ledger.hold(ledger.holder(auth.holder), auth.merchant, auth.currency, auth.amount)
    book(connection, auth.id, kind, ledger.release(held), now, auth.id)


def _mine(connection: sa.Connection, till: Till | None, id: str) -> Any:
    """An approved authorisation, locked. That of another till is none."""
    auth = connection.execute(sa.select(tables.auths).where(tables.auths.c.id == id).with_for_update()).first()
    own = auth and (till is None or (auth.merchant, auth.terminal) == (till.merchant, till.terminal))
    if auth is None or not own or auth.state == state.DECLINED:
        raise Missing("no such transaction")
    return auth


def _hint(auth: Any) -> str:
    return ": void it" if auth.state == state.HELD else ""
