"""A PN532 at the other end of a terminal, where a simulated chip is. Unix port only."""

import asyncio
import os
import select
import termios

from micropython import const
from tos.drivers.pn532 import Pn532
from tos.drivers.pn532_bus import Hsu

# Places in termios' list, and in the list of characters in it.
_ISPEED = const(4)
_OSPEED = const(5)
_CC = const(6)
_VTIME = const(5)
_VMIN = const(6)


class Nfc(Pn532):
    """file: of the terminal. has_contacts: tools take it for a contact card."""

    def __init__(self, file, has_contacts=False):
        super().__init__(Hsu(Uart(file)), os.urandom)
        self.has_contacts = has_contacts


class Uart:
    def __init__(self, file):
        self._file = file
        self.write = file.write
        self._poll = select.poll()
        self._poll.register(file, select.POLLIN)
        self._rest = bytearray(64)
        termios.setraw(file.fileno())
        self.speed(115200)

    def speed(self, baud):
        mode = termios.tcgetattr(self._file.fileno())
        mode[_ISPEED] = mode[_OSPEED] = getattr(termios, "B%d" % baud)
        mode[_CC][_VMIN] = mode[_CC][_VTIME] = 0  # a read takes what there is
        termios.tcsetattr(self._file.fileno(), termios.TCSANOW, mode)

    def read_into(self, view):  # a coroutine in MicroPython's sense, as in its own asyncio.stream
        yield asyncio.core._io_queue.queue_read(self._file)
        return self._file.readinto(view)

    def drop(self):
        while self._poll.poll(0):
            self._file.readinto(self._rest)
