"""The demo's stage: the house of houses/demo.toml with its bench, a hub and a token service beside it, and a page of
that hub."""

import asyncio
import contextlib
import functools
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import state, wellknown
from ..errors import HostError
from ..paths import ROOT, WORK, shown
from ..ports import HOST
from ..sim import bench
from ..sim.device import Device
from ..sim.house import House, Say, read
from .beside import free
from .hub import Hub
from .page import Page
from .releases import Releases
from .tokens import Tokens

_LIVE_S = 60.0
_PAIR_S = 60.0
_ATTEMPTS = 4


class Stage:
    """All of it, running while the context is entered; entered when every device is live on the hub. released: done
    when the releases have been made. canteen: done when the watch can pay at the till, with the id of its token.

    rate: of the house, as in its file when not given. fresh: forget devices, hub and tokens first. say: called with
    (device, "hub" or "tokens", what, details). told: called with each event of the hub.
    """

    def __init__(
        self,
        rate: float | None = None,
        fresh: bool = False,
        say: Say = lambda device, what, details: None,
        told: Callable[[dict[str, Any]], None] = lambda event: None,
    ) -> None:
        plan = read(ROOT / "houses" / "demo.toml")
        self.plan = plan if rate is None else replace(plan, rate=rate)
        self._fresh = fresh
        self._say = say
        self._told = told
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Stage":
        async with self._stack:
            folder = WORK / self.plan.name
            self._claim(folder)
            if self._fresh:
                for name in ("hub", "tokens"):
                    shutil.rmtree(folder / name, ignore_errors=True)
            # Only its owner may look into it, and its path is short: a socket's may have no more than 107 bytes.
            private = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tos-")))
            self.bench = private / "bench"
            coap = f"{HOST}:{free(socket.SOCK_DGRAM, wellknown.REPORTS)}"
            self.tokens = Tokens(folder / "tokens", coap, functools.partial(self._say, "tokens"))
            if not self.tokens.secret.exists():
                await self._found()
            self.hub = Hub(folder / "hub", coap, self.bench, self.tokens, functools.partial(self._say, "hub"))
            await self._stack.enter_async_context(self.hub)
            await self.hub.ready()  # a report that nobody hears is sent again later and later
            self.releases = Releases(folder)
            self.house = House(self.plan, self._fresh, self._say, keys=(self.releases.public,))
            await self._stack.enter_async_context(self.house)
            await self._stack.enter_async_context(bench.serve(self.house, self.bench))
            self.page = await self._stack.enter_async_context(Page(self.hub.url, self._told))
            await self.page.known()
            await asyncio.to_thread(self.releases.trust, self.hub.url)
            await asyncio.gather(*[self._pair(device) for device in self.house.devices.values()])
            models = [device.model for device in self.house.devices.values()]
            await self.page.until("every device live on the hub", lambda: self.page.is_live(*models), _LIVE_S)
            await self._stack.enter_async_context(self.tokens)
            self.canteen = asyncio.create_task(self._open())
            self._stack.push_async_callback(_ended, self.canteen)
            self.released = asyncio.create_task(asyncio.to_thread(self.releases.make, self._fresh))
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _found(self) -> None:
        """At the first start: the hub wants its credential when it starts."""
        from . import canteen

        await canteen.found(self.tokens)

    async def _open(self) -> str:
        """Once the page is live: nobody waits for it who does not pay."""
        guests = [(self.house.devices[name], str(self.page.device(name)["id"])) for name in ("watch", "till")]
        from . import canteen

        try:
            self.tokens.plug()
            await self.tokens.ready()
            id = await canteen.open_to(self.tokens, *guests)
        except HostError as e:
            self._say("tokens", "off", str(e))
            raise
        self._say("tokens", "ready", "the watch can pay at the till")
        return id

    async def _pair(self, device: Device) -> None:
        """As a person would: the code that the device shows on its console, given to the hub. Once; keys are kept."""
        if any(id.endswith(f"-{device.uid}") and known["paired"] for id, known in self.page.devices.items()):
            return
        self._say("hub", "pairs", device.name)
        told = ""
        for attempt in range(_ATTEMPTS):
            if attempt or device.is_asleep:  # in time-lapse a watch does not wait for long
                await device.kill()
                await device.restarted()
            try:
                code = await device.code()
            except HostError as e:
                told = str(e)
                continue
            status, answer = await self.page.ask("POST", "pair", {"code": code}, _PAIR_S)
            if status == 201:
                return
            told = answer["error"]
        raise HostError(f"the hub does not pair with {device.name}: {told}")

    def _claim(self, folder: Path) -> None:
        try:
            self._stack.enter_context(state.claim(folder))
        except HostError:
            raise HostError(f"a demo is running already, in {shown(folder)}\nEnd it with Ctrl-C first.") from None


async def _ended(task: asyncio.Task[str]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
