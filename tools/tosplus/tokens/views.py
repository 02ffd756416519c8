"""What operators and tills read: accounts, tokens, transactions, the ledger, the audit log."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from . import schema, state, tables
from .authorise import USES, Till
from .rows import Missing

_LATEST = 100


def transaction(connection: sa.Connection, till: Till | None, id: str) -> schema.Transaction:
    """Raises Missing, also for that of another till."""
    row = connection.execute(sa.select(tables.auths).where(tables.auths.c.id == id)).first()
    if row is None or (till is not None and (row.merchant, row.terminal) != (till.merchant, till.terminal)):
        raise Missing("no such transaction")
    return schema.Transaction(
        row.id, row.state, row.merchant, row.terminal, row.currency, row.amount, row.captured, row.refunded, row.at,
        row.reason,
    )  # fmt: skip


def accounts(connection: sa.Connection) -> list[schema.Account]:
    rows = connection.execute(sa.select(tables.holders).order_by(tables.holders.c.id)).all()
    return [schema.Account(row.id, row.currency, row.credit, row.posted, row.held) for row in rows]


def tokens(connection: sa.Connection) -> list[schema.Token]:
    k, left = tables.luks.c, defaultdict[str, int](int)
    for luk in connection.execute(sa.select(k.number, k.accepted).where(k.state == state.ACTIVE)).all():
        left[luk.number] += USES - luk.accepted
    rows = connection.execute(sa.select(tables.tokens).order_by(tables.tokens.c.made_at)).all()
    return [
        schema.Token(row.id, row.number[-4:], row.holder, row.device, row.state, left[row.number]) for row in rows
    ]


def merchants(connection: sa.Connection) -> list[schema.MerchantAnswer]:
    rows = connection.execute(sa.select(tables.merchants).order_by(tables.merchants.c.id)).all()
    return [schema.MerchantAnswer(row.id, row.currency, row.terms) for row in rows]


def balances(connection: sa.Connection) -> list[schema.PostingAnswer]:
    p = tables.postings.c
    query = sa.select(p.account, p.currency, p.layer, sa.func.sum(p.amount))
    rows = connection.execute(query.group_by(p.account, p.currency, p.layer).order_by(p.account, p.currency, p.layer))
    return [schema.PostingAnswer(account, code, layer, int(n)) for account, code, layer, n in rows.all()]


def ledger(connection: sa.Connection, limit: int = _LATEST) -> schema.Ledger:
    t, p = tables.transfers, tables.postings
    transfers = connection.execute(sa.select(t).order_by(t.c.at.desc(), t.c.id.desc()).limit(limit)).all()
    lines: defaultdict[str, list[schema.PostingAnswer]] = defaultdict(list)
    of_these = p.c.transfer.in_([row.id for row in transfers])
    for row in connection.execute(sa.select(p).where(of_these).order_by(p.c.transfer, p.c.line)).all():
        lines[row.transfer].append(schema.PostingAnswer(row.account, row.currency, row.layer, row.amount))
    latest = [schema.TransferAnswer(row.id, row.kind, row.at, row.auth, lines[row.id]) for row in transfers]
    return schema.Ledger(balances(connection), latest)


def audit(connection: sa.Connection, before: int | None, limit: int) -> list[schema.AuditLine]:
    """Newest first."""
    a = tables.audit
    query = sa.select(a).order_by(a.c.id.desc()).limit(limit)
    rows = connection.execute(query if before is None else query.where(a.c.id < before)).all()
    return [schema.AuditLine(row.id, row.at, row.who, row.what, row.subject, row.outcome) for row in rows]


def faults(connection: sa.Connection) -> list[Any]:
    """What does not sum up to zero, of transfers and of the whole; and holders who have not what their postings say.
    Nothing, in a ledger that holds."""
    p, h = tables.postings.c, tables.holders.c
    total = sa.func.sum(p.amount)
    wrong: list[Any] = []
    for keys in ((p.transfer, p.layer, p.currency), (p.layer, p.currency)):
        wrong += connection.execute(sa.select(*keys, total).group_by(*keys).having(total != 0)).all()
    kept = {(b.account, b.layer): b.amount for b in balances(connection)}
    for row in connection.execute(sa.select(h.id, h.posted, h.held)).all():
        told = kept.get((f"holder:{row.id}", "posted"), 0), kept.get((f"holder:{row.id}", "held"), 0)
        if told != (row.posted, row.held):
            wrong.append(row)
    return wrong
