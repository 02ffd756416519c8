"""The hub itself: what happens to a device goes through here into the journal, and from there to the pages."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiocoap

from ..link.client import open_context
from ..link.schema import Identity, Value
from . import said
from .bindings import Bindings
from .follow import Follower
from .house import Device, unique
from .journal import Drop, Entry, Event, Forget, Journal, Known, Values
from .live import Live
from .mailbox import Mailbox
from .rollouts import Rollouts
from .store import KEEP_S, Store
from .taps import Taps
from .token_service import TokenService
from .trust import Trust

_EVENTS = 50
_CLOCK_S = 120.0
_CONFLICT_S = 180.0  # after the last report from elsewhere; they come at most 60 s apart
_TICK_S = 5.0  # as often pages hear that the hub is there
_TEXT_CHARS = 300  # of a warning; a device may put much into it
_DROP_S = 3600.0

Say = Callable[[dict[str, Any]], None]


class Hub:
    """`async with Hub(folder) as hub`: the devices of its database are followed from then on.

    say: called with each event as the API tells it, and the name of its device.
    bench: the socket of a simulated house, or None. coap_port: where devices are to report. tokens: whom to ask for
    the house's money, or None.
    """

    def __init__(
        self,
        folder: Path,
        say: Say = lambda event: None,
        bench: Path | None = None,
        coap_port: int = 0,
        tokens: TokenService | None = None,
    ) -> None:
        self.devices: dict[str, Device] = {}
        self.live = Live()
        self.store = Store(folder / "hub.db")
        self.mailbox = Mailbox(folder / "hub.db")
        self.trust = Trust(folder / "peers")
        self.bindings = Bindings(self, folder / "hub.db")
        self.rollouts = Rollouts(self, folder)
        self.bench = bench
        self.tokens = tokens
        self.taps = Taps(self)
        self.coap_port = coap_port
        self.pages: list[dict[str, str]] = []
        self.context: aiocoap.Context
        self.relay_context: aiocoap.Context  # which has no keys
        self._say = say
        self._followers: dict[str, Follower] = {}
        self._recent: deque[dict[str, Any]] = deque(maxlen=_EVENTS)
        self._trouble: str | None = None
        self._conflicts: dict[str, float] = {}

    async def __aenter__(self) -> "Hub":
        self.context, self.relay_context = await open_context(), await open_context()
        self._journal = Journal(self.store, self._published)
        self._recent.extend(self.store.events(None, _EVENTS))
        for row in self.store.devices():
            self._follow(Device.from_row(row, self.store.last_values(row["id"])))
        self._tasks = {asyncio.create_task(self._tick()), asyncio.create_task(self.trust.adopt_known(self))}
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*[follower.stop() for follower in self._followers.values()])
        await self._journal.close()
        await self.context.shutdown()
        await self.relay_context.shutdown()
        self.mailbox.close()
        self.bindings.close()
        self.rollouts.close()
        self.store.close()

    # What pages see

    def about(self) -> dict[str, Any]:
        kept = {"history": "full", "text": _full(self._trouble)} if self._trouble else {"history": "kept", "text": ""}
        return {"version": version("tosplus"), **kept, "pages": self.pages, "bench": self.bench is not None}

    def view(self) -> dict[str, Any]:
        devices = [device.view() for device in self.devices.values()]
        return {"hub": self.about(), "devices": devices, "events": list(self._recent)}

    # What people do

    def rename(self, device: Device, name: str) -> None:
        device.name = unique(name, [other.name for other in self.devices.values() if other is not device])
        self.changed(device)

    async def forget(self, device: Device) -> None:
        """And its history, its key, and what waits for it. A plain one that lives registers with its next report."""
        await self.bindings.end(device.id)
        del self.devices[device.id]
        await self._followers.pop(device.id).stop()
        await self.trust.forget(self, device.id, device.where())
        await self.mailbox.forget(device.id)
        await self.rollouts.forget(device.id)
        self._journal.put(Forget(device.id))
        self._journal.put(Event(time.time(), device.id, "forgotten", device.name))

    async def later(self, device: Device, path: str, value: Value) -> int:
        """A value for one that sleeps -> the id of the command, which is durable then. Raises HostError."""
        id = await self.mailbox.put(device.id, path, value)
        self._show_waiting(device)
        return id

    async def now(self, device: Device, path: str) -> None:
        """A value is about to be set: an older wish for it must not come after it."""
        await self.mailbox.withdraw(device.id, path)
        self._show_waiting(device)

    # What devices do

    def adopt(self, identity: Identity, address: str) -> None:
        """One that has just been paired."""
        device = self.devices.get(identity.id)
        if device:
            device.address, device.paired = address, True
            if device.link == "asleep":
                device.link = "new"
            self.met(device, identity)
            self.changed(device)
            self._followers[device.id].again()
            return
        name = unique(identity.model, [other.name for other in self.devices.values()])
        device = Device(identity.id, name, address, identity)
        self._follow(device)
        self.changed(device)

    def register(self, identity: Identity, address: str, report: said.Report) -> None:
        """A device that was never here; who calls has read its table from that address."""
        name = unique(identity.model, [device.name for device in self.devices.values()])
        device = Device(identity.id, name, address, identity)
        self._follow(device)
        self.heard(device, report)

    def move(self, device: Device, address: str, report: said.Report) -> None:
        device.address = address
        self.changed(device)
        self.heard(device, report)
        self._followers[device.id].again()

    def met_at(self, device: Device, address: str) -> None:
        """A paired device is found there; that it is the one, its key shows."""
        if device.address != address:
            device.address = address
            self.changed(device)

    def heard(self, device: Device, report: said.Report) -> None:
        """A report of a device, from the address that it is known by."""
        device.seen = time.time()
        again = self.started(device, report.boot) or device.link == "away"
        if report.wall is not None and abs(report.wall - device.seen) > _CLOCK_S:
            self.warn(device, "clock", _clock(report.wall, device.seen))
        else:
            self.calm(device, "clock")
        if report.state:
            self.values(device, device.by_path(report.state))
        if report.asleep:
            device.next = device.seen + (report.next_s if report.next_s is not None else 3600.0)
            self.link(device, "asleep")
            self.changed(device)
        elif device.link == "asleep":
            device.link, again = "new", True
        if again or report.asleep:
            self._followers[device.id].again()

    async def executed(self, device: Device, last: int) -> None:
        """It says that it has done all that was sent to it, up to this id."""
        await self.mailbox.acknowledged(device.id, last)
        self._show_waiting(device)

    def started(self, device: Device, boot: int) -> bool:
        """True when this is another start than the one we know. For one that slept it is nothing to tell of."""
        if boot == device.boot:
            return False
        first = device.boot is None
        device.boot, device.sequence = boot, -1
        device.starts += 1
        if not first and device.told != "asleep":
            self._journal.put(Event(time.time(), device.id, "restarted", f"start {device.starts}"))
        self.changed(device)
        return not first

    def met(self, device: Device, identity: Identity) -> None:
        """Its table was read."""
        self.calm(device, "table")
        self.calm(device, "key")
        if identity != device.identity:
            device.identity = identity
            self.changed(device)

    def answers(self, device: Device) -> None:
        """It said something, and so it lives; one that said that it sleeps said this before."""
        if device.link != "asleep":
            self.link(device, "live")

    def link(self, device: Device, link: str) -> None:
        """live, away or asleep. The history tells of it when that is another than before, also before we started."""
        if link == device.link:
            return
        device.link = link
        if link != "asleep":
            device.next = None
        if link != device.told:
            device.told, device.since = link, time.time()
            self._journal.put(Event(device.since, device.id, link, device.address))
        self.changed(device)

    def values(self, device: Device, state: Mapping[str, Value]) -> None:
        """Records what differs."""
        changed = {path: v for path, v in state.items() if path not in device.latest or _differ(device.latest[path], v)}
        if changed:
            device.latest |= changed
            self._journal.put(Values(device.id, time.time(), changed))

    def event(self, device: Device, happened: said.Happened, at: float) -> None:
        path = device.paths().get(happened.resource)
        device.sequence = happened.sequence
        if path is not None and device.boot is not None:
            where = (path, device.boot, happened.sequence)
            self._journal.put(Event(at, device.id, "event", happened.value, *where))

    def warn(self, device: Device, kind: str, text: str) -> None:
        """Told once; the words may change while it lasts."""
        text = text[:_TEXT_CHARS]
        if kind not in device.warnings:
            self._journal.put(Event(time.time(), device.id, "warning", text))
        if device.warnings.get(kind) != text:
            device.warnings[kind] = text
            self.changed(device)

    def calm(self, device: Device, kind: str) -> None:
        if device.warnings.pop(kind, None):
            self.changed(device)

    def updated(self, device: str, text: str) -> None:
        """What became of an update, for the history."""
        self._journal.put(Event(time.time(), device, "update", text))

    def conflict(self, device: Device, address: str) -> None:
        self._conflicts[device.id] = time.monotonic()
        self.warn(device, "conflict", f"another device, at {address}, says that it is this one; it is not listened to")

    def changed(self, device: Device) -> None:
        if device.id in self.devices:
            self._journal.put(Known(device.row()))

    # What the journal has committed

    def _published(self, entries: list[Entry], trouble: str | None) -> None:
        for entry in entries:
            match entry:
                case Values():
                    self._show(entry)
                case Event():
                    told = {key: getattr(entry, key) for key in ("id", "at", "device", "path", "kind", "value")}
                    self._recent.append(told)
                    self.live.send({"type": "event", "event": told})
                    device = self.devices.get(entry.device or "")
                    self._say({**told, "name": device.name if device else entry.device or "hub"})
                case Known() if entry.row["id"] in self.devices:
                    self.live.send({"type": "device", "device": self.devices[entry.row["id"]].view()})
                case Forget():
                    self._recent = deque((e for e in self._recent if e["device"] != entry.device), _EVENTS)
                    self.live.send({"type": "forgotten", "device": entry.device})
        if bool(trouble) != bool(self._trouble):
            self._trouble = trouble
            self.live.send({"type": "hub", "hub": self.about()})
            text = _full(trouble) if trouble else "the history is kept again"
            self._journal.put(Event(time.time(), None, "disk", text))

    def _show(self, entry: Values) -> None:
        if device := self.devices.get(entry.device):
            device.shown |= {path: (value, entry.at) for path, value in entry.values.items()}
            self.live.send({"type": "values", "device": entry.device, "at": entry.at, "values": entry.values})

    def _follow(self, device: Device) -> None:
        self.devices[device.id] = device
        device.paired = device.id in self.trust
        device.waiting = [command._asdict() for command in self.mailbox.waiting(device.id)]
        self._followers[device.id] = Follower(self, device)

    def _show_waiting(self, device: Device) -> None:
        waiting = [command._asdict() for command in self.mailbox.waiting(device.id)]
        if waiting != device.waiting:
            device.waiting = waiting
            self.changed(device)

    async def _tick(self) -> None:
        dropped = 0.0
        while True:
            self.live.send({"type": "beat"})
            for id, at in list(self._conflicts.items()):
                if time.monotonic() > at + _CONFLICT_S:
                    del self._conflicts[id]
                    with contextlib.suppress(KeyError):
                        self.calm(self.devices[id], "conflict")
            if time.monotonic() > dropped + _DROP_S:
                dropped = time.monotonic()
                self._journal.put(Drop(time.time() - KEEP_S))
            await asyncio.sleep(_TICK_S)


def _differ(a: Value, b: Value) -> bool:
    """True is not 1 here."""
    return isinstance(a, bool) is not isinstance(b, bool) or a != b


def _full(trouble: str | None) -> str:
    return f"the history is not kept: {trouble}; make room on the disk, and it goes on by itself"


def _clock(wall: float, now: float) -> str:
    try:
        says = datetime.fromtimestamp(wall, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        says = "a year that there is not"
    off = timedelta(seconds=round(min(abs(wall - now), 1e12)))
    return f"its clock says {says}, {off} {'ahead of' if wall > now else 'behind'} the hub's"
