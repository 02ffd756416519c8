"""The three ways to a PN532, behind one interface (UM0701-02 section 6.2.2 to 6.2.5). MicroPython; takes a bus.

wake()        awaitable: the chip listens afterwards, also from power-down.
write(data)   a whole frame.
more(view)    awaitable -> how many bytes of what the chip says were put into view, at least one.
drop()        what it said so far and nobody has read is gone.
fast          the line rate, in baud, at which it can be run instead of 115200; 0 when it has none. speed(baud).
"""

import asyncio

from micropython import const
from toscore.pn532 import NACK

_WAKE_MS = const(2)  # until the oscillator runs; T_osc_start of the data sheet
_READY = const(1)
_FIRST_B = const(32)  # of what is read at once by I2C; nearly all frames are shorter

_AWAKE = b"\x55\x55" + bytes(14)  # five rising edges wake it, and what follows is not part of a frame


class Hsu:
    """The high-speed UART. uart: write(data), read_into(view) awaitable -> n, drop(), speed(baud); at 115200 baud."""

    def __init__(self, uart, fast=921600):
        self._uart = uart
        self.fast = fast
        self.write = uart.write
        self.more = uart.read_into
        self.drop = uart.drop
        self.speed = uart.speed

    def wake(self):
        self._uart.write(_AWAKE)
        return asyncio.sleep_ms(_WAKE_MS)


class I2c:
    """i2c: as machine.I2C, at most 400 kHz; the chip stretches the clock."""

    fast = 0

    def __init__(self, i2c, address=0x24):
        self._i2c = i2c
        self._address = address
        self._one = bytearray(1)
        self._buffer = bytearray(1 + 8 + 265 + 2)  # status, and the longest frame

    async def wake(self):
        try:
            self._i2c.writeto(self._address, b"\x00")
        except OSError:  # it wakes from its address, and does not acknowledge that
            pass
        await asyncio.sleep_ms(_WAKE_MS)

    def write(self, data):
        self._i2c.writeto(self._address, data)

    async def more(self, view):
        """One frame. Of a long one its beginning is read first, and then all of it once more: a transaction that ends
        early loses the rest."""
        n = await self._read(_FIRST_B)
        frame = self._buffer
        if frame[4] == 255 and frame[5] == 255:
            n = 8 + (frame[6] << 8 | frame[7]) + 2
        elif frame[4] != 255:
            n = 5 + frame[4] + 2
        n = min(n, len(frame) - 1)
        if n > _FIRST_B:
            self.write(NACK)
            await self._read(n)
        n = min(n, len(view))
        view[:n] = memoryview(frame)[1 : 1 + n]
        return n

    async def _read(self, n):
        while True:
            self._i2c.readfrom_into(self._address, self._one)
            if self._one[0] & _READY:
                break
            await asyncio.sleep_ms(1)
        self._i2c.readfrom_into(self._address, memoryview(self._buffer)[: 1 + n])
        return n

    def drop(self):
        pass


class Spi:
    """spi: as machine.SPI in mode 0, the least bit first, at most 5 MHz. select: a pin, low while we talk."""

    fast = 0

    def __init__(self, spi, select):
        self._spi = spi
        self._select = select
        self._one = bytearray(1)
        select(1)

    async def wake(self):
        self._select(0)
        await asyncio.sleep_ms(_WAKE_MS)
        self._select(1)

    def write(self, data):
        self._select(0)
        self._spi.write(b"\x01")
        self._spi.write(data)
        self._select(1)

    async def more(self, view):
        while not self._status() & _READY:
            await asyncio.sleep_ms(1)
        self._select(0)
        self._spi.write(b"\x03")
        head = view[:8]
        self._spi.readinto(head)
        n = 6  # an acknowledge
        if head[3] == 255 and head[4] == 255:
            n = 8 + (head[5] << 8 | head[6]) + 2
        elif head[3] and head[3] != 255:
            n = 5 + head[3] + 2
        n = min(n, len(view))
        if n > 8:
            self._spi.readinto(view[8:n])
        self._select(1)
        return n

    def _status(self):
        self._select(0)
        self._spi.write(b"\x02")
        self._spi.readinto(self._one)
        self._select(1)
        return self._one[0]

    def drop(self):
        pass
