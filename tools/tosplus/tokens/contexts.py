"""Our keys with devices: an OSCORE context (RFC 8613) for each, by which we ask it and it asks us.

They are in the database, sealed. One that a device may have and has not shown to have stands under its id and "?",
until the device proves it.
"""

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ..link.oscore import Context
from ..link.pair import Paired
from ..link.secure import Credentials
from . import tables
from .rows import Missing, audit

if TYPE_CHECKING:
    from .service import Service

_UNPROVEN = "?"
_AHEAD = 128
_KID_B = 2


class Kept(Credentials):
    """Sequence numbers are reserved in the database, before they are used, for whichever process sends. Any thread may
    protect. What was received is known to this process only: the first request wants an Echo."""

    def __init__(self, service: "Service", id: str, paired: Paired) -> None:
        super().__init__(Context(*paired), Path())
        self._service, self._id = service, id
        self._lock = threading.Lock()

    def new_sequence_number(self) -> int:
        with self._lock:
            return super().new_sequence_number()

    def _reserve(self) -> int:
        d = tables.devices

        def reserving(connection: sa.Connection, now: float) -> int:
            sent = connection.scalar(sa.select(d.c.sent).where(d.c.id == self._id).with_for_update())
            if sent is None:
                raise Missing("the key with this device is gone")
            connection.execute(d.update().where(d.c.id == self._id).values(sent=sent + _AHEAD))
            return int(sent)

        return self._service.write(reserving)


class Contexts:
    """One of each key in a process, so that its replay window is one, too. Any thread may ask."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._kept: dict[str, tuple[bytes, Kept]] = {}
        self._lock = threading.Lock()

    def of(self, id: str, unproven: bool = False) -> Kept:
        """Raises Missing."""
        d, key = tables.devices.c, id + _UNPROVEN * unproven
        sealed = self._service.read(lambda connection: connection.scalar(sa.select(d.sealed).where(d.id == key)))
        if sealed is None:
            raise Missing(f"there is no key with {id}; pair: `tos tokens pair CODE`")
        return self._opened(id, key, sealed)

    def by(self, kid: bytes) -> tuple[str, Kept] | None:
        """(id of the device, context) of who sends with this id."""
        d = tables.devices.c
        query = sa.select(d.id, d.sealed).where(d.kid == kid, d.id.not_like(f"%{_UNPROVEN}"))
        row = self._service.read(lambda connection: connection.execute(query).first())
        return (row.id, self._opened(row.id, row.id, row.sealed)) if row else None

    def free_kid(self) -> bytes:
        """What the next device is to send with."""
        d = tables.devices.c
        taken = set(self._service.read(lambda connection: connection.execute(sa.select(d.kid)).scalars().all()))
        while (kid := os.urandom(_KID_B)) in taken:
            pass
        return kid

    def expect(self, id: str, paired: Paired) -> None:
        """The device may have this key from now on."""
        sealed = self._service.vault.seal(f"device {id}", json.dumps([value.hex() for value in paired]).encode())
        row = {"id": id + _UNPROVEN, "sealed": sealed, "sent": 0, "kid": paired.recipient_id}

        def expecting(connection: sa.Connection, now: float) -> None:
            connection.execute(tables.devices.delete().where(tables.devices.c.id == id + _UNPROVEN))
            connection.execute(tables.devices.insert().values(**row, made_at=now))

        self._service.write(expecting)

    def prove(self, id: str) -> None:
        """The device has it: that is the one."""

        def proving(connection: sa.Connection, now: float) -> None:
            d = tables.devices
            connection.execute(d.delete().where(d.c.id == id))
            connection.execute(d.update().where(d.c.id == id + _UNPROVEN).values(id=id))
            audit(connection, now, "service", "pair", id)

        self._service.write(proving)

    def _opened(self, id: str, key: str, sealed: bytes) -> Kept:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept[0] != sealed:
                told = json.loads(self._service.vault.open(f"device {id}", sealed))
                paired = Paired(*(bytes.fromhex(value) for value in told))
                kept = self._kept[key] = sealed, Kept(self._service, key, paired)
            return kept[1]
