"""Following one device: its table, then its state, events and rules as they change, until it is silent; and again."""

import asyncio
import contextlib
import operator
import sys
import time
import traceback
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import HostError, Unreachable
from ..link import find
from ..link.client import Client, Estranged, LinkError, Notified
from . import said
from .pace import Bucket, Rate
from .trust import NAME

if TYPE_CHECKING:
    from .house import Device
    from .hub import Hub

_ANSWER_S = 2.5  # with 2 s of silence before: an absence shows within 5 s
_TABLE_S = 10.0  # many blocks
_PACE_S = 0.1  # between two states that are recorded
_SILENT_S = 2.0
_RETRY_S = 0.5
_REFUSED_S = 5.0
_AWAY_S = (1.0, 2.0, 5.0, 10.0, 30.0)  # between attempts; a report comes before most of them
_READ_AGAIN_S = 15.0  # events and rules, whose notifications may get lost; the state is read each 2 s
_FLOOD_HZ = 100.0
_RELIEF_S = 10.0  # a flooding device is read, not heard, for so long
_EVENTS_HZ, _EVENTS = 10.0, 50.0


Same = Callable[[Any, Any], bool]
Take = Callable[[Any], None]


class Follower:
    """A task for one device. `again`: something happened to it, all is read anew."""

    def __init__(self, hub: "Hub", device: "Device") -> None:
        self._hub = hub
        self._device = device
        self._again = asyncio.Event()
        self._events = Bucket(_EVENTS_HZ, _EVENTS)
        self._events_at = device.seen if device.starts else 0.0  # when all events before were known
        self._flooded_at = 0.0
        self._refusing: set[str] = set()  # paths
        self._task = asyncio.create_task(self._run(), name=f"follow {device.id}")

    def again(self) -> None:
        self._again.set()

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        failures = 0
        while True:
            self._again.clear()
            if self._device.link == "asleep":
                await self._until(self._sleep_s())
                if not self._again.is_set():
                    self._hub.link(self._device, "away")
                continue
            try:
                await self._life()
                failures = 0
            except Unreachable:
                if not self._again.is_set():
                    self._hub.link(self._device, "away")
                    await self._look_around(_AWAY_S[min(failures, len(_AWAY_S) - 1)])
                    failures += 1
            except Exception as e:  # the supervisor of what devices may do to us: one must not be lost for the others
                traceback.print_exception(e, file=sys.stderr)
                self._hub.warn(self._device, "refuses", f"the hub does not understand it: {e!r}")
                await self._until(_REFUSED_S)

    async def _until(self, wait_s: float) -> None:
        again = asyncio.ensure_future(self._again.wait())
        try:
            await asyncio.wait({again}, timeout=wait_s)
        finally:
            again.cancel()

    async def _look_around(self, wait_s: float) -> None:
        """Wait, and meanwhile look for where it announces itself: it may have moved."""
        looking = asyncio.ensure_future(self._look_elsewhere())
        try:
            await self._until(wait_s)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look_elsewhere(self) -> None:
        device, key = self._device, self._hub.trust.get(self._device.id)
        found = await find.announced(device.id) if key else None
        if found is None or find.told(found) == device.address:
            return
        with contextlib.suppress(HostError, ValueError):  # anybody can announce anything; the key shows who it is
            told = said.identity(await Client(*found, self._hub.context, _ANSWER_S, key).read("d"))
            if told.id == device.id:
                self._hub.met_at(device, find.told(found))
                self.again()

    def _sleep_s(self) -> float:
        wait_s = max(0.0, (self._device.next or 0.0) - time.time())
        return wait_s + max(10.0, wait_s / 4)

    async def _life(self) -> None:
        """Until `again`. Raises Unreachable."""
        key = self._hub.trust.get(self._device.id)
        if key and (found := find.by_id(self._device.id)):
            self._hub.met_at(self._device, find.told(found))
        address = self._device.where()
        client = Client(*address, self._hub.context, _ANSWER_S, key)
        if not await self._read_table(Client(*address, self._hub.context, _TABLE_S, key)):
            await self._until(_REFUSED_S)
            return
        if key:
            await self._tell_where(client)
        parts = [self._states(client), self._happenings(client), self._rules(client)]
        tasks = [asyncio.ensure_future(part) for part in (*parts, self._again.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_table(self, client: Client) -> bool:
        """False when it answers, but with nothing to go by."""
        device = self._device
        try:
            identity = said.identity(await client.read("d"))
        except Unreachable:
            raise
        except Estranged as e:
            raise self._estranged(e) from None
        except (HostError, ValueError) as e:
            self._hub.warn(device, "table", f"its resource table cannot be read: {e}")
            self._hub.answers(device)
            return False
        if identity.id != device.id:
            raise Unreachable(f"{identity.id} lives at {device.address} now")
        self._hub.met(device, identity)
        return True

    def _estranged(self, e: Estranged) -> Unreachable:
        self._hub.warn(self._device, "key", "it does not know the hub's key any more; add it once more by its code")
        return Unreachable(str(e))

    async def _tell_where(self, client: Client) -> None:
        """A device that we own is to report to us, at the address that it sees us at."""
        port = self._hub.coap_port
        try:
            told = await client.read("r")
            here = find.told((find.own_address(self._device.where()), port))
            if not isinstance(told, Mapping) or told.get(0) != here or told.get(1) != NAME:
                await client.write("r", {0: f":{port}"})
            self._hub.calm(self._device, "report")
        except Unreachable:
            raise
        except Estranged as e:
            raise self._estranged(e) from None
        except HostError as e:
            self._hub.warn(self._device, "report", f"it does not take the hub's address to report to: {e}")

    async def _states(self, client: Client) -> None:
        def same(one: Any, other: Any) -> bool:
            self._device.seen = time.time()
            self._calm_flood()
            return said.state(one) == said.state(other)

        def take(payload: Any) -> None:
            state = self._device.by_path(said.state(payload))
            self._device.seen = time.time()
            self._calm_flood()
            self._hub.values(self._device, state)
            self._hub.answers(self._device)

        await self._each(client, "s", _SILENT_S, same, take)

    async def _happenings(self, client: Client) -> None:
        def same(one: Any, other: Any) -> bool:
            (boot, _, rows), (boot_before, _, rows_before) = said.happened(one), said.happened(other)
            self._events_at = time.time()
            return boot == boot_before and rows == rows_before

        await self._each(client, "e", _READ_AGAIN_S, same, self._take_events)

    def _take_events(self, payload: Any) -> None:
        boot, now_ms, rows = said.happened(payload)
        device, now = self._device, time.time()
        if self._hub.started(device, boot):
            self.again()
        for row in rows:
            if row.sequence <= device.sequence:
                continue
            if self._events.take():
                at = max(self._events_at, now - max(0, now_ms - row.ms) / 1000)
                self._hub.event(device, row, min(at, now))
            else:
                device.sequence = row.sequence
                self._flooded()
        self._events_at = now

    async def _rules(self, client: Client) -> None:
        device = self._device

        def take(payload: Any) -> None:
            rules = said.rules(payload, device.paths())
            if rules != device.rules:
                device.rules = rules
                self._hub.changed(device)

        await self._each(client, "b", _READ_AGAIN_S, operator.eq, take)

    async def _each(self, client: Client, path: str, silent_s: float, same: Same, take: Take) -> None:
        """take(payload) for what a resource says, at most ten times a second; the latest counts. Raises Unreachable."""
        while True:
            try:
                async with contextlib.aclosing(client.observe(path, silent_s, same)) as notifications:
                    flood = await self._hear(notifications, path, take)
                if flood:
                    self._flooded()
                    await self._poll(client, path, take)
            except Unreachable:
                raise
            except Estranged as e:
                raise self._estranged(e) from None
            except LinkError as e:
                if path != "s" and e.answer in ("4.04", "4.05"):
                    await asyncio.Event().wait()  # an older device, which has none
                await self._refused(path, e)
            except (HostError, ValueError) as e:
                await self._refused(path, e)
            await asyncio.sleep(_RETRY_S)

    async def _hear(self, notifications: AsyncGenerator[Notified, None], path: str, take: Take) -> bool:
        """Until the observation ends, or True when it is a flood."""
        rate = Rate()
        async for payload, number in notifications:
            take(payload)
            self._accepted(path)
            if number is not None and rate.hertz(number) > _FLOOD_HZ:
                return True
            await asyncio.sleep(_PACE_S)
        return False

    async def _poll(self, client: Client, path: str, take: Take) -> None:
        for _ in range(int(_RELIEF_S / _RETRY_S)):
            await asyncio.sleep(_RETRY_S)
            take(await client.read(path))

    def _flooded(self) -> None:
        self._flooded_at = time.monotonic()
        text = f"it says more than {_FLOOD_HZ:.0f} things a second; it is read now and then, and not all is recorded"
        self._hub.warn(self._device, "flood", text)

    def _calm_flood(self) -> None:
        if time.monotonic() > self._flooded_at + _RELIEF_S * 1.5:
            self._hub.calm(self._device, "flood")

    async def _refused(self, path: str, e: Exception) -> None:
        self._refusing.add(path)
        self._hub.warn(self._device, "refuses", f"/{path}: {e}")
        self._hub.answers(self._device)
        await asyncio.sleep(_REFUSED_S)

    def _accepted(self, path: str) -> None:
        self._refusing.discard(path)
        if not self._refusing:
            self._hub.calm(self._device, "refuses")
