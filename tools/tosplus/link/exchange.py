"""Pairing with one device: the exchange of docs/pairing.md over CoAP, and the proof that the device has kept it."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from aiocoap.numbers.constants import TransportTuning

from ..errors import HostError, Unreachable
from .client import Client, LinkError
from .credentials import Peer, Store
from .find import told
from .oscore import Context
from .pair import Asker, PairError
from .pairing_code import Code
from .schema import Identity
from .secure import Credentials

_ANSWER_S = 30.0  # a chip computes for up to 2 s, and messages get lost
_BUSY_S = 45.0  # an exchange that somebody left makes way after 30 s
_AGAIN_S = 2.0
_PROOF_S = 15.0
_ROLE, _BUSY = 363, 364  # what the device answers, see words.py

Say = Callable[[str], None]


class Closed(HostError):
    """The device takes nobody now."""


class Busy(HostError):
    """It is pairing with somebody else all the time."""


class _Patient(TransportTuning):
    ACK_TIMEOUT = 0.7
    MAX_RETRANSMIT = 5


async def pair(
    code: Code,
    address: tuple[str, int],
    store: Store,
    role: str = "owner",
    name: str = "tos",
    say: Say = lambda step: None,
) -> tuple[Identity, bool]:
    """Until the device has answered under the new key, which is then in the store; -> who it is, and whether the key
    is new. One that it has already is found out and kept. say: told of each step that may take a while.

    Raises PairError (wrong code, somebody between), Closed, Busy, Unreachable, other HostErrors. What the device may
    have kept nevertheless stays in the store as unproven, and the next call finds out.
    """
    deadline = time.monotonic() + _BUSY_S
    if known := await _known(code.device_id, address, store, role):
        return known, False
    while True:
        try:
            return await _exchange(code, address, store, role, name, say), True
        except LinkError as e:
            if e.code == _ROLE:
                raise Closed(_closed(role)) from None
            if e.code != _BUSY:
                raise
        if time.monotonic() > deadline:
            raise Busy("The device is pairing with somebody else all the time. Try again later.")
        say("it is pairing with somebody else; waiting")
        await asyncio.sleep(_AGAIN_S)


async def _known(id: str, address: tuple[str, int], store: Store, role: str) -> Identity | None:
    """What the device says under a key that is here from before; None when there is none for this role that it has."""
    for unproven, peer in ((True, store.unproven(id)), (False, store.get(id))):
        credentials = store.credentials(id, unproven=unproven) if peer and peer.role == role else None
        if credentials is None:
            continue
        try:
            identity = await _proof(id, address, credentials)
        except (LinkError, PairError):  # in the clear, and so perhaps of somebody else: the key is kept
            continue
        if unproven:
            store.prove(id)
        store.move(id, told(address))
        return identity
    return None


async def _exchange(code: Code, address: tuple[str, int], store: Store, role: str, name: str, say: Say) -> Identity:
    id, asker = code.device_id, Asker(code.secret, role, name, store.free_id())
    say("it makes a key, which takes a chip up to 2 s")
    async with Client(*address, answer_s=_ANSWER_S) as client:
        second = await client.post("p", asker.m1, _Patient())
        try:
            third, paired = asker.answer(second)
        except PairError as e:
            with contextlib.suppress(LinkError, Unreachable):
                await client.post("p", e.abandon)
            raise
        store.expect(id, Peer(Context(*paired), role, name, told(address)))  # from m3 on the device may have it
        refused = None
        try:
            await client.post("p", third, _Patient())
        except (LinkError, Unreachable) as e:
            refused = e  # in the clear, or lost: what counts is the proof
    say("it is asked for the proof that it has kept it")
    credentials = store.credentials(id, unproven=True, known=True)
    assert credentials
    try:
        identity = await _proof(id, address, credentials)
    except LinkError as e:
        raise refused or e from None
    store.prove(id)
    return identity


async def _proof(id: str, address: tuple[str, int], credentials: Credentials) -> Identity:
    """What it says of itself, which only who has the key can say."""
    async with Client(*address, credentials=credentials) as client:
        deadline = time.monotonic() + _PROOF_S
        while True:
            try:
                identity = await client.identity()
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
            except (KeyError, TypeError, ValueError, AttributeError):
                raise PairError("It has the key, but what it says of itself cannot be understood.") from None
            else:
                if identity.id != id:
                    raise PairError(f"The device is {identity.id}, and the code is of {id}.")
                return identity


def _closed(role: str) -> str:
    return (
        "The device takes nobody now: it has an owner.\nPress its pairing button once, and try again within two "
        "minutes."
        if role == "owner"
        else f"The device takes nobody as {role} now.\nIts owner comes first; then press its pairing button once, and "
        "try again within two minutes."
    )
