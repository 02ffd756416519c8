"""The service's time: the machine's, but it never goes back, or what has expired would be good again."""

import threading
import time
from collections.abc import Callable

_JUMP_S = 60.0


class Clock:
    """last: no time before it is told, s since 1970. said: told once of each time the machine's clock was set back."""

    def __init__(
        self, last: float, said: Callable[[float], None], source: Callable[[], float] = time.time
    ) -> None:
        self._last, self._said, self._source = last, said, source
        self._is_back = False
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            found = self._source()
            is_back = found < self._last - _JUMP_S
            said, self._is_back = is_back and not self._is_back, is_back
            self._last = max(self._last, found)
            now = self._last
        if said:
            self._said(now - found)
        return now
