"""The demo's story: a kettle boils, breaks and recovers, and each step is checked over the link."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .build import build
from .errors import HostError
from .link.client import Client, LinkError
from .link.schema import Value
from .sim import state
from .sim.device import Device

APP, BOARD, HOUSE = "kettle", "UNIX", "demo"
_RATE = 30  # a litre boils in 6 s
_COLD_C, _WARM_C, _NEARLY_C = 40, 60, 97
_BOOT = 201  # a code in the log
_LOOK_S = 0.03


@dataclass(frozen=True)
class Step:
    """title: what happened; checked: what was seen, or what should have been."""

    title: str
    ok: bool
    checked: str
    seconds: float


class _Failed(HostError):
    """A check that did not hold."""


class Story:
    """Runs the steps in order, up to the first that fails. began: called with the title of each as it begins."""

    def __init__(self, began: Callable[[str], None] = lambda title: None) -> None:
        self._began = began

    async def run(self) -> AsyncGenerator[Step, None]:
        steps: tuple[Callable[[], Awaitable[str]], ...] = (
            self._build,
            self._start,
            self._read,
            self._observe,
            self._heat,
            self._boil,
            self._break,
            self._mend,
            self._kill,
            self._cut,
            self._remember,
        )
        async with contextlib.AsyncExitStack() as self._stack:
            for step in steps:
                title = (step.__doc__ or "").strip()
                self._began(title)
                began = time.monotonic()
                try:
                    checked = await step()
                except HostError as e:
                    yield Step(title, False, str(e), time.monotonic() - began)
                    return
                yield Step(title, True, checked, time.monotonic() - began)

    async def _build(self) -> str:
        """The kettle is compiled to MicroPython bytecode"""
        report = await asyncio.to_thread(build, APP, BOARD)
        report.check_budget()
        return f"{len(report.modules)} modules, {sum(m.file_b for m in report.modules)} B of flash"

    async def _start(self) -> str:
        """It starts, a real MicroPython process with its own flash"""
        device = Device(APP, state_dir=state.directory(APP, HOUSE), rate=_RATE, fresh=True)
        self._kettle = await self._stack.enter_async_context(device)
        began = time.monotonic()
        await self._kettle.ready()
        self._link = await self._stack.enter_async_context(Client(*self._kettle.link))
        return f"ready after {(time.monotonic() - began) * 1000:.0f} ms at {self._kettle.address}"

    async def _read(self) -> str:
        """A CoAP client that nobody here wrote (aiocoap) asks what it is"""
        core = await self._link.core()
        identity = await self._link.identity()
        _expect("the model in /d", APP, identity.model)
        for row in identity.resources:
            if not row.event:
                _expect(f"/s/{row.path} in /.well-known/core", True, f"</s/{row.path}>" in core)
        return f"{identity.id}: {', '.join(row.path for row in identity.resources)}"

    async def _observe(self) -> str:
        """It is observed, and switched on"""
        states = self._link.watch()
        before = await anext(states)
        _expect("power before", False, before and before["power"])
        await self._link.set("power", True)
        told = await asyncio.wait_for(anext(states), 2)
        await states.aclose()
        _expect("power in the notification", True, told and told["power"])
        return "a notification says power on"

    async def _heat(self) -> str:
        """The water gets warmer"""
        start = await self._link.get("temp")
        if not isinstance(start, (int, float)):
            raise _Failed(f"expected temp to be a number, saw {start}")
        warm = await self._becomes("temp", f"above {start + 5}", lambda now: now is not None and now > start + 5)
        return f"temp {start} -> {warm} °C"

    async def _boil(self) -> str:
        """It boils, and its own rule switches it off"""
        await self._becomes("power", "off", lambda now: now is False, within_s=15)
        boils = await self._becomes("boils", "1", lambda now: now == 1)
        return f"power off at {await self._link.get('temp')} °C, boils {boils}"

    async def _break(self) -> str:
        """While it heats new water, the thermometer breaks"""
        await self._pour(_COLD_C)
        await self._link.set("power", True)
        await self._kettle.control("fail", signal="probe_mv", failing=True)
        await self._becomes("temp", "unknown", lambda now: now is None)
        _expect("power", False, await self._link.get("power"))
        try:
            await self._link.set("power", True)
        except LinkError as e:
            _expect("the answer to power on", "5.03", e.answer)
            return f"temp unknown, power off; power on is refused: {e.answer}, {e.code}"
        raise _Failed("expected power on to be refused with 5.03, saw it accepted")

    async def _mend(self) -> str:
        """The thermometer is mended"""
        await self._kettle.control("fail", signal="probe_mv", failing=False)
        temp = await self._becomes("temp", "known", lambda now: now is not None)
        await self._link.set("power", True)
        _expect("power", True, await self._link.get("power"))
        return f"temp {temp} °C, power on is accepted"

    async def _kill(self) -> str:
        """kill -9 in the middle of heating"""
        await self._pour(_WARM_C)
        _expect("power", True, await self._link.get("power"))
        await self._kettle.kill()
        await self._kettle.restarted()
        _expect("power after the restart", False, await self._link.get("power"))
        _expect("boils after the restart", 1, await self._link.get("boils"))
        temp = await self._becomes(
            "temp", f"still {_WARM_C - 1} or more", lambda now: now is not None and now >= _WARM_C - 1
        )
        return f"restarted; power off, boils 1, the water still at {temp} °C"

    async def _cut(self) -> str:
        """The power fails while it writes that it boiled again"""
        await self._kettle.power_cut(after=1, tear="half")
        await self._pour(_NEARLY_C)
        await self._link.set("power", True)
        await self._kettle.restarted()
        boils = await self._link.get("boils")
        if boils not in (1, 2):
            raise _Failed(f"expected boils to be the old value 1 or the new one 2, saw {boils}")
        return f"restarted with {'the new' if boils == 2 else 'the old'} value, {boils}; never a mixture"

    async def _remember(self) -> str:
        """Its log tells why it started"""
        log = await self._link.log()
        causes = [entry.a for entry in log.ring if entry.code == _BOOT]
        _expect("the causes of start in the log", [0], causes)
        return f"{len(log.ring)} entries; started by power on, start {self._kettle.starts} of this demo"

    async def _pour(self, celsius: int) -> None:
        """Other water into the kettle, until the thermometer has seen it."""
        await self._kettle.control("set", signal="water_c", value=celsius)
        await self._becomes("temp", f"about {celsius}", lambda now: now is not None and abs(now - celsius) <= 2)

    async def _becomes(self, path: str, words: str, holds: Callable[[Any], object], within_s: float = 5) -> Value:
        """The value of path once it holds; fails with what was expected and seen."""
        deadline = time.monotonic() + within_s
        while not holds(now := await self._link.get(path)):
            if time.monotonic() > deadline:
                raise _Failed(f"expected {path} to be {words} within {within_s:g} s, saw {now}")
            await asyncio.sleep(_LOOK_S)
        return now


def _expect(what: str, expected: object, seen: object) -> None:
    if seen != expected:
        raise _Failed(f"expected {what} to be {expected}, saw {seen}")
