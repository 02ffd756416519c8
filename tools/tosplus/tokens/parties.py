"""Merchants, the terms that they accept, and credentials: of tills, operators, parties and houses."""

import hashlib
import json
import re
import secrets
from typing import NamedTuple

import sqlalchemy as sa

from ..errors import UsageFault
from ..money import currency
from . import tables
from .authorise import Till
from .rows import Missing, Refused, audit, new_id
from .shares import Terms

TILL, OPERATOR, PARTY, HOUSE = "till", "operator", "party", "house"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_MERCHANT, _TERMINAL, _PARTY = 15, 8, 32


class Credential(NamedTuple):
    """Who asks. till: of a till. party: of one whose statements it may read."""

    id: str
    scope: str
    till: Till | None
    party: str | None


def add_merchant(connection: sa.Connection, who: str, id: str, code: str, now: float) -> None:
    """Raises UsageFault, Refused."""
    _named(id, _MERCHANT)
    if has_merchant(connection, id):
        raise Refused(f"there is a merchant {id} already")
    connection.execute(tables.merchants.insert().values(id=id, currency=currency(code).code, terms=None, made_at=now))
    audit(connection, now, who, "add merchant", id)


def has_merchant(connection: sa.Connection, id: str) -> bool:
    return connection.scalar(sa.select(tables.merchants.c.id).where(tables.merchants.c.id == id)) is not None


def currency_of(connection: sa.Connection, merchant: str) -> str:
    """Raises Missing."""
    code = connection.scalar(sa.select(tables.merchants.c.currency).where(tables.merchants.c.id == merchant))
    if code is None:
        raise Missing(f"no merchant {merchant}; `tos tokens merchant` adds one")
    return str(code)


def put_terms(connection: sa.Connection, who: str, about: Terms, now: float) -> str:
    """-> their hash, by which they are accepted. The same terms twice are the same."""
    if connection.scalar(sa.select(tables.terms.c.hash).where(tables.terms.c.hash == about.hash)) is None:
        shares = json.dumps(about.shares)
        connection.execute(tables.terms.insert().values(hash=about.hash, id=about.id, shares=shares, made_at=now))
        audit(connection, now, who, "put terms", about.id, about.hash)
    return about.hash


def accept(connection: sa.Connection, who: str, merchant: str, hash: str, by: str, record: str, now: float) -> None:
    """The merchant's sales are shared by these from now on. record: where it is written down. Raises Missing."""
    if connection.scalar(sa.select(tables.terms.c.hash).where(tables.terms.c.hash == hash)) is None:
        raise Missing("no terms with this hash")
    mine = tables.merchants.update().where(tables.merchants.c.id == merchant)
    if connection.execute(mine.values(terms=hash)).rowcount != 1:
        raise Missing(f"no merchant {merchant}; `tos tokens merchant` adds one")
    row = {"id": new_id(now), "merchant": merchant, "hash": hash, "by": by, "record": record, "at": now}
    connection.execute(tables.acceptances.insert().values(**row))
    audit(connection, now, who, "accept terms", merchant, hash)


def add_till(connection: sa.Connection, who: str, merchant: str, terminal: str, now: float) -> tuple[str, str]:
    """-> the credential's id, and its secret, which is told once. Raises UsageFault, Missing."""
    _check_till(connection, merchant, terminal)
    return _add(connection, who, TILL, now, merchant=merchant, terminal=terminal)


def add_bound_till(connection: sa.Connection, who: str, merchant: str, terminal: str, now: float) -> str:
    """-> the credential's id. It has no secret: see tills.py. Raises UsageFault, Missing."""
    _check_till(connection, merchant, terminal)
    return _insert(connection, who, TILL, None, now, merchant=merchant, terminal=terminal)


def add_operator(connection: sa.Connection, who: str, now: float) -> tuple[str, str]:
    return _add(connection, who, OPERATOR, now)


def add_house(connection: sa.Connection, who: str, now: float) -> tuple[str, str]:
    return _add(connection, who, HOUSE, now)


def add_party(connection: sa.Connection, who: str, party: str, now: float) -> tuple[str, str]:
    """Raises UsageFault."""
    _named(party, _PARTY)
    return _add(connection, who, PARTY, now, party=party)


def end(connection: sa.Connection, who: str, id: str, now: float) -> None:
    """The credential is worth nothing any more. Raises Missing."""
    c = tables.credentials.c
    mine = tables.credentials.update().where(c.id == id, c.revoked_at.is_(None))
    if connection.execute(mine.values(revoked_at=now)).rowcount != 1:
        raise Missing("no such credential")
    audit(connection, now, who, "end credential", id)


def find(connection: sa.Connection, secret: str) -> Credential | None:
    """Whose secret this is. It is looked for by its hash: how long that takes tells nothing of others."""
    c = tables.credentials.c
    query = sa.select(tables.credentials).where(c.digest == _digest(secret), c.revoked_at.is_(None))
    row = connection.execute(query).first()
    if row is None:
        return None
    till = Till(row.id, row.merchant, row.terminal) if row.scope == TILL else None
    return Credential(row.id, row.scope, till, row.party)


def _add(connection: sa.Connection, who: str, scope: str, now: float, **about: str) -> tuple[str, str]:
    secret = f"tos_{secrets.token_urlsafe(32)}"
    return _insert(connection, who, scope, _digest(secret), now, **about), secret


def _insert(
    connection: sa.Connection, who: str, scope: str, digest: str | None, now: float, **about: str
) -> str:
    id = f"{scope}-{secrets.token_hex(4)}"
    row = {"id": id, "scope": scope, "digest": digest, "made_at": now, "revoked_at": None, **about}
    connection.execute(tables.credentials.insert().values(**row))
    audit(connection, now, who, f"add {scope}", id, " ".join(about.values()))
    return id


def _check_till(connection: sa.Connection, merchant: str, terminal: str) -> None:
    _named(terminal, _TERMINAL)
    if not has_merchant(connection, merchant):
        raise Missing(f"no merchant {merchant}; `tos tokens merchant` adds one")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _named(name: str, most: int) -> None:
    if not _NAME.fullmatch(name) or len(name) > most:
        raise UsageFault(f"a name here has 1 to {most} characters of A-Z, a-z, 0-9 and ._-")
