"""The token service as the hub asks it: by HTTP, with a credential of the house, which is in no log and no address."""

import json
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from .. import bearer
from ..errors import HostError, Unreachable

_ANSWER_S = 10.0
_PASSED_ON = (400, 404, 409)


class NoAnswer(HostError):
    """The service said no. status: what the page is told."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class TokenService:
    """url: http only on loopback. secret: a file. `async with`. Raises UsageFault, HostError.

    Every method raises NoAnswer, or Unreachable where nobody is.
    """

    def __init__(self, url: str, secret: Path) -> None:
        self._http = httpx.AsyncClient(
            base_url=bearer.service("--tokens", url),
            headers={"authorization": f"Bearer {bearer.secret_in(secret)}"},
            timeout=_ANSWER_S,
            verify=ssl.create_default_context(),
            trust_env=False,  # no proxy, which would read it
            follow_redirects=False,
        )

    async def __aenter__(self) -> "TokenService":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str) -> Any:
        return _json(await self._ask("GET", path))

    async def become(self, token: str, word: str) -> Any:
        """word: suspend or resume."""
        return _json(await self._ask("POST", f"/v1/tokens/{quote(token, safe='')}/{word}"))

    async def statement(self, party: str, kind: str) -> bytes:
        """kind: csv, json, beancount."""
        return (await self._ask("GET", f"/v1/statements/{quote(party, safe='')}?format={kind}")).content

    async def _ask(self, method: str, path: str) -> httpx.Response:
        try:
            answer = await self._http.request(method, path)
        except httpx.HTTPError as e:
            raise Unreachable(f"the token service does not answer ({type(e).__name__})") from None
        if answer.is_success:
            return answer
        if answer.status_code in (401, 403):
            text = "the token service does not take the hub's credential; `tos tokens credential house` makes another"
            raise NoAnswer(502, text)
        if answer.status_code in _PASSED_ON:
            raise NoAnswer(answer.status_code, _words(answer))
        raise NoAnswer(502, f"the token service answers {answer.status_code}")


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise NoAnswer(502, "what the token service says cannot be understood") from None


def _words(answer: httpx.Response) -> str:
    try:
        return str(json.loads(answer.content)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the token service answers {answer.status_code}"
