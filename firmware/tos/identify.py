"""Which of them is it? The device shows itself to who has asked, see POST /d in docs/protocol.md. MicroPython.

Loaded when somebody asks.
"""

import asyncio

from micropython import const

_IDENTIFIES = const(226)

_TIMES = const(10)
_HALF_MS = const(250)

_task = None


def begin(app):
    """Whether it has anything to show itself with. Asked once more meanwhile, it just goes on."""
    global _task
    for name, on, off in (("led", 100, 0), ("vibration", True, False), ("display", app.id, "")):
        if name in app.shown:
            if _task is None or _task.done():
                app.log.event(_IDENTIFIES)
                _task = asyncio.create_task(_show(app, app.shown[name], on, off))
            return True
    return False


async def _show(app, output, on, off):
    """For 5 s; then it is as the app wants it by then."""
    try:
        for _ in range(_TIMES):
            for value in (on, off):
                output.drive(value)
                await app.clock.sleep_ms(_HALF_MS)
        output.drive(off if output.last is None else output.last)
    except OSError:  # the app will notice, when it drives it
        pass
