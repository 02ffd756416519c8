"""Brings keys to devices in two phases, tells them what became of their token, and tills who they are. It begins again
where it was cut."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from aiocoap.numbers import codes

from ..errors import HostError, Unreachable
from . import state, tills, wallet
from .device import Asleep, Declined, Devices
from .rows import Missing, Refused, audit
from .service import Service

_log = logging.getLogger(__name__)
Work = Callable[[Service, Devices, str, str], Awaitable[Any]]  # of a device, on the token or credential of that id
_EACH_S = 2.0
_AGAIN_S, _AGAIN_MOST_S = 5.0, 600.0
_PATH, _STATE, _TILL = "y/token", "y/state", "y/till"

# Keys of the maps on the wire.
_ID, _NUMBER, _PSN, _EXPIRY, _REQUESTOR, _DKI, _KI, _LUK, _USES, _UNTIL = range(10)
_NEXT_ATC, _NEXT_ID = 2, 9  # of the answer to GET
_ATC_END = 0xFFFF
_NOT_THERE = (codes.BAD_REQUEST, codes.FORBIDDEN, codes.NOT_FOUND)  # another token is, another service's, or none


async def bring(service: Service, devices: Devices, device: str, id: str) -> bool:
    """-> whether its next key is in use. Raises Unreachable, Declined, Missing, Refused: the token is not open."""
    ki = await _write(service, lambda connection, now: wallet.waiting(connection, id))
    if ki is None:
        dki = await asyncio.to_thread(service.dki)
        offer = await _write(service, lambda connection, now: wallet.offer(connection, service.offering, dki, id, now))
        await devices.ask(device, codes.PUT, _PATH, _told(offer))
        ki = offer.ki
        await _write(service, lambda connection, now: wallet.delivered(connection, id, ki, now))
    try:
        await devices.ask(device, codes.POST, _PATH, {_ID: bytes.fromhex(id), _KI: ki})
    except Declined as e:
        if e.code is codes.BAD_REQUEST:  # it has lost it: offered again
            await _write(service, lambda connection, now: wallet.lost(connection, id, ki))
        raise
    last = (await _status(devices, device))[_NEXT_ATC] - 1
    await _write(service, lambda connection, now: wallet.confirmed(connection, id, ki, max(0, last), now))
    return True


async def tell(service: Service, devices: Devices, device: str, id: str) -> None:
    """What the host holds of the token, for the screen; that it counts is the host's own business. Written down before,
    as what the device may believe, and after."""

    def telling(connection: sa.Connection, now: float) -> str:
        wallet.told(connection, id, wallet.UNSURE)
        return wallet.to_tell(wallet.token(connection, id).state)

    what = await _write(service, telling)
    try:
        if what == state.REVOKED:
            await _forget(devices, device, bytes.fromhex(id))
        else:
            await devices.ask(device, codes.PUT, _STATE, {_ID: bytes.fromhex(id), 1: what == state.SUSPENDED})
    except Declined as e:
        if e.code not in _NOT_THERE:
            raise
    await _write(service, lambda connection, now: wallet.told(connection, id, what))


async def _forget(devices: Devices, device: str, id: bytes) -> None:
    """It erases whatever it has, and that may be another token by now."""
    found = await _status(devices, device)
    if id == (found[_ID] or found.get(_NEXT_ID)):
        await devices.ask(device, codes.DELETE, _PATH)


async def _status(devices: Devices, device: str) -> dict[int, Any]:
    """What it says of its token. Raises HostError, too: it cannot be understood."""
    told = (await devices.ask(device, codes.GET, _PATH)).told
    if isinstance(told, dict) and _ID in told and type(told.get(_NEXT_ATC)) is int and told[_NEXT_ATC] <= _ATC_END:
        return told
    raise HostError("it says of its token what cannot be understood")


async def introduce(service: Service, devices: Devices, device: str, credential: str) -> None:
    """The till hears which one it is. Raises Unreachable, Declined, Missing: it was ended meanwhile."""
    terms = await asyncio.to_thread(service.read, lambda connection: tills.terms(connection, credential))
    await devices.ask(device, codes.PUT, _TILL, terms)
    await _write(service, lambda connection, now: tills.told(connection, device, credential, now))


class Courier:
    """For all devices, until it is cancelled. One that cannot be reached is asked later, and holds up no other."""

    def __init__(self, service: Service, devices: Devices, clock: Callable[[], float] = time.monotonic) -> None:
        self._service, self._devices, self._clock = service, devices, clock
        self._not_before: dict[str, float] = {}
        self._waits: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        while True:
            await self.round()
            await asyncio.sleep(_EACH_S)

    async def round(self) -> None:
        """Begins what is due and not under way."""
        work = await asyncio.to_thread(self._service.write, self._due)
        for device, id, what in work:
            if device not in self._running and self._clock() >= self._not_before.get(device, 0):
                self._running[device] = asyncio.create_task(self._one(device, id, what))

    async def settled(self) -> None:
        """What was begun has ended."""
        await asyncio.gather(*self._running.values())

    def awake(self, device: str) -> None:
        """It can be reached now, whatever was thought of it."""
        self._not_before.pop(device, None)

    def _due(self, connection: sa.Connection, now: float) -> list[tuple[str, str, Work]]:
        due: list[tuple[str, str, Work]] = [(device, id, bring) for device, id in wallet.due(connection, now)]
        due += [(device, id, introduce) for device, id in tills.due(connection)]
        return due + [(device, id, tell) for device, id in wallet.untold(connection)]

    async def _one(self, device: str, id: str, what: Work) -> None:
        try:
            await what(self._service, self._devices, device, id)
            self._waits.pop(device, None)
            self._not_before.pop(device, None)
        except Asleep as e:
            self._later(device, e.wait_s)
        except (Unreachable, Missing):
            self._later(device, None)
        except (Declined, Refused) as e:
            words = str(e)
            await _write(self._service, lambda connection, now: audit(connection, now, "service", "bring", id, words))
            self._later(device, None)
        except HostError as e:
            _log.error("%s: %s", device, e)
            self._later(device, None)
        finally:
            self._running.pop(device, None)

    def _later(self, device: str, wait_s: float | None) -> None:
        if wait_s is None:
            wait_s = self._waits[device] = min(_AGAIN_MOST_S, 2 * self._waits.get(device, _AGAIN_S / 2))
        self._not_before[device] = self._clock() + wait_s


def _told(offer: wallet.Offer) -> dict[int, Any]:
    told: dict[int, Any] = {_ID: offer.id, _NUMBER: offer.number, _PSN: offer.psn, _EXPIRY: offer.expiry}
    told |= {_REQUESTOR: wallet.REQUESTOR, _DKI: offer.dki, _KI: offer.ki, _LUK: offer.luk}
    return {**told, _USES: offer.uses, _UNTIL: offer.until}


async def _write(service: Service, work: Any) -> Any:
    return await asyncio.to_thread(service.write, work)
