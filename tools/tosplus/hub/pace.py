"""How often something may happen. Pure but for the clock it is given."""

import time
from collections import OrderedDict
from collections.abc import Callable


class Bucket:
    """`burst` at once, then `hertz`."""

    def __init__(self, hertz: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._hertz = hertz
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._at = clock()

    def take(self) -> bool:
        """False when it is too often."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._hertz)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Buckets:
    """One for each source; those heard last are remembered, so many."""

    def __init__(self, hertz: float, burst: float, most: int = 2000) -> None:
        self._limits = (hertz, burst)
        self._most = most
        self._buckets: OrderedDict[object, Bucket] = OrderedDict()

    def take(self, source: object) -> bool:
        bucket = self._buckets.setdefault(source, Bucket(*self._limits))
        self._buckets.move_to_end(source)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket.take()


class Rate:
    """Of notifications, by their numbers (RFC 7641 section 3.4): also of those that were lost or skipped."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._from: tuple[int, float] | None = None

    def hertz(self, number: int) -> float:
        """Over the last second or more; 0 until that has passed."""
        now = self._clock()
        if self._from is None:
            self._from = (number, now)
        before, at = self._from
        if now - at < 1:
            return 0.0
        self._from = (number, now)
        return max(0.0, (number - before) / (now - at))
