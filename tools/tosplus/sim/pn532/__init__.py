"""A simulated PN532 on a serial port, and the field between two of them. The drivers at its ports are real ones.

`line` is the port, `frames` what goes over it, `chip` the commands (UM0701-02 section 7), `target` and `initiator` the
two sides of the radio, `isodep` the protocol between them, `air` the field, `show` a frame in words, `tap` the time of
a tap with real chips.
"""

import contextlib
import tempfile
from pathlib import Path

from .air import Air
from .chip import Pn532


async def of_device(air: Path | None, stack: contextlib.AsyncExitStack) -> Pn532:
    """A device's own chip until the stack is closed. air: of the field in which it is; None is one for itself alone."""
    if air is None:
        folder = stack.enter_context(tempfile.TemporaryDirectory())  # a socket's path has to be short
        air = (await stack.enter_async_context(Air(Path(folder) / "air"))).path
    return await stack.enter_async_context(Pn532(air))
