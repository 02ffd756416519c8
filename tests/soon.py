"""Waiting for what a test wants to see, for as long as that may take on a busy machine. CPython."""

import asyncio
import inspect
import time

_LOOK_S = 0.01
_PATIENCE_S = 60
_NEVER = "it does not come to that"


def until(holds, what=_NEVER):
    """What holds() returns, once that is true. what: words, or a function that says them, should it never be."""
    end = time.monotonic() + _PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(_LOOK_S)
    return found


async def soon(holds, what=_NEVER):
    """As until, while this process goes on. holds: may as well be a coroutine function."""
    end = time.monotonic() + _PATIENCE_S
    while not (found := await _now(holds)):
        assert time.monotonic() < end, await _now(what) if callable(what) else what
        await asyncio.sleep(_LOOK_S)
    return found


async def asleep(device):
    await soon(lambda: device.is_asleep)


async def _now(function):
    found = function()
    return await found if inspect.isawaitable(found) else found
