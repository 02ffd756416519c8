"""A PN532 at a serial port of the chip. ESP32 only."""

import os
from asyncio import core  # type: ignore[attr-defined]  # the stubs leave it out

import machine
from micropython import const
from tos.drivers.pn532 import Pn532
from tos.drivers.pn532_bus import Hsu

_BUFFER_B = const(600)  # two frames


class Nfc(Pn532):
    """port: number of the UART. tx, rx: GPIOs, to the PN532's RX and TX."""

    def __init__(self, port, tx, rx):
        super().__init__(Hsu(Uart(port, tx, rx)), os.urandom)


class Uart:
    def __init__(self, port, tx, rx):
        self._uart = machine.UART(port, 115200, tx=machine.Pin(tx), rx=machine.Pin(rx), timeout=0, rxbuf=_BUFFER_B)
        self.write = self._uart.write

    def speed(self, baud):
        self._uart.init(baudrate=baud)  # the other settings stay

    def read_into(self, view):  # a coroutine in MicroPython's sense, as in its own asyncio.stream
        yield core._io_queue.queue_read(self._uart)
        return self._uart.readinto(view) or 0

    def drop(self):
        while self._uart.any():
            self._uart.read()
