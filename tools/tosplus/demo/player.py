"""Whoever plays the demo's story: what he does at the page of the hub and at the bench, and what he sees there."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from ..errors import HostError
from ..link.schema import Value
from .checks import Failed
from .page import Page
from .stage import Stage


class Player:
    """On a stage, which has been entered when he begins."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @property
    def _page(self) -> Page:
        return self._stage.page

    # What a person does

    async def _set(self, model: str, path: str, value: Value) -> None:
        await self._ask("PUT", self._path(model, f"s/{path}"), {"value": value})

    async def _move(self, model: str, lever: str, value: Value = None) -> None:
        """A lever of the bench, through the hub."""
        await self._ask("POST", f"bench/{self._page.device(model)['id']}/{lever}", {"value": value})

    async def _press_unseen(self, name: str, key: str) -> None:
        """A key, past the hub."""
        transport = httpx.AsyncHTTPTransport(uds=str(self._stage.bench))
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as http:
            devices = (await http.get("/devices")).json()
            [id] = [id for id, device in devices.items() if device["name"] == name]
            (await http.post(f"/devices/{id}/keys", json={"value": key})).raise_for_status()

    async def _awake(self, model: str, button: str) -> None:
        """A button wakes it, if it sleeps."""
        if self._page.device(model)["link"] == "asleep":
            await self._move(model, button)
        await self._page.until(f"the {model} to be awake", lambda: self._page.device(model).get("link") == "live")

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        status, told = await self._page.ask(method, path, body)
        if not 200 <= status < 300:
            raise Failed(f"the hub answers {method} {path} with {status}: {told}")
        return told

    # What is seen

    def _path(self, model: str, rest: str) -> str:
        return f"devices/{self._page.device(model)['id']}/{rest}"

    def _number(self, model: str, path: str) -> float:
        value = self._page.value(model, path)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Failed(f"expected {model} {path} to be a number, saw {value}")
        return value

    async def _becomes(
        self, model: str, path: str, words: str, holds: Callable[[Any], object], within_s: float = 15
    ) -> Any:
        """The value on the page once it holds; fails with what was expected and seen."""
        try:
            await self._page.until("", lambda: holds(self._page.value(model, path)), within_s)
        except HostError:
            seen = self._page.value(model, path)
            raise Failed(f"expected {model} {path} to be {words} within {within_s:g} s, saw {seen}") from None
        return self._page.value(model, path)

    async def _comes_back(self, model: str, starts: int) -> str:
        """Once the page shows it live after another start -> what the hub told of it."""
        since = time.time() - 1

        def is_back() -> bool:
            return self._page.is_live(model) and self._page.device(model)["starts"] > starts

        await self._page.until(f"{model} to restart", is_back, 10)
        id = self._page.device(model)["id"]
        told = [e["kind"] for e in self._page.events if e["device"] == id and e["at"] > since and e["kind"] != "event"]
        if not {"away", "restarted"} & set(told):
            raise Failed(f"expected the hub to tell that {model} was away or restarted, saw {told}")
        return ", ".join(told)

    def _times(self, model: str, value: Value) -> int:
        """How often that event has happened, as far as the page shows it."""
        id = self._page.device(model).get("id")
        return sum(e["device"] == id and bool(e["path"]) and e["value"] == value for e in self._page.events)

    async def _told(self, model: str, value: Value) -> list[dict[str, Any]]:
        """The device's own events with this value, as the hub keeps them."""
        events = (await self._ask("GET", "events?limit=200"))["events"]
        id = self._page.device(model)["id"]
        return [event for event in events if event["device"] == id and event["value"] == value and event["path"]]

    async def _history(self, model: str, path: str, since: float) -> list[tuple[float, Value]]:
        told = await self._ask("GET", self._path(model, f"history/{path}?since={since}&points=1000"))
        return [(at, value) for at, value in told["points"] if at >= since]
