"""The demo's story: a house lives, breaks and recovers, played through its hub, and each step is checked there."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from ..errors import HostError
from ..link.client import Client, LinkError
from . import releases
from .checks import Failed, Step, check_history, expect
from .paying import Paying
from .player import Player
from .stage import Stage

_RATE = 30  # a litre boils in 6 s
_FOOD_C, _COLD_C, _NEARLY_C = 4, 40, 97
_RULE_C = 60
_SENSOR_SILENT, _UNSECURED = 336, 356
_OUTAGE_S = 1.0
_UPDATE_S = 60.0


class Story(Player):
    """Runs the steps in order, up to the first that fails. began: called with the title of each as it begins."""

    def __init__(self, began: Callable[[str], None] = lambda title: None) -> None:
        super().__init__(Stage(_RATE, fresh=True))
        self._began = began

    def steps(self) -> tuple[Callable[[], Awaitable[str]], ...]:
        return (
            self._start,
            self._paired,
            self._boil,
            self._door,
            self._outage,
            self._break,
            self._kill,
            self._cut,
            self._press,
            *Paying(self._stage).steps(),
            self._together,
            self._update,
            self._come_back,
        )

    async def run(self) -> AsyncGenerator[Step, None]:
        async with contextlib.AsyncExitStack() as self._stack:
            for step in self.steps():
                title = (step.__doc__ or "").strip()
                self._began(title)
                began = time.monotonic()
                try:
                    checked = await step()
                except HostError as e:
                    yield Step(title, False, str(e), time.monotonic() - began)
                    return
                yield Step(title, True, checked, time.monotonic() - began)

    async def _start(self) -> str:
        """Five devices start, each a MicroPython process, and report to a hub"""
        await self._stack.enter_async_context(self._stage)
        names = sorted(device["name"] for device in self._page.devices.values())
        expect("devices on the hub", sorted(self._stage.plan.devices), names)
        return f"{', '.join(names)}: all live at {self._stage.hub.url}"

    async def _paired(self) -> str:
        """Each showed a code on its console and was paired by it; in the clear they answer nobody"""
        devices = self._page.devices
        for id, device in devices.items():
            expect(f"whether {device['name']} is paired", True, device["paired"])
            if device["link"] != "asleep":
                peers = [(p["name"], p["role"]) for p in (await self._ask("GET", f"devices/{id}/peers"))["peers"]]
                expect(f"who is paired with {device['name']}", [("hub", "owner")], peers)
        kettle = self._stage.house.devices["kettle"]
        try:
            async with Client(*kettle.link) as stranger:
                await stranger.set("power", True)
            raise Failed("expected the kettle to refuse a stranger, and it did not")
        except LinkError as e:
            expect("what the kettle answers a stranger", ("4.01", _UNSECURED), (e.answer, e.code))
        expect("the relay", False, (await kettle.control("get"))["signals"]["relay"])
        return f"the hub is the owner of {len(devices)} devices; a stranger's power on is refused"

    async def _boil(self) -> str:
        """The kettle is switched on, boils, and its own rule switches it off"""
        cold = self._number("kettle", "temp")
        await self._set("kettle", "power", True)
        await self._becomes("kettle", "temp", f"above {cold + 5}", lambda now: now is not None and now > cold + 5)
        await self._becomes("kettle", "power", "off", lambda now: now is False, within_s=30)
        boils = await self._becomes("kettle", "boils", "1", lambda now: now == 1)
        return f"temp {cold} -> {self._number('kettle', 'temp')} °C, power off, boils {boils}"

    async def _door(self) -> str:
        """Somebody opens the fridge"""
        await self._stage.house.devices["fridge"].control("set", signal="inside_c", value=_FOOD_C)
        cold = await self._becomes("fridge", "temp", f"about {_FOOD_C}", lambda now: now is not None and now < 5)
        await self._move("fridge", "door", True)
        await self._becomes("fridge", "light", "on", lambda now: now is True)
        warm = await self._becomes("fridge", "temp", f"above {cold + 0.5}", lambda now: now > cold + 0.5, within_s=20)
        await self._move("fridge", "door", False)
        await self._becomes("fridge", "light", "off", lambda now: now is False)
        return f"light on, temp {cold} -> {warm} °C; door closed, light off"

    async def _outage(self) -> str:
        """A rule is set on the page, and holds while the hub is killed"""
        rule = {"when": "temp", "above": _RULE_C, "set": "power", "to": False}
        await self._rules([rule])
        await self._pour(_COLD_C)
        began = time.time()
        await self._set("kettle", "power", True)
        await self._becomes("kettle", "temp", f"above {_COLD_C + 5}", lambda now: now > _COLD_C + 5)
        await self._stage.hub.unplug()
        down = time.time()
        await self._press_unseen("tv", "ok")
        await self._switched_off_by_rule()
        await asyncio.sleep(max(0, down + _OUTAGE_S - time.time()))
        self._stage.hub.plug()
        await self._page.until("the hub to come back", lambda: self._page.is_live("kettle", "tv"), 10)
        up = time.time()
        await self._becomes("kettle", "power", "off", lambda now: now is False)
        await self._becomes("kettle", "temp", f"about {_RULE_C}", lambda now: now > _RULE_C - 10)  # it cools already
        points = await self._history("kettle", "temp", began)
        check_history(points, down, up)
        await self._page.until("the press during the outage", lambda: self._times("tv", "ok"))
        expect("that press in the history", 1, len(await self._told("tv", "ok")))
        await self._rules([])
        return (
            f"power off at {self._number('kettle', 'temp')} °C without the hub, away for {up - down:.1f} s; "
            f"{len(points)} readings, none twice, and a key pressed meanwhile, once"
        )

    async def _break(self) -> str:
        """The kettle's thermometer breaks while it heats"""
        await self._pour(_COLD_C)
        await self._set("kettle", "power", True)
        await self._move("kettle", "probe", True)
        await self._becomes("kettle", "temp", "unknown", lambda now: now is None)
        await self._becomes("kettle", "power", "off", lambda now: now is False)
        status, told = await self._page.ask("PUT", self._path("kettle", "s/power"), {"value": True})
        expect("the answer to power on", (409, _SENSOR_SILENT, "5.03"), (status, told["code"], told["answer"]))
        await self._move("kettle", "probe", False)
        await self._becomes("kettle", "temp", "known", lambda now: now is not None)
        words = told["error"].partition("\n")[0]
        return f"temp unknown, power off; power on is refused: {words}; mended"

    async def _kill(self) -> str:
        """kill -9 of the kettle, in the middle of heating"""
        await self._pour(_COLD_C)
        await self._set("kettle", "power", True)
        starts = self._page.device("kettle")["starts"]
        await self._move("kettle", "kill")
        told = await self._comes_back("kettle", starts)
        await self._becomes("kettle", "power", "off", lambda now: now is False)
        expect("boils after the restart", 1, self._page.value("kettle", "boils"))
        temp = await self._becomes("kettle", "temp", f"still {_COLD_C - 1}", lambda now: now and now >= _COLD_C - 1)
        return f"the hub tells: {told}; power off, boils 1, the water still at {temp} °C"

    async def _cut(self) -> str:
        """The power fails while it writes that it boiled again"""
        starts = self._page.device("kettle")["starts"]
        await self._move("kettle", "cut")
        await self._pour(_NEARLY_C)
        await self._set("kettle", "power", True)
        await self._comes_back("kettle", starts)
        boils = await self._becomes("kettle", "boils", "1 or 2", lambda now: now in (1, 2))
        return f"back with {'the new' if boils == 2 else 'the old'} value, boils {boils}; never a mixture"

    async def _press(self) -> str:
        """A button of the watch and a key of the till are pressed"""
        before, began = self._times("watch", "a"), time.monotonic()
        moving = asyncio.create_task(self._move("watch", "button_a"))
        await self._page.until("the button's event on the page", lambda: self._times("watch", "a") > before)
        seconds = time.monotonic() - began
        await moving
        await self._move("till", "keys", "7")
        amount = await self._becomes("till", "amount", "7", lambda now: now == 7)
        return f"pressed a on the page after {seconds * 1000:.0f} ms, amount {amount} ct"

    async def _together(self) -> str:
        """A rule lets the watch's button switch the TV; the hub is killed, and it does"""
        rule = {"when": "pressed", "equals": "b", "device": self._page.device("tv")["id"], "set": "power"}
        await self._awake("watch", "button_a")
        await self._ask("PUT", self._path("watch", "rules"), {"rules": [rule]})
        await self._stage.hub.unplug()
        tv, watch = self._stage.house.devices["tv"], self._stage.house.devices["watch"]
        was = (await tv.control("get"))["signals"]["relay"]
        began = time.monotonic()
        await watch.press("button_b", 200)
        while (await tv.control("get"))["signals"]["relay"] is was:
            if time.monotonic() > began + 5:
                raise Failed("expected the watch's button to switch the TV")
            await asyncio.sleep(0.02)
        self._stage.hub.plug()
        return f"the TV is {'off' if was else 'on'} after {(time.monotonic() - began) * 1000:.0f} ms, with no hub"

    async def _update(self) -> str:
        """A new version of the kettle is signed and rolled out; the kettle tries it and keeps it"""
        await self._page.until("the hub to come back", lambda: self._page.is_live("kettle"), 10)
        boils = self._page.value("kettle", "boils")
        row = await self._rolled_out(releases.GOOD, "done")
        expect("what became of it", "confirmed", row["state"])
        await self._page.until("the new version", lambda: self._page.device("kettle")["version"] == releases.VERSION)
        await self._becomes("kettle", "descale", "off", lambda now: now is False)
        expect("boils after the update", boils, self._page.value("kettle", "boils"))
        return f"{row['total_b']} B that changed, confirmed; boils {boils}, and something new: descale"

    async def _come_back(self) -> str:
        """A broken version is rolled out; the kettle comes back by itself, and the rollout is halted"""
        row = await self._rolled_out(releases.BROKEN, "halted")
        expect("what became of it", "rolled back", row["state"])
        await self._page.until("the kettle to be back", lambda: self._page.is_live("kettle"), 10)
        expect("its version", releases.VERSION, self._page.device("kettle")["version"])
        return f"{row['text']}; {releases.VERSION} runs again"

    # What is done and seen in several of them

    async def _rules(self, rules: list[dict[str, Any]]) -> None:
        await self._ask("PUT", self._path("kettle", "rules"), {"rules": rules})
        await self._page.until(f"rules {rules}", lambda: self._page.device("kettle").get("rules") == rules)

    async def _pour(self, celsius: int) -> None:
        """Other water into the kettle, until the page shows it."""
        await self._stage.house.devices["kettle"].control("set", signal="water_c", value=celsius)
        await self._becomes(
            "kettle", "temp", f"about {celsius}", lambda now: now is not None and abs(now - celsius) <= 2
        )

    async def _switched_off_by_rule(self) -> None:
        """The kettle itself, while there is no page."""
        signals = {"relay": True}
        while signals["relay"]:
            signals = (await self._stage.house.devices["kettle"].control("get"))["signals"]
            if signals["water_c"] > _RULE_C + 20:
                raise Failed(f"expected the rule to switch power off above {_RULE_C} °C, saw {signals}")
            await asyncio.sleep(0.02)

    async def _rolled_out(self, name: str, end: str) -> dict[str, Any]:
        """Once the rollout has ended so -> what became of the kettle."""
        await self._stage.released
        hub = self._stage.hub.url
        id = await asyncio.to_thread(self._stage.releases.roll_out, hub, name)
        deadline = time.monotonic() + _UPDATE_S
        while True:
            state, row = await asyncio.to_thread(releases.row, hub, id)
            if state == end:
                return row
            if time.monotonic() > deadline or state not in ("running", end):
                raise Failed(f"expected the rollout to be {end} within {_UPDATE_S:g} s, saw {state}: {row}")
            await asyncio.sleep(0.1)
