"""The rollouts of a hub: kept, so that they go on after kill -9, and driven, one look at each device at a time.

What a device does with an update is on the device (docs/updates.md); a look reads that, and orders what is missing. So
nothing is lost with a hub that dies between two looks.
"""

import asyncio
import contextlib
import copy
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import cbor2

from ..errors import HostError, Unreachable
from ..link import find
from ..link.client import Client, Estranged, LinkError
from ..ota.progress import BUSY, DOWNLOADING, SETTLED, TRIAL, UNDER_WAY, WAITING, Status
from .bundles import Bundles, Kept
from .rollout import DONE, HALTED, PAUSED, RUNNING, Rollout, Row, sizes
from .rollout_store import RolloutStore

if TYPE_CHECKING:
    from .house import Device
    from .hub import Hub

_KEPT = 20
_ANSWER_S = 3.0
_ORDER_S = 10.0  # a chip verifies a signature before it answers
_LOOK_S = {DOWNLOADING: 0.5, TRIAL: 0.5, WAITING: 5.0}  # until the next look
_TICK_S = 0.2
_AT_ONCE = 16  # that download
_SILENT_S = 900.0
_STAY_MS = 3000  # a sleeper, to be spoken with


class Rollouts:
    """In the hub's `folder`: bundles, and in its database what is to be done with them."""

    def __init__(self, hub: "Hub", folder: Path) -> None:
        self._hub = hub
        self.bundles = Bundles(folder / "bundles")
        self._store = RolloutStore(folder / "hub.db")
        self._all = self._store.read()
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._next: dict[str, float] = {}  # look at a device, by the monotonic clock
        self._awake: set[str] = set()  # sleepers that wait for a word
        self._wake = asyncio.Event()
        for rollout in self._all.values():
            for row in rollout.rows.values():
                row.heard = time.time()  # whatever was while the hub was off

    def close(self) -> None:
        self._store.close()

    def view(self) -> list[dict[str, Any]]:
        """Newest first."""
        return [rollout.view() for rollout in reversed(self._all.values())]

    def get(self, id: int) -> Rollout | None:
        return self._all.get(id)

    def needed(self) -> set[str]:
        """Bundles that may yet be asked for."""
        return {rollout.bundle for rollout in self._all.values() if rollout.state != DONE}

    # What people do

    async def begin(
        self, kept: Kept, waves: Sequence[str], halt_at: float | None, names: Sequence[str] | None, paused: bool
    ) -> Rollout:
        """names: of devices, or their ids; None is each for which the bundle is. Raises HostError, ValueError."""
        devices = self._chosen(kept, names)
        sizes(waves, len(devices))
        for rollout in self._all.values():
            if taken := [device.name for device in devices if device.id in rollout.rows and not rollout.is_over]:
                raise HostError(
                    f"{', '.join(taken)}: in rollout {rollout.id} of {rollout.product} {rollout.version}, which is "
                    f"{rollout.state}\nHalt that one first: `tos ota rollout halt {rollout.id}`."
                )
        bundle, id = kept.bundle, max(self._all, default=0) + 1
        made = Rollout(
            id, kept.id, bundle.product, bundle.version, bundle.sequence, tuple(waves), halt_at, time.time()
        )  # fmt: skip
        made.state = PAUSED if paused else RUNNING
        made.assign([device.id for device in devices])
        await self._store.keep(made, *made.rows.values())
        self._all[id] = made
        for old in [rollout for rollout in self._all.values() if rollout.is_over][:-_KEPT]:
            del self._all[old.id]
            await self._store.drop(old)
        self._show(made)
        self._wake.set()
        return made

    async def order(self, rollout: Rollout, word: str) -> None:
        """pause, resume or halt. Raises HostError."""
        states = {"pause": (RUNNING,), "resume": (PAUSED, HALTED), "halt": (RUNNING, PAUSED)}[word]
        if rollout.state not in states:
            raise HostError(f"rollout {rollout.id} is {rollout.state} and not {' or '.join(states)}")
        others = [other for other in self._all.values() if other is not rollout and not other.is_over]
        if word == "resume" and any(set(other.rows) & set(rollout.rows) for other in others):
            raise HostError("a later rollout has some of its devices; halt that one first")
        rollout.state = {"pause": PAUSED, "resume": RUNNING, "halt": HALTED}[word]
        rollout.why = "by a person" if word == "halt" else ""
        await self._store.keep(rollout)
        for id in rollout.rows:
            self._next.pop(id, None)
        self._show(rollout)
        self._wake.set()

    async def forget(self, device: str) -> None:
        for rollout in [rollout for rollout in self._all.values() if rollout.rows.pop(device, None)]:
            self._show(rollout)
            if not rollout.rows:
                del self._all[rollout.id]
                await self._store.drop(rollout)
        await self._store.forget(device)

    # What devices do

    def stay_ms(self, device: str) -> int | None:
        """A sleeper is about to sleep: for how long it is to stay awake, because there is something to say to it."""
        wants = [
            row
            for rollout in self._all.values()
            for row in rollout.due(lambda id: id != device)
            if row.device == device
        ]
        if not wants:
            return None
        self._awake.add(device)
        self._next.pop(device, None)
        self._wake.set()
        return _STAY_MS

    async def run(self) -> None:
        try:
            while True:
                for rollout in list(self._all.values()):
                    await self._go_on(rollout)
                with anyio.move_on_after(_TICK_S):
                    await self._wake.wait()
                self._wake.clear()
        finally:
            for task in self._looking.values():
                task.cancel()
            await asyncio.gather(*self._looking.values(), return_exceptions=True)

    async def _go_on(self, rollout: Rollout) -> None:
        now = time.monotonic()
        for row in rollout.due(self._away):
            its_turn = row.state != WAITING or self._loading() + len(self._looking) < _AT_ONCE
            if its_turn and row.device not in self._looking and self._next.get(row.device, 0) <= now:
                task = asyncio.create_task(self._look(rollout, row))
                self._looking[row.device] = task
                task.add_done_callback(lambda task, id=row.device: self._looking.pop(id, None))  # type: ignore[misc]
        for row in rollout.rows.values():
            if row.state in UNDER_WAY and self._is_lost(row):
                row.failed(text=f"it has not answered for {_SILENT_S / 60:.0f} min")
                await self._changed(rollout, row)
        if rollout.advance(self._away):
            await self._store.keep(rollout)
            self._show(rollout, ())

    async def _look(self, rollout: Rollout, row: Row) -> None:
        """At what the device says of the update."""
        before, device = copy.copy(row), self._hub.devices[row.device]
        client = self._client(device, _ANSWER_S)
        try:
            told = Status.from_wire(await client.read("o"))
            row.heard = time.time()
            if row.seen(told, rollout.sequence):
                await self._order(rollout, row, device)
            elif rollout.state == HALTED and row.state == DOWNLOADING:
                await client.post("o", cbor2.dumps({0: "abort"}))
                row.waits()
        except Unreachable:
            self._awake.discard(row.device)
        except Estranged as e:
            row.text = _first_line(e)
        except LinkError as e:
            if e.code == BUSY or row.state in UNDER_WAY:
                row.text = _first_line(e)
            elif e.answer == "4.04":
                row.failed(e.code or 0, "it was flashed without slots, and takes no updates")
            else:
                row.failed(e.code or 0, _first_line(e))
        except (HostError, ValueError) as e:
            row.failed(text=_first_line(e))
        self._next[row.device] = time.monotonic() + _LOOK_S.get(row.state, 0)
        if row != before:
            await self._changed(rollout, row, row.state != before.state)

    async def _order(self, rollout: Rollout, row: Row, device: "Device") -> None:
        if rollout.state != RUNNING:
            return
        kept = self.bundles[rollout.bundle]
        here = find.own_address(device.where())
        url = f"coap://{here}:{self._hub.coap_port}/o/{kept.id}"
        await self._client(device, _ORDER_S).write("o", {0: kept.bundle.message(), 1: url})
        row.ordered(sum(len(part.data) for part in kept.bundle.parts))

    async def _changed(self, rollout: Rollout, row: Row, state: bool = True) -> None:
        """Told to pages and, when it is another state, kept: of one that could not be, the device tells us again."""
        if not state:
            self._show(rollout, (row.device,))
            return
        row.since = time.time()
        was = rollout.state
        if row.state in SETTLED:
            rollout.settled(row, self._away)
            self._hub.updated(row.device, f"{rollout.version}: {row.state}" + (f", {row.text}" if row.text else ""))
        with contextlib.suppress(HostError):
            await self._store.keep(rollout, row)
        self._show(rollout, (row.device,))
        if rollout.state != was:
            self._wake.set()

    # Helpers

    def _chosen(self, kept: Kept, names: Sequence[str] | None) -> list["Device"]:
        """Those that answer first, then those that sleep; of these by name."""
        bundle, devices = kept.bundle, list(self._hub.devices.values())
        fits = [d for d in devices if d.identity.model == bundle.product and d.identity.board in bundle.hardware]
        if names is not None:
            named = {key: device for device in devices for key in (device.id, device.name)}
            for name in names:
                if name not in named:
                    raise ValueError(f"there is no device {name} on this hub; there are {_list(devices)}")
                if named[name] not in fits:
                    about = named[name].identity
                    raise ValueError(
                        f"the bundle is for {bundle.product} on {', '.join(bundle.hardware)}, and {name} is "
                        f"{about.model} on {about.board}"
                    )
            fits = [device for device in fits if device.id in names or device.name in names]
        if not fits:
            raise ValueError(f"the hub has no {bundle.product} on {', '.join(bundle.hardware)}")
        order = {"live": 0, "asleep": 1}
        return sorted(fits, key=lambda device: (order.get(device.link, 2), _as_counted(device.name)))

    def _away(self, id: str) -> bool:
        device = self._hub.devices.get(id)
        return device is None or not (device.link == "live" or id in self._awake)

    def _is_lost(self, row: Row) -> bool:
        device = self._hub.devices.get(row.device)
        return max(row.heard, (device and device.next) or 0.0) + _SILENT_S < time.time()

    def _loading(self) -> int:
        return sum(rollout.count(DOWNLOADING) for rollout in self._all.values())

    def _client(self, device: "Device", answer_s: float) -> Client:
        return Client(*device.where(), self._hub.context, answer_s, self._hub.trust.get(device.id))

    def _show(self, rollout: Rollout, devices: Sequence[str] | None = None) -> None:
        self._hub.live.send({"type": "rollout", "rollout": rollout.view(devices)})


def _as_counted(name: str) -> list[tuple[int, str]]:
    """kettle 2 comes before kettle 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _list(devices: Sequence["Device"]) -> str:
    return ", ".join(sorted(device.name for device in devices)) or "none"
