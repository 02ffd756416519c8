"""What all that is fuzzed on MicroPython has in common: how a case ends it, and whether its heap grows."""

import gc
import sys
from array import array
from binascii import hexlify


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)


def died(e, n, seed, *case):
    """Case n has raised what it should not have. case: its bytes, and words."""
    sys.print_exception(e, sys.stderr)
    shown = [hexlify(each).decode() if isinstance(each, (bytes, bytearray, memoryview)) else str(each) for each in case]
    fail("case %d, seed %d: %s" % (n, seed, " ".join(shown)))


class Heap:
    """Looks at it every so many cases, once after settle of them every bounded list is full.

    What is held for a while is no growth, and no leak gives anything back: the least of the later half of all looks
    counts, against the least of the first.
    """

    def __init__(self, settle, every, growth_b):
        self._settle = settle
        self._every = every
        self._growth_b = growth_b
        self._seen = array("L", [])

    def is_due(self, n):
        return n >= self._settle and n % self._every == 0

    def look(self):
        """Whoever calls holds nothing that is the last case's."""
        gc.collect()
        self._seen.append(gc.mem_alloc())

    def growth(self):
        """-> words, or "" when it has not grown."""
        half = len(self._seen) // 2
        if not half:
            return ""
        before, after = min(self._seen[:half]), min(self._seen[half:])
        return "" if after <= before + self._growth_b else "the heap grew from %d to %d" % (before, after)

    def check(self, seed):
        if self.growth():
            fail("seed %d: %s" % (seed, self.growth()))
