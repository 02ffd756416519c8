"""Waiting for what a test wants to see, for as long as that may take on a busy machine. CPython."""

import asyncio
import inspect
import time

_LOOK_S = 0.01  # after this at first; then a tenth later each time, as a look may be a request
_LOOK_AT_MOST_S = 0.03
_PATIENCE_S = 60
_NEVER = "it does not come to that"


def until(holds, what=_NEVER):
    """What holds() returns, once that is true. what: words, or a function that says them, should it never be."""
    looks = _looks()
    while not (found := holds()):
        look_s = next(looks)
        assert look_s, what() if callable(what) else what
        time.sleep(look_s)
    return found


async def soon(holds, what=_NEVER):
    """As until, while this process goes on. holds: may as well be a coroutine function."""
    looks = _looks()
    while not (found := await _now(holds)):
        look_s = next(looks)
        assert look_s, await _now(what) if callable(what) else what
        await asyncio.sleep(look_s)
    return found


async def asleep(device):
    await soon(lambda: device.is_asleep)


async def ends(begin, most):
    """A task that begin() begins ends when it is cancelled, at once or up to so many turns of the loop later."""
    for turns in range(most + 1):
        running = await begin()
        for _ in range(turns):
            await asyncio.sleep(0)
        ran = running.cancel()
        await asyncio.wait({running}, timeout=_PATIENCE_S)
        assert running.cancelled() is ran, f"cancelled after {turns} turns, it goes on"


def _looks():
    """-> after how long to look again, each time; 0 when it has been long enough."""
    end, look_s = time.monotonic() + _PATIENCE_S, _LOOK_S
    while True:
        yield look_s if time.monotonic() < end else 0
        look_s = min(look_s * 1.1, _LOOK_AT_MOST_S)


async def _now(function):
    found = function()
    return await found if inspect.isawaitable(found) else found
