"""Times of several functions, taken in turn. MicroPython."""

import gc
import time

_BATCHES = 40


def interleaved(subjects, batch, rounds):
    """subjects: ((name, fn), ...), each fn does the same thing batch times -> {name: [us for one of them, a round]}.

    A batch of each at a time: what else the machine does then falls on all of them.
    """
    times = {name: [] for name, _ in subjects}
    for _ in range(rounds):
        spent = [0] * len(subjects)
        gc.collect()
        for _ in range(_BATCHES):
            for n, (_, fn) in enumerate(subjects):
                start = time.ticks_us()
                fn()
                spent[n] += time.ticks_diff(time.ticks_us(), start)
        for (name, _), us in zip(subjects, spent):
            times[name].append(us / _BATCHES / batch)
    return times
