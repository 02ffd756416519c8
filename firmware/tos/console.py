"""The serial port that the REPL shares with Improv: whose byte is this? A service. MicroPython.

While it runs, Ctrl-C is a byte like any other: inside a packet of Improv it is data, elsewhere it stops the app.
"""

import asyncio

from micropython import const
from tos.lazy import drop

_QUIET_MS = const(30000)
_CTRL_C = const(3)
_START = b"IMPROV\x01"


class Console:
    """Improv itself is loaded with the first packet, and dropped when the port has been quiet."""

    async def run(self, app):
        port = app.board.console
        front = None
        inside = False
        n = 0  # letters of a packet's start so far
        port.open()
        try:
            while True:
                try:
                    byte = await (port.read() if front is None else asyncio.wait_for_ms(port.read(), _QUIET_MS))
                except asyncio.TimeoutError:
                    if not front.busy():
                        front = None
                        inside = False
                        drop("tos.improv_serial", "toscore.improv")
                    continue
                if byte is None:
                    return
                if inside:
                    taken, inside = front.feed(byte)
                    if taken:
                        continue
                if byte == _CTRL_C:
                    raise KeyboardInterrupt
                n = n + 1 if byte == _START[n] else int(byte == _START[0])
                if n == len(_START):
                    n = 0
                    if front is None:
                        from tos.improv_serial import ImprovSerial

                        front = ImprovSerial(app, port)
                    front.begin()
                    inside = True
        finally:
            port.close()
