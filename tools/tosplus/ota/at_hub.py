"""The hub's API for updates, as `tos ota` calls it."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import httpx

from ..errors import HostError, Unreachable

_TIMEOUT_S = 20.0


class AtHub:
    """Each call returns what the JSON says. Raises HostError with the hub's words, Unreachable."""

    def __init__(self, url: str, password: str | None = None) -> None:
        self._url = url
        auth = None if password is None else ("", password)
        self._http = httpx.Client(base_url=url, auth=auth, timeout=_TIMEOUT_S, trust_env=False)

    def __enter__(self) -> "AtHub":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def trust(self, public: bytes) -> str:
        """-> the key's id"""
        kid: str = self._ask("POST", "updates/keys", json={"key": public.hex()})["kid"]
        return kid

    def bring(self, data: bytes) -> dict[str, Any]:
        headers = {"content-type": "application/octet-stream"}
        found: dict[str, Any] = self._ask("POST", "updates/bundles", content=data, headers=headers)
        return found

    def begin(
        self, bundle: str, waves: Sequence[str], halt_at: float | None, devices: Sequence[str] | None, paused: bool
    ) -> dict[str, Any]:
        told = {"bundle": bundle, "waves": list(waves), "halt_at": halt_at, "paused": paused}
        if devices is not None:
            told["devices"] = list(devices)
        found: dict[str, Any] = self._ask("POST", "updates/rollouts", json=told)
        return found

    def order(self, id: int, word: str) -> None:
        self._ask("POST", f"updates/rollouts/{id}/{word}")

    def rollouts(self) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = self._ask("GET", "updates")["rollouts"]
        return found

    def rollout(self, id: int | None) -> dict[str, Any]:
        """None: the newest."""
        for found in self.rollouts():
            if id in (None, found["id"]):
                return found
        raise HostError(
            f"the hub has no rollout {id}" if id else "the hub has no rollout yet; `tos ota rollout BUNDLE`"
        )

    def names(self) -> dict[str, str]:
        """{id of a device: its name}"""
        return {device["id"]: device["name"] for device in self._ask("GET", "house")["devices"]}

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._http.request(method, f"/api/{path}", **more)
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise Unreachable(
                f"no hub answers at {self._url} ({type(e).__name__})\n"
                "Start one with `tos hub`, or say where it is: --hub http://HOST:PORT."
            ) from None
        if answer.status_code == 401:
            raise HostError("the hub wants its password; give it with --password-file")
        try:
            told = answer.json() if answer.content else None
        except ValueError:
            told = None
        if answer.is_success:
            return told
        words = told.get("error") if isinstance(told, dict) else None
        raise HostError(words or f"the hub answers {answer.status_code}")
