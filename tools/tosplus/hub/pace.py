"""How often something may happen."""

import time
from collections import OrderedDict

_MOST = 2000  # sources


class Bucket:
    """`burst` at once, then `hertz`."""

    def __init__(self, hertz: float, burst: float) -> None:
        self._hertz = hertz
        self._burst = burst
        self._left = burst
        self._at = time.monotonic()

    def take(self) -> bool:
        """False when it is too often."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._hertz)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Buckets:
    """One for each source; those heard last are remembered."""

    def __init__(self, hertz: float, burst: float) -> None:
        self._limits = (hertz, burst)
        self._buckets: OrderedDict[object, Bucket] = OrderedDict()

    def take(self, source: object) -> bool:
        bucket = self._buckets.setdefault(source, Bucket(*self._limits))
        self._buckets.move_to_end(source)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        return bucket.take()


class Rate:
    """Of notifications, by their numbers (RFC 7641 section 3.4): also of those that were lost or skipped."""

    def __init__(self) -> None:
        self._from: tuple[int, float] | None = None

    def hertz(self, number: int) -> float:
        """Over the last second or more; 0 until that has passed."""
        now = time.monotonic()
        if self._from is None:
            self._from = (number, now)
        before, at = self._from
        if now - at < 1:
            return 0.0
        self._from = (number, now)
        return max(0.0, (number - before) / (now - at))
