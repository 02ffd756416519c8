"""Devices that set something on one another: the hub makes them a key, which it does not keep (docs/hub.md).

What is wanted stands in the rules that the devices themselves keep. Here is only who was brought together, so that it
is finished, followed when a device moves, and undone when the last such rule is gone.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import sqlalchemy as sa

from ..errors import HostError, Unreachable
from ..link.client import Client, LinkError
from ..link.schema import ROLES, Resource
from . import said
from .store import engine

if TYPE_CHECKING:
    from .house import Device
    from .hub import Hub

_NAME_B = 32  # of a peer's name on a device, which is the other's id
_ATTEMPTS = 3
_ID_TAKEN = 368
_ANSWER_S = 3.0
_LOOK_S = 2.0
_meta = sa.MetaData()
_bindings = sa.Table(
    "bindings",
    _meta,
    sa.Column("one", sa.Text, primary_key=True),
    sa.Column("other", sa.Text, primary_key=True),
    sa.Column("brought", sa.Text, nullable=False),
    sa.Column("ended", sa.Boolean, nullable=False),
)

Pair = tuple[str, str]  # ids, in order
Rules = Sequence[Mapping[str, Any]]


class Brought(NamedTuple):
    """What both sides were given: {id: paths there that the other may use}, {id: address at which the other calls it}.

    None: it is not known whether both have the same key. ended: somebody wants an end of it, whatever the rules say.
    """

    paths: dict[str, list[str]] | None = None
    addresses: dict[str, str] | None = None
    ended: bool = False


class Bindings:
    """In the hub's database, `file`, by transactions of their own, durable before a device is asked."""

    def __init__(self, hub: "Hub", file: Path) -> None:
        self._hub = hub
        self._engine = engine(file, "FULL")
        _meta.create_all(self._engine)
        self._turn = asyncio.Lock()
        self._look = asyncio.Event()
        self._undone: set[tuple[Pair, str]] = set()
        self._pairs: dict[Pair, Brought] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(sa.select(_bindings)):
                paths, addresses = json.loads(row.brought)
                self._pairs[row.one, row.other] = Brought(paths, addresses, row.ended)

    def close(self) -> None:
        self._engine.dispose()

    async def run(self) -> None:
        """Whatever is not as the rules want it, as soon as both devices can be spoken with."""
        while True:
            with anyio.move_on_after(_LOOK_S):
                await self._look.wait()
            self._look.clear()
            for pair in list(self._pairs):
                with contextlib.suppress(HostError, ValueError):
                    async with self._turn:
                        await self._settle(pair)

    async def put_rules(self, device: "Device", told: Any) -> None:
        """What `PUT /api/devices/ID/rules` brings. Raises HostError, ValueError; what is half done is undone then."""
        wire = said.rules_wire(told, {path: index for index, path in device.paths().items()})
        others = sorted({rule["device"] for rule in told if "device" in rule})
        for rule in told:
            self._check(device, rule)
        async with self._turn:
            try:
                for other in others:
                    if other in self._hub.devices:
                        await self._settle(_pair(device.id, other), (device.id, told))
                await self._client(device).write("b", wire)
                device.rules = said.rules(wire, device.paths())
                self._hub.changed(device)
            finally:
                self._look.set()

    async def end(self, device: str, peer: str | None = None) -> None:
        """Of one pair, or all of this device; at once where a device can be spoken with, and else when it can be."""
        for pair in [pair for pair in self._pairs if device in pair and peer in (None, *pair)]:
            async with self._turn:
                await self._keep(pair, Brought(ended=True))
                with contextlib.suppress(HostError, ValueError):
                    await self._settle(pair)

    async def renewed(self, device: str) -> None:
        """It was paired anew, and may have lost what it had."""
        for pair in [pair for pair in self._pairs if device in pair]:
            async with self._turn:
                if pair in self._pairs:
                    await self._keep(pair, Brought(ended=self._pairs[pair].ended))
        self._look.set()

    # One pair

    async def _settle(self, pair: Pair, more: tuple[str, Rules] | None = None) -> None:
        """more: (id, rules) that this device is about to have besides."""
        brought = self._pairs.get(pair, Brought())
        devices = [device for id in pair if (device := self._hub.devices.get(id)) and device.paired]
        if brought.ended or len(devices) < 2:
            await self._undo(pair, devices)
            if not more:
                return
            brought = Brought()
        if not more:
            known = {device.id: device.rules for device in devices if device.rules is not None}
            if len(known) < 2 or self._is(brought, *self._wanted(pair, known)):
                return
            if any(device.link != "live" for device in devices):
                return
        rules: dict[str, Rules] = {device.id: await self._rules(device) for device in devices}
        if more:
            rules[more[0]] = [*rules[more[0]], *more[1]]
        paths, addresses = self._wanted(pair, rules)
        if not any(paths.values()):
            await self._undo(pair, devices)
        elif not self._is(brought, paths, addresses):
            await self._bring(pair, paths, addresses)

    def _wanted(self, pair: Pair, rules: Mapping[str, Any]) -> tuple[dict[str, list[str]], dict[str, str]]:
        paths, addresses = {}, {}
        for id, other in (pair, pair[::-1]):
            paths[other] = sorted({rule["set"] for rule in rules[id] if rule.get("device") == other})
            if paths[other]:
                addresses[other] = self._hub.devices[other].address
        return paths, addresses

    def _is(self, brought: Brought, paths: Mapping[str, list[str]], addresses: Mapping[str, str]) -> bool:
        return not brought.ended and brought.paths == paths and brought.addresses == addresses

    async def _bring(self, pair: Pair, paths: dict[str, list[str]], addresses: dict[str, str]) -> None:
        """Both get a new key. Each knows the other by its id, and may use nothing but the paths that rules name."""
        await self._keep(pair, Brought())
        for attempt in range(_ATTEMPTS):
            secret, salt = os.urandom(16), os.urandom(8)
            first = os.urandom(2)
            ids = first, bytes((first[0] ^ 0x80, first[1]))
            try:
                for n in sorted((0, 1), key=lambda n: pair[n] in addresses, reverse=True):  # whoever is called first
                    own, other = pair[n], pair[1 - n]
                    row = {0: secret, 1: salt, 2: ids[n], 3: ids[1 - n], 6: ROLES["peer"], 7: paths[own]}
                    row[8] = addresses.get(other)
                    await self._client(self._hub.devices[own]).bring(other, row)
                break
            except LinkError as e:
                if e.code != _ID_TAKEN or attempt == _ATTEMPTS - 1:
                    raise
        await self._keep(pair, Brought(paths, addresses))

    async def _undo(self, pair: Pair, devices: Sequence["Device"]) -> None:
        """Neither has a rule or a key for the other any more; where one cannot be spoken with, that is left to do."""
        brought = self._pairs.get(pair)
        if brought is None:
            return
        if not brought.ended:
            await self._keep(pair, Brought(ended=True))
        failure = None
        for device in devices:
            if (pair, device.id) in self._undone:
                continue
            other = pair[1 - pair.index(device.id)]
            client = self._client(device, patient=False)
            try:
                rows = await client.read("b")
                left = [row for row in rows if not (isinstance(row.get(4), list) and row[4][:1] == [other])]
                if left != rows:
                    await client.write("b", left)
                await client.revoke(other)
            except (AttributeError, TypeError):
                failure = HostError(f"the rules of {device.name} cannot be understood")
            except HostError as e:
                failure = e
            else:
                self._undone.add((pair, device.id))
        if failure:
            raise failure
        self._undone -= {(pair, id) for id in pair}
        await self._keep(pair, None)

    # What it needs

    def _check(self, device: "Device", rule: Mapping[str, Any]) -> None:
        """What is known here to be wrong. Of a device that is not the hub's, the one with the rule knows."""
        id = rule.get("device")
        other = self._hub.devices.get(id or "")
        if other is None:
            return
        if other is device:
            raise ValueError("a rule for the device itself names no device")
        for each in (device, other):
            if not each.paired or len(each.id.encode()) > _NAME_B:
                raise ValueError(f"{each.name} cannot be brought together with others: it is not paired")
        try:
            resource = other.identity.resource(rule["set"])
        except KeyError:
            raise ValueError(f"{other.name} has no {rule['set']}") from None
        if not resource.writable or (resource.origins and "link" not in resource.origins):
            raise ValueError(f"{rule['set']} of {other.name} cannot be set by another device")
        if not _fits(resource, rule):
            raise ValueError(f"{rule['set']} of {other.name} cannot be set to that")

    async def _rules(self, device: "Device") -> Rules:
        return said.rules(await self._client(device).read("b"), device.paths())

    def _client(self, device: "Device", patient: bool = True) -> Client:
        if device.link == "asleep" or (device.link == "away" and not patient):
            raise Unreachable(f"{device.name} is {device.link}; it has to be there for that")
        return Client(*device.where(), self._hub.context, _ANSWER_S, self._hub.trust.get(device.id))

    async def _keep(self, pair: Pair, brought: Brought | None) -> None:
        def write() -> None:
            one, other = pair
            with self._engine.begin() as connection:
                connection.execute(_bindings.delete().where(_bindings.c.one == one, _bindings.c.other == other))
                if brought:
                    about = json.dumps([brought.paths, brought.addresses])
                    row = {"one": one, "other": other, "brought": about, "ended": brought.ended}
                    connection.execute(_bindings.insert().values(row))

        try:
            await asyncio.to_thread(write)
        except sa.exc.DBAPIError as e:
            raise HostError(f"it cannot be kept: {e.orig}; make room on the disk") from None
        if brought:
            self._pairs[pair] = brought
        else:
            self._pairs.pop(pair, None)


def _pair(one: str, other: str) -> Pair:
    return (one, other) if one < other else (other, one)


def _fits(resource: Resource, rule: Mapping[str, Any]) -> bool:
    to: Any = rule.get("to")
    if resource.type == "switch":
        return to is None or isinstance(to, bool)
    if resource.options:
        return to in resource.options
    if resource.type == "number":
        low, high = resource.minimum, resource.maximum
        is_number = isinstance(to, int | float) and not isinstance(to, bool)
        return is_number and (low is None or to >= low) and (high is None or to <= high)
    return isinstance(to, str) if resource.type == "text" else to is not None
