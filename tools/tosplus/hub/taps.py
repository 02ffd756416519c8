"""The latest taps at the house's tills: a till that has sold something is asked how it went. In memory only."""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from ..errors import HostError
from ..link.client import Client, LinkError
from .tapped import decoded

if TYPE_CHECKING:
    from .house import Device
    from .hub import Hub

_KEPT = 8
_LOOK_S = 0.2
_AGAIN_S = 3.0
_TILL = ("sale", "receipt")  # what a till has
_TOLD = (*_TILL, "owed")  # what changes when there is something new to know
_UNDER_WAY = ("tap", "asks")


class Taps:
    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._latest: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._rows: dict[str, Any] = {}  # of each till's last tap, as it told them
        self._known: dict[str, list[Any]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._count = 0

    def view(self) -> list[dict[str, Any]]:
        """Newest first; of tills that were forgotten none."""
        return [tap for tap in reversed(self._latest) if tap["till"] in self._hub.devices]

    async def run(self) -> None:
        try:
            while True:
                for device in self._hub.devices.values():
                    if self._has_news(device):
                        self._asking[device.id] = asyncio.create_task(self._ask(device))
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in self._asking.values():
                task.cancel()
            await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def _has_news(self, device: "Device") -> bool:
        if device.link != "live" or not set(_TILL) <= set(device.paths().values()):
            return False
        asking = self._asking.get(device.id)
        if device.latest.get("sale") in _UNDER_WAY:
            self._known.pop(device.id, None)  # it may end as the one before
            return False
        return (asking is None or asking.done()) and _told(device) != self._known.get(device.id)

    async def _ask(self, device: "Device") -> None:
        told, credentials = _told(device), self._hub.trust.get(device.id)
        try:
            trace = await Client(*device.where(), self._hub.context, credentials=credentials).read("y/tap")
            self._take(device, trace)
            self._hub.calm(device, "tap")
        except LinkError as e:
            self._hub.warn(device, "tap", f"it does not tell of its taps: {e}")
        except HostError:
            await asyncio.sleep(_AGAIN_S)
            return
        except ValueError as e:
            self._hub.warn(device, "tap", f"what it tells of a tap cannot be understood: {e}")
        self._known[device.id] = told

    def _take(self, device: "Device", trace: Any) -> None:
        """One that goes on is the same. Raises ValueError."""
        told = decoded(trace)
        if not told["rows"]:
            return
        before = self._rows.get(device.id)
        same = before is not None and before[0] == trace[0] and before[1] == trace[1][: len(before[1])]
        self._rows[device.id] = trace
        last = next((tap for tap in reversed(self._latest) if tap["till"] == device.id), None)
        if same and last is not None:
            if before == trace:
                return
            tap = last
            tap.update(told)
        else:
            self._count += 1
            tap = {"id": self._count, "till": device.id, "at": time.time(), **told}
            self._latest.append(tap)
        self._hub.live.send({"type": "tap", "tap": tap})


def _told(device: "Device") -> list[Any]:
    return [device.latest.get(path) for path in _TOLD]
