"""The log: numbered events in a ring, and counters that survive overwriting. The words live on the host."""

import array
import io
import sys

from micropython import const

_SIZE = const(32)
_FIELDS = const(4)
_CRASH_CHARS = const(400)


class Log:
    """counts: {code: how often since boot}. crash: the last traceback, text, or None. Keys and tokens never enter."""

    def __init__(self, clock):
        self._clock = clock
        self._ring = array.array("q", [0] * (_SIZE * _FIELDS))
        self._n = 0
        self.counts = {}
        self.crash = None

    def event(self, code, a=0, b=0):
        """code: its hundreds are the level, 1 debug to 4 error. a, b: what the code's words say, integers."""
        now = self._clock.ms()
        at = self._n % _SIZE * _FIELDS
        self._ring[at] = now
        self._ring[at + 1] = code
        self._ring[at + 2] = a
        self._ring[at + 3] = b
        self._n += 1
        count = self.counts[code] = self.counts.get(code, 0) + 1
        # A peer that misbehaves must not keep a slow console busy: its first, second, fourth, eighth... are shown.
        if code >= 200 and (code // 100 != 3 or count & (count - 1) == 0):
            print("tos", now, code, a, b)

    def crashed(self, exc):
        """Keep the end of a traceback for `/l`, in ASCII, and show it on the console. Without memory, its name only."""
        sys.print_exception(exc)
        try:
            text = io.StringIO()
            sys.print_exception(exc, text)
            self.crash = "".join([c if " " <= c <= "~" or c == "\n" else "?" for c in text.getvalue()[-_CRASH_CHARS:]])
        except MemoryError:  # who logs a crash is about to make things safe
            self.crash = type(exc).__name__

    def entries(self):
        """[[ms since boot, code, a, b], ...], oldest first."""
        first = max(0, self._n - _SIZE)
        return [list(self._ring[i % _SIZE * _FIELDS : i % _SIZE * _FIELDS + _FIELDS]) for i in range(first, self._n)]
