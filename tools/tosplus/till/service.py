"""The token service, as a till asks it by HTTP: /y/auth, /y/reverse, /y/void and /y/refund, maps of CBOR."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cbor2
import httpx

from .. import bearer
from ..errors import HostError, Unreachable, UsageFault

VARIABLE = "TOS_TILL_SECRET"
_ANSWER_S = 5.0
_PAUSE_S = 0.5
_AUTH = {0: bool, 1: int, 2: bytes, 3: bytes | None, 4: str, 5: str}
_WORDS = {
    401: "it does not know this till's secret; `tos tokens credential till` makes another",
    403: "this secret is not a till's",
}


class Denied(HostError):
    """The service wants nothing of this till, and says so."""


class TokenService:
    """One till's. ask() raises Unreachable when no answer came, Denied."""

    def __init__(self, http: httpx.Client, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._http, self._clock, self._sleep = http, clock, sleep

    def authorise(self, key: bytes, request: dict[int, Any], patience_s: float, say: Callable[[str], None]) -> Any:
        """-> the answer's map. Asks with the same key for so long."""
        until = self._clock() + patience_s
        while True:
            try:
                return self._checked(self.ask("/y/auth", {0: key, **request}))
            except Unreachable:
                if self._clock() + _PAUSE_S > until:
                    raise
            say("No answer yet, asking again")
            self._sleep(_PAUSE_S)

    def ask(self, path: str, told: dict[int, Any]) -> Any:
        try:
            answer = self._http.post(path, content=cbor2.dumps(told), headers={"content-type": "application/cbor"})
        except httpx.HTTPError as e:
            raise Unreachable(f"the token service does not answer ({type(e).__name__})") from None
        if answer.status_code >= 500:
            raise Unreachable(f"the token service cannot answer now ({answer.status_code})")
        if answer.status_code != 200:
            words = _WORDS.get(answer.status_code, f"it answers {answer.status_code}")
            raise Denied(f"the token service declines: {words}")
        try:
            found = cbor2.loads(answer.content)
        except Exception:  # of a decoder, whatever it meets
            found = None
        if not isinstance(found, dict) or type(found.get(0)) is not bool or type(found.get(1)) is not int:
            raise Denied("the token service declines: its answer is none")
        return found

    @staticmethod
    def _checked(found: dict[int, Any]) -> dict[int, Any]:
        if not {0, 1, 2, 3} <= found.keys() or not all(
            key in _AUTH and isinstance(value, _AUTH[key]) for key, value in found.items()
        ):
            raise Denied("the token service declines: its answer is none")
        return found


@contextlib.contextmanager
def connected(url: str, secret_file: Path | None, authority: Path | None) -> Iterator[TokenService]:
    """authority: PEM of who vouches for the service's certificate. Raises UsageFault, HostError."""
    url = bearer.service("--service", url)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    headers = {"authorization": f"Bearer {_secret(secret_file)}", "accept": "application/cbor"}
    verify: Any = str(authority) if authority else True
    with httpx.Client(base_url=url, headers=headers, timeout=_ANSWER_S, verify=verify, trust_env=False) as http:
        yield TokenService(http, time.monotonic, time.sleep)


def _secret(file: Path | None) -> str:
    if file is not None:
        return bearer.secret_in(file)
    text = os.environ.get(VARIABLE, "")
    if not text:
        raise UsageFault(f"--secret-file or {VARIABLE}: what `tos tokens credential till` has told")
    return bearer.secret(text)
