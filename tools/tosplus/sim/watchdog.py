"""The watchdog of a simulated device, which its supply is: it lives in real time."""

import asyncio
from collections.abc import Callable

_AT_LEAST_S = 5.0  # in time-lapse a busy host must not look like a hung device


class Watchdog:
    """bites: called once when it was not fed for its timeout. rate: as of the device; at 0 there is no watchdog."""

    def __init__(self, rate: float, bites: Callable[[], None]) -> None:
        self._rate = rate
        self._bites = bites
        self._waiting: asyncio.TimerHandle | None = None

    def feed(self, timeout_ms: int) -> None:
        """timeout_ms: by the device's clock; 0 stops it."""
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
        if timeout_ms and self._rate:
            timeout_s = max(timeout_ms / 1000 / self._rate, _AT_LEAST_S)
            self._waiting = asyncio.get_running_loop().call_later(timeout_s, self._bites)
