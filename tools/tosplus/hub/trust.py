"""Whom the hub is paired with: its keys, one context for each device, and pairing with one more."""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiocoap.oscore import COSE_KID, COSE_KID_CONTEXT

from ..errors import HostError
from ..link import find
from ..link.client import Client
from ..link.credentials import Store
from ..link.exchange import pair
from ..link.pairing_code import Code
from ..link.schema import Identity
from ..link.secure import Credentials
from . import said
from .house import MOST

if TYPE_CHECKING:
    from .hub import Hub

ROLE, NAME = "owner", "hub"
_VERIFY_S = 3.0
_AGAIN_S = 5.0


class NotFound(HostError):
    """Nobody knows where this device is."""


class Trust:
    """Keys in `folder`. One context serves a device in both directions, so that its replay window is one too."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self._contexts = {id: found for id in self.store.ids() if (found := self.store.credentials(id))}
        self._pairing: set[str] = set()

    def __contains__(self, id: str) -> bool:
        return id in self._contexts

    def get(self, id: str) -> Credentials | None:
        return self._contexts.get(id)

    def id_of(self, credentials: object) -> str:
        """Raises ValueError: it was forgotten a moment ago."""
        for id, known in self._contexts.items():
            if known is credentials:
                return id
        raise ValueError("not known any more")

    def find_oscore(self, unprotected: dict[Any, Any]) -> Credentials:
        """As a SecuredSite asks for one. KeyError: of nobody that we know."""
        for credentials in self._contexts.values():
            if unprotected.get(COSE_KID) == credentials.recipient_id and COSE_KID_CONTEXT not in unprotected:
                return credentials
        raise KeyError

    def find_all_used_contextless_oscore_kid(self) -> set[bytes]:
        return {credentials.recipient_id for credentials in self._contexts.values()}

    async def pair(self, hub: "Hub", code: Code, address: tuple[str, int] | None) -> str:
        """-> the id of a device that the hub then follows. address: None where it is found by itself.

        Raises NotFound, and what exchange.pair raises.
        """
        id = code.device_id
        where = address or await find.anywhere(id)
        if where is None:
            raise NotFound(f"{id} is not found here. Is it on? Else say its address, HOST:PORT.")
        if id not in hub.devices and len(hub.devices) >= MOST:
            raise HostError(f"The hub has {MOST} devices already.")
        if id in self._pairing:
            raise HostError(f"{id} is being paired already.")
        self._pairing.add(id)

        def say(step: str) -> None:
            hub.live.send({"type": "pairing", "device": id, "step": step})

        try:
            await pair(code, where, self.store, ROLE, NAME, say)
        finally:
            self._pairing.discard(id)
        credentials = self.store.credentials(id)
        assert credentials
        self._contexts[id] = credentials
        await hub.bindings.renewed(id)
        hub.adopt(await self._identity(hub, id, where), find.told(where))
        return id

    async def forget(self, hub: "Hub", id: str, where: tuple[str, int]) -> None:
        """The device forgets us, if it answers, and we its key."""
        if credentials := self._contexts.get(id):
            with contextlib.suppress(HostError):  # its button, held for ten seconds, does the same
                await Client(*where, hub.context, _VERIFY_S, credentials).revoke(NAME)
            del self._contexts[id]
            self.store.drop(id)

    async def adopt_known(self, hub: "Hub") -> None:
        """Those whose keys are here and which the database does not have: a pairing that was cut short."""
        missing = [id for id in self._contexts if id not in hub.devices]
        while missing:
            for id in list(missing):
                peer = self.store.get(id)
                where = find.by_id(id) or (peer and find.address(peer.address))
                if id not in self._contexts or where is None or id in hub.devices:
                    missing.remove(id)
                    continue
                try:
                    hub.adopt(await self._identity(hub, id, where), find.told(where))
                except HostError:
                    continue
            await asyncio.sleep(_AGAIN_S)

    async def _identity(self, hub: "Hub", id: str, where: tuple[str, int]) -> Identity:
        client = Client(*where, hub.context, _VERIFY_S, self._contexts[id])
        try:
            return said.identity(await client.read("d"))
        except ValueError as e:
            raise HostError(f"{id} is paired, but what it says of itself cannot be understood: {e}") from None


