"""Tills that are devices: their credential is bound to our key with them, and they are told who they are. Each in a
transaction."""

import re
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..errors import UsageFault
from ..money import MOST, currency
from . import parties, tables
from .authorise import Till
from .rows import Missing, Refused, audit

GERMANY = 276
NAME_B = 24
_TERMINAL = 8
_NAME = re.compile(r"[\x20-\x7e\xa0-\ud7ff]*")


class About(NamedTuple):
    """device: paired. name: for receipts. country: ISO 3166-1, numeric. offline: minor units, the most that it may take
    of a tap and in all while it cannot ask; None: nothing."""

    device: str
    name: str = ""
    country: int = GERMANY
    offline: tuple[int | None, int | None] = (None, None)

    def check(self) -> "About":
        """Raises UsageFault."""
        if not _NAME.fullmatch(self.name) or len(self.name.encode()) > NAME_B:
            raise UsageFault(f"a till's name has at most {NAME_B} bytes, and no control characters")
        if not 0 < self.country < 1000:
            raise UsageFault("a country is three digits of ISO 3166-1")
        tap, all_taps = self.offline
        if (tap is None) != (all_taps is None) or not 0 <= (tap or 0) <= (all_taps or 0) <= MOST:
            raise UsageFault("offline: what a tap takes at most, and what all of them do, which is not less")
        return self


def add(connection: sa.Connection, who: str, merchant: str, terminal: str, about: About, now: float) -> str:
    """-> the credential's id. Raises UsageFault, Missing, Refused."""
    about.check()
    d = tables.devices.c
    if connection.scalar(sa.select(d.kid).where(d.id == about.device).with_for_update()) is None:
        raise Missing(f"{about.device} is not paired; pair: `tos tokens pair CODE`")
    there = find(connection, about.device)
    if there is not None:
        raise Refused(f"{about.device} is {there.terminal} of {there.merchant}, by {there.credential}; end that first")
    id = parties.add_bound_till(connection, who, merchant, terminal, now)
    tap, all_taps = about.offline
    row = {"credential": id, "device": about.device, "name": about.name, "country": about.country}
    connection.execute(tables.tills.insert().values(**row, offline_tap=tap, offline_all=all_taps))
    return id


def find(connection: sa.Connection, device: str) -> Till | None:
    """Which till this device is."""
    row = connection.execute(_BOUND.where(tables.tills.c.device == device)).first()
    return Till(row.id, row.merchant, row.terminal) if row else None


def due(connection: sa.Connection) -> list[tuple[str, str]]:
    """[(device, credential)] of those that do not know yet which till they are."""
    d = tables.devices.c
    rows = connection.execute(_BOUND.where(sa.func.coalesce(d.till, "") != tables.credentials.c.id)).all()
    return [(row.device, row.id) for row in rows]


def terms(connection: sa.Connection, credential: str) -> dict[int, Any]:
    """What the device is told: [till_terms] of the link. Raises Missing: it was ended meanwhile."""
    row = connection.execute(_BOUND.where(tables.credentials.c.id == credential)).first()
    if row is None:
        raise Missing("no such till")
    number = currency(parties.currency_of(connection, row.merchant)).number
    told: dict[int, Any] = {0: row.merchant, 1: row.terminal.ljust(_TERMINAL), 2: f"{number:04}"}
    told |= {3: f"{row.country:04}", 4: row.name}
    return told if row.offline_tap is None else {**told, 5: [row.offline_tap, row.offline_all]}


def told(connection: sa.Connection, device: str, credential: str, now: float) -> None:
    """It has said that it knows."""
    connection.execute(tables.devices.update().where(tables.devices.c.id == device).values(till=credential))
    audit(connection, now, "service", "introduce", credential, device)


_BOUND = (
    sa.select(tables.tills, tables.credentials)
    .join(tables.credentials, tables.credentials.c.id == tables.tills.c.credential)
    .join(tables.devices, tables.devices.c.id == tables.tills.c.device)
    .where(tables.credentials.c.revoked_at.is_(None))
)
