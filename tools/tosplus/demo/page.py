"""A page of the hub without a browser: what it would show, kept up by the WebSocket, and what a person does there."""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from ..errors import HostError
from ..link.schema import Value

_AGAIN_S = 0.2
_LOOK_S = 0.02
_EVENTS = 200

Found = TypeVar("Found")
Told = Callable[[dict[str, Any]], None]


class Page:
    """Follows the hub at `url` while the context is entered, also over its restarts. The API is in docs/hub.md.

    devices: {id: device} as the hub last said; empty while it is away. told: called with each new event.
    """

    def __init__(self, url: str, told: Told = lambda event: None) -> None:
        self.devices: dict[str, dict[str, Any]] = {}
        self.events: deque[dict[str, Any]] = deque(maxlen=_EVENTS)
        self.heard = False
        self._url = url
        self._told = told

    async def __aenter__(self) -> "Page":
        self._http = httpx.AsyncClient(base_url=self._url, trust_env=False)
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._following.cancel()
        await asyncio.wait({self._following})
        await self._http.aclose()

    def device(self, model: str) -> dict[str, Any]:
        """The only one of this model; an empty one while there is none."""
        return next((device for device in self.devices.values() if device["model"] == model), {})

    def is_live(self, *models: str) -> bool:
        """Whether each is live; a watch may as well be asleep."""
        return all(self.device(model).get("link") in ("live", "asleep") for model in models)

    def value(self, model: str, path: str) -> Value:
        rows = self.device(model).get("resources", ())
        return next((row["value"] for row in rows if row["path"] == path), None)

    async def until(self, words: str, holds: Callable[[], Found], within_s: float = 15) -> Found:
        """What holds() returns once that is true. Raises HostError: expected `words`."""
        deadline = time.monotonic() + within_s
        while not (found := holds()):
            if time.monotonic() > deadline:
                raise HostError(f"expected {words} within {within_s:g} s")
            await asyncio.sleep(_LOOK_S)
        return found

    async def known(self) -> None:
        """Until the hub has said which devices it knows."""
        await self.until("the page to hear from the hub", lambda: self.heard)

    async def ask(self, method: str, path: str, body: Any = None, timeout_s: float = 15) -> tuple[int, Any]:
        """(status, what the JSON says, None when there is none). Raises HostError when the hub does not answer."""
        try:
            done = await self._http.request(method, f"/api/{path}", json=body, timeout=timeout_s)
        except httpx.HTTPError as e:
            raise HostError(f"no answer from the hub to {method} {path} ({type(e).__name__})") from None
        return done.status_code, done.json() if done.content else None

    async def download(self, path: str) -> bytes:
        """Raises HostError."""
        try:
            return (await self._http.get(f"/api/{path}")).raise_for_status().content
        except httpx.HTTPError as e:
            raise HostError(f"the hub does not give out {path}: {e}") from None

    async def _follow(self) -> None:
        url = self._url.replace("http", "ws", 1) + "/api/live"
        while True:
            with contextlib.suppress(OSError, WebSocketException):
                async with connect(url, proxy=None) as messages:
                    async for message in messages:
                        self._heard(json.loads(message))
            self.devices = {}
            await asyncio.sleep(_AGAIN_S)

    def _heard(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "house":
            self.devices = {device["id"]: device for device in message["devices"]}
            self.heard = True
            last = self.events[-1]["id"] if self.events else 0
            self.events.extend(event for event in message["events"] if event["id"] > last)
        elif kind == "device":
            self.devices[message["device"]["id"]] = message["device"]
        elif kind == "forgotten":
            self.devices.pop(message["device"], None)
        elif kind == "values" and message["device"] in self.devices:
            for row in self.devices[message["device"]]["resources"]:
                if row["path"] in message["values"]:
                    row.update(value=message["values"][row["path"]], at=message["at"])
        elif kind == "event":
            self.events.append(message["event"])
            self._told(message["event"])
