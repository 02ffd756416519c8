"""Holders and their tokens: issued, given keys in two phases, suspended, resumed, revoked. Each in a transaction."""

import calendar
import secrets
import time
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..money import MOST, currency
from . import ledger, state, tables
from .authorise import USES
from .crypto import Keys
from .rows import Missing, Refused, audit, book, new_id

REQUESTOR = "50000000001"  # of tokens, 9F19
_KEY_S = 7 * 86400.0
_SOON_S = 86400.0
_LEFT = 3  # uses at which another key is due
_KEYS_A_DAY = 6
_TOKEN_YEARS = 3
_BIN = "999999"
_OPEN = (state.REQUESTED, state.PROVISIONED, state.ACTIVE)
UNSURE = "?"


class Limits(NamedTuple):
    """Amounts in minor units: of one tap, of 24 h; taps of an hour; beyond check_above the cardholder is checked."""

    tap_most: int = 5_000
    day_most: int = 15_000
    hour_most: int = 12
    check_above: int = 2_500


class Offer(NamedTuple):
    """What a device is told of a token and its next key."""

    id: bytes
    number: str
    psn: int
    expiry: str
    dki: int
    ki: int
    luk: bytes
    uses: int
    until: int

    def __repr__(self) -> str:
        return f"<Offer of key {self.ki}>"


def open_holder(connection: sa.Connection, who: str, id: str, code: str, credit: int, now: float) -> None:
    """credit: how far below zero the account may go. Raises UsageFault, Refused."""
    if connection.scalar(sa.select(tables.holders.c.id).where(tables.holders.c.id == id)) is not None:
        raise Refused(f"there is an account {id} already")
    row = {"id": id, "currency": currency(code).code, "credit": credit, "posted": 0, "held": 0, "made_at": now}
    connection.execute(tables.holders.insert().values(**row))
    audit(connection, now, who, "open account", id)


def topup(connection: sa.Connection, who: str, id: str, amount: int, note: str, now: float) -> int:
    """The holder pays in, or with a negative amount out; -> what the account has. Raises Missing, Refused."""
    row = holder(connection, id)
    if amount < 0 and row.posted + row.held + amount < 0:
        raise Refused("there is not so much in the account")
    if row.posted + amount > MOST:
        raise Refused("that is more than an account holds")
    postings = ledger.topup(ledger.holder(id), row.currency, amount)
    book(connection, new_id(now), "topup", postings, now, note=note)
    audit(connection, now, who, "top up", id, f"{amount}")
    return int(row.posted + amount)


def holder(connection: sa.Connection, id: str) -> Any:
    """Its row, locked. Raises Missing."""
    row = connection.execute(sa.select(tables.holders).where(tables.holders.c.id == id).with_for_update()).first()
    if row is None:
        raise Missing(f"no account {id}")
    return row


def issue(connection: sa.Connection, who: str, account: str, device: str | None, limits: Limits, now: float) -> Any:
    """-> the token's row, REQUESTED. Raises Missing."""
    holder(connection, account)
    year = time.gmtime(now).tm_year + _TOKEN_YEARS
    expires = calendar.timegm((year, 12, 31, 23, 59, 59))
    id, about = secrets.token_hex(8), {"holder": account, "device": device, "state": state.REQUESTED, "made_at": now}
    row = {"number": _number(), "id": id, "psn": 1, "expires": float(expires), **about, **limits._asdict()}
    connection.execute(tables.tokens.insert().values(**row))
    audit(connection, now, who, "issue", id)
    return token(connection, id)


def token(connection: sa.Connection, id: str) -> Any:
    """Its row, locked. Raises Missing."""
    row = connection.execute(sa.select(tables.tokens).where(tables.tokens.c.id == id).with_for_update()).first()
    if row is None:
        raise Missing("no such token")
    return row


def suspend(connection: sa.Connection, who: str, id: str, now: float) -> None:
    """At once: the next tap is declined, and no key is given out. Raises Missing, Refused."""
    if token(connection, id).state == state.REVOKED:
        raise Refused("it was revoked")
    _become(connection, id, state.SUSPENDED)
    audit(connection, now, who, "suspend", id)


def resume(connection: sa.Connection, who: str, id: str, now: float) -> None:
    """Raises Missing, Refused."""
    row = token(connection, id)
    if row.state != state.SUSPENDED:
        raise Refused(f"it is {row.state}, not suspended")
    held = {luk.state for luk in _luks(connection, row.number)}
    later = state.PROVISIONED if state.DELIVERED in held else state.REQUESTED
    _become(connection, id, state.ACTIVE if held & {state.ACTIVE, state.RETIRED} else later)
    audit(connection, now, who, "resume", id)


def revoke(connection: sa.Connection, who: str, id: str, now: float) -> None:
    """For ever. Raises Missing."""
    row = token(connection, id)
    _become(connection, id, state.REVOKED)
    retire = tables.luks.update().where(tables.luks.c.number == row.number)
    connection.execute(retire.values(state=state.RETIRED, last=None))
    audit(connection, now, who, "revoke", id)


def offer(connection: sa.Connection, keys: Keys, dki: int, id: str, now: float) -> Offer:
    """The next key; one that was offered and has not arrived is offered again. Raises Missing, Refused."""
    row = token(connection, id)
    _is_open(row)
    luks = _luks(connection, row.number)
    found = next((luk for luk in luks if luk.state == state.OFFERED and luk.dki == dki and luk.until > now), None)
    if found is None:
        if sum(luk.made_at > now - 86400 for luk in luks) >= _KEYS_A_DAY:
            raise Refused(f"{_KEYS_A_DAY} keys within a day are enough")
        new = {"number": row.number, "ki": max((luk.ki for luk in luks), default=0) + 1, "dki": dki, "made_at": now}
        new |= {"state": state.OFFERED, "accepted": 0, "used": b"", "until": float(int(now + _KEY_S)), "last": None}
        connection.execute(tables.luks.insert().values(**new))
        audit(connection, now, "service", "offer", id, f"KI {new['ki']}")
        found = next(luk for luk in _luks(connection, row.number) if luk.ki == new["ki"])
    luk = keys.luk(dki, row.number, row.psn, found.ki)
    expiry = time.strftime("%y%m%d", time.gmtime(row.expires))
    return Offer(bytes.fromhex(id), row.number, row.psn, expiry, dki, found.ki, luk, USES, int(found.until))


def waiting(connection: sa.Connection, id: str) -> int | None:
    """The KI of a key that the device has and was not told to use, as far as we know. Raises Missing, Refused."""
    row = token(connection, id)
    _is_open(row)
    return next((luk.ki for luk in _luks(connection, row.number) if luk.state == state.DELIVERED), None)


def lost(connection: sa.Connection, id: str, ki: int) -> None:
    """The device does not have it any more. Raises Missing."""
    _to(connection, token(connection, id), ki, state.DELIVERED, state.OFFERED)


def delivered(connection: sa.Connection, id: str, ki: int, now: float) -> None:
    """The device has it, and will use it when it is told to. Raises Missing, Refused: it has to be forgotten there."""
    row = token(connection, id)
    _is_open(row)
    _to(connection, row, ki, state.OFFERED, state.DELIVERED)
    if row.state == state.REQUESTED:
        _become(connection, id, state.PROVISIONED)


def confirmed(connection: sa.Connection, id: str, ki: int, last: int, now: float) -> None:
    """It is in use there, and no earlier key beyond the ATC `last`. Raises Missing."""
    row = token(connection, id)
    _to(connection, row, ki, state.DELIVERED, state.ACTIVE)
    k = tables.luks.c
    earlier = tables.luks.update().where(k.number == row.number, k.ki < ki, k.state != state.RETIRED)
    connection.execute(earlier.values(state=state.RETIRED, last=last))
    if row.state in (state.REQUESTED, state.PROVISIONED):
        _become(connection, id, state.ACTIVE)
    audit(connection, now, "service", "confirm", id, f"KI {ki}")


def due(connection: sa.Connection, now: float) -> list[tuple[str, str]]:
    """[(device, id)] of the tokens whose devices are to be given a key, or told to use it. A device has one token: the
    latest."""
    t = tables.tokens.c
    query = sa.select(tables.tokens).where(t.state.in_(_OPEN), t.device.is_not(None)).order_by(t.made_at)
    latest = {row.device: row for row in connection.execute(query).all()}
    return [(device, row.id) for device, row in latest.items() if is_due(_luks(connection, row.number), now)]


def to_tell(of: str) -> str:
    """What a device has to know of its token's state."""
    return of if of in (state.SUSPENDED, state.REVOKED) else state.ACTIVE


def untold(connection: sa.Connection) -> list[tuple[str, str]]:
    """[(device, id)] of the tokens whose devices may believe something else than is so."""
    t = tables.tokens.c
    rows = connection.execute(sa.select(t.device, t.id, t.state, t.told).where(t.device.is_not(None))).all()
    return [(row.device, row.id) for row in rows if (row.told or state.ACTIVE) != to_tell(row.state)]


def told(connection: sa.Connection, id: str, what: str) -> None:
    """what: of `to_tell`, which its device has confirmed; UNSURE: from now on it may have heard something."""
    connection.execute(tables.tokens.update().where(tables.tokens.c.id == id).values(told=what))


def is_due(luks: list[Any], now: float) -> bool:
    """luks: of one token."""
    good = [luk for luk in luks if luk.state == state.ACTIVE and luk.accepted < USES - _LEFT]
    unfinished = any(luk.state == state.DELIVERED for luk in luks)
    return unfinished or not any(luk.until > now + _SOON_S for luk in good)


def _luks(connection: sa.Connection, number: str) -> list[Any]:
    query = sa.select(tables.luks).where(tables.luks.c.number == number).order_by(tables.luks.c.ki)
    return list(connection.execute(query).all())


def _is_open(row: Any) -> None:
    if row.state not in _OPEN:
        raise Refused(f"the token is {row.state}")


def _become(connection: sa.Connection, id: str, to: str) -> None:
    connection.execute(tables.tokens.update().where(tables.tokens.c.id == id).values(state=to))


def _to(connection: sa.Connection, row: Any, ki: int, before: str, after: str) -> None:
    k = tables.luks.c
    mine = tables.luks.update().where(k.number == row.number, k.ki == ki, k.state == before)
    connection.execute(mine.values(state=after))


def _number() -> str:
    """Sixteen digits, the last by Luhn (ISO/IEC 7812-1)."""
    digits = f"{_BIN}{secrets.randbelow(10**9):09}"
    total = sum(sum(divmod(int(digit) * (2 - i % 2), 10)) for i, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
