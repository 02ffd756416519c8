"""What several operations write: transfers with their postings, and the audit log."""

import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..errors import HostError
from . import ledger, tables


class Refused(HostError):
    """It cannot be, as things are."""


class Missing(HostError):
    """There is nothing of that name, or nothing that this one may know of."""


def new_id(now: float) -> str:
    """In the order of time, and not to be guessed."""
    return f"{int(now * 1000):012x}{secrets.token_hex(8)}"


def entries(
    id: str, kind: str, postings: Sequence[ledger.Posting], now: float, auth: str | None, note: str = ""
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """-> the rows of a transfer and of its postings. Its id says what it is of, and its kind: there is one such."""
    ledger.check(postings)
    transfer = f"{id}-{kind}"
    rows = [{"transfer": transfer, "line": line, **posting._asdict()} for line, posting in enumerate(postings)]
    return {"id": transfer, "kind": kind, "at": now, "auth": auth, "note": note}, rows


def book(
    connection: sa.Connection,
    id: str,
    kind: str,
    postings: Sequence[ledger.Posting],
    now: float,
    auth: str | None = None,
    note: str = "",
) -> str:
    """Writes a transfer, and what it changes for holders, whose rows are locked for it. -> its id"""
    transfer, rows = entries(id, kind, postings, now, auth, note)
    connection.execute(tables.transfers.insert(), [transfer])
    connection.execute(tables.postings.insert(), rows)
    holders = tables.holders
    for posting in sorted(postings):
        if posting.account.startswith("holder:"):
            column = holders.c.posted if posting.layer == ledger.POSTED else holders.c.held
            mine = holders.update().where(holders.c.id == posting.account.removeprefix("holder:"))
            connection.execute(mine.values({column: column + posting.amount}))
    return str(transfer["id"])


def audited(now: float, who: str, what: str, subject: str, outcome: str) -> dict[str, Any]:
    return {"at": now, "who": who, "what": what, "subject": subject, "outcome": outcome}


def audit(connection: sa.Connection, now: float, who: str, what: str, subject: str, outcome: str = "done") -> None:
    connection.execute(tables.audit.insert(), [audited(now, who, what, subject, outcome)])
