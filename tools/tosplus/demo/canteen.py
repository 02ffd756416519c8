"""The demo's canteen: what its token service is told, and who is paired with it, so that the watch can pay at the till.

As an operator does by `tos tokens`: on the database of the service that runs beside it.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from ..durable import replace
from ..errors import HostError
from ..link.find import parsed
from ..link.pairing_code import parse
from ..sim.device import Device
from ..tokens import parties, sales, shares, state, tills, views, wallet
from ..tokens.device import Devices
from ..tokens.serve import Options, opened
from ..tokens.service import Service
from .tokens import Tokens

MERCHANT, TERMINAL, ACCOUNT, PARTY = "CANTEEN", "TILL0001", "ann", "developer"
_TERMS = shares.terms("canteen", [("platform", 300), ("manufacturer", 700), (PARTY, 9000)])
_MONEY = 5000  # 50.00
_WHO = "the demo"
_WITHIN_S, _AGAIN_S = 60.0, 0.5
_PRESS_MS = 300

Guest = tuple[Device, str]  # and its id


async def found(tokens: Tokens) -> None:
    """The canteen, ann's account, and the hub's credential, in its file."""
    async with _service(tokens) as service:
        secret = await _write(service, _found)
    replace(tokens.secret, secret)


async def open_to(tokens: Tokens, watch: Guest, till: Guest) -> str:
    """Once both are paired with the service, the till knows who it is, and the watch has a token -> its id. What an
    earlier demo has left is kept. Raises HostError."""
    async with _service(tokens) as service:
        id: str | None = await _write(service, lambda connection, now: _token(connection, watch[1]))
        if id is None:
            async with Devices(service, parsed(tokens.hub)) as devices:
                both = (watch[0], "button_a"), (till[0], "button")
                await asyncio.gather(*[_until(functools.partial(_pair, devices, *one)) for one in both])
            id = str(await _write(service, lambda connection, now: _issue(connection, watch[1], till[1], now)))
        await _until(lambda: _write(service, lambda connection, now: _is_told(connection, id)))
    return id


async def settled(tokens: Tokens) -> int:
    """All that the canteen holds is captured, and shared -> how many sales."""
    async with _service(tokens) as service:
        found = await _write(service, lambda connection, now: sales.settle(connection, _WHO, MERCHANT, now))
    return len(found)


async def faults(tokens: Tokens) -> list[Any]:
    """What does not sum up in the ledger."""
    async with _service(tokens) as service:
        return await asyncio.to_thread(service.read, views.faults)


@contextlib.asynccontextmanager
async def _service(tokens: Tokens) -> AsyncIterator[Service]:
    service = await asyncio.to_thread(opened, Options(tokens.folder))
    try:
        yield service
    finally:
        await asyncio.to_thread(service.close)


async def _write(service: Service, work: Callable[[Any, float], Any]) -> Any:
    return await asyncio.to_thread(service.write, work)


async def _until(done: Callable[[], Awaitable[Any]]) -> None:
    """Tried again while it is refused, or comes to nothing."""
    deadline = time.monotonic() + _WITHIN_S
    while True:
        told = "it takes too long"
        try:
            if await done():
                return
        except HostError as e:  # a watch may have fallen asleep
            told = str(e)
        if time.monotonic() > deadline:
            raise HostError(f"the watch cannot pay yet: {told}")
        await asyncio.sleep(_AGAIN_S)


async def _pair(devices: Devices, device: Device, button: str) -> bool:
    """By the code that it shows once its button was pressed. A press also wakes it."""
    await device.press(button, _PRESS_MS)
    await devices.pair(parse(await device.code()))
    return True


# What the service is told, each in a transaction


def _found(connection: Any, now: float) -> str:
    """-> the secret of the hub's credential."""
    if not parties.has_merchant(connection, MERCHANT):
        parties.add_merchant(connection, _WHO, MERCHANT, "EUR", now)
        hash = parties.put_terms(connection, _WHO, _TERMS, now)
        parties.accept(connection, _WHO, MERCHANT, hash, _WHO, "the demo's terms", now)
        wallet.open_holder(connection, _WHO, ACCOUNT, "EUR", 0, now)
        wallet.topup(connection, _WHO, ACCOUNT, _MONEY, "for the demo", now)
    return parties.add_house(connection, _WHO, now)[1]


def _token(connection: Any, watch: str) -> str | None:
    return next((row.id for row in views.tokens(connection) if row.device == watch), None)


def _issue(connection: Any, watch: str, till: str, now: float) -> str:
    tills.add(connection, _WHO, MERCHANT, TERMINAL, tills.About(till, "Canteen"), now)
    return str(wallet.issue(connection, _WHO, ACCOUNT, watch, wallet.Limits(), now).id)


def _is_told(connection: Any, id: str) -> bool:
    return wallet.token(connection, id).state == state.ACTIVE and not tills.due(connection)
