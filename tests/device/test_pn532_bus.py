"""The PN532's driver by I2C and SPI, at a chip that a test scripts; by the serial port see host/test_pn532.py."""

import asyncio

from tos.drivers.pn532 import Pn532
from tos.drivers.pn532_bus import I2c, Spi
from toscore import pn532

ADDRESS = 0x24
UID = b"\x08\x01\x02\x03"
CARD = b"\x01\x01\x00\x04\x20\x04" + UID + b"\x05\x75\x33\x92\x00"
LONG = bytes([n & 255 for n in range(256)]) + b"\x90\x00"


def sealed(data):
    buffer = bytearray(pn532.HEAD_B + len(data) + pn532.TAIL_B)
    buffer[pn532.HEAD_B : -pn532.TAIL_B] = data
    begin, end = pn532.seal(buffer, len(data))
    return bytes(buffer[begin:end])


class Chip:
    """Acknowledges, and answers what a reader asks; an exchange with what `card` says. Ready at the third look."""

    def __init__(self):
        self.commands = []
        self.card = b"\x90\x00"
        self.waiting = []
        self.last = b""
        self.looks = 0
        self.ready = False

    def hear(self, frame):
        data = bytearray(frame)
        kind, begin, end, _ = pn532.find(data, 0, len(data))
        if bytes(frame) == pn532.NACK:
            self.waiting = [self.last]
        elif kind == pn532.DATA:
            code = data[begin + 1]
            self.commands.append(code)
            answer = {0x02: b"\x32\x01\x06\x07", 0x4A: CARD, 0x40: b"\x00" + self.card, 0x52: b"\x00", 0x16: b"\x00"}
            self.last = sealed(bytes((0xD5, code + 1)) + answer.get(code, b""))
            self.waiting = [pn532.ACK, self.last]
        elif kind != pn532.ACKED:
            raise AssertionError(frame)
        else:
            self.waiting = []

    def is_ready(self):
        self.looks += 1
        self.ready = bool(self.waiting) and self.looks % 3 == 0
        return self.ready

    def say(self, n):
        """A transaction: what is not read in it is lost."""
        if not self.ready:
            raise AssertionError("it is not ready")
        self.ready = False
        return (self.waiting.pop(0) + bytes(300))[:n]


class BusI2c:
    def __init__(self, chip):
        self.chip = chip

    def writeto(self, address, data):
        assert address == ADDRESS
        if bytes(data) == b"\x00":
            raise OSError(5)  # asleep
        self.chip.hear(data)

    def readfrom_into(self, address, buffer):
        assert address == ADDRESS
        if len(buffer) == 1:
            buffer[0] = self.chip.is_ready()
        else:
            buffer[:] = b"\x01" + self.chip.say(len(buffer) - 1)


class BusSpi:
    """The select pin as well: select(0) begins a transaction."""

    def __init__(self, chip):
        self.chip = chip
        self.selected = False
        self.operation = None
        self.said = b""

    def select(self, level):
        self.selected = not level
        self.operation = None
        self.said = b""

    def write(self, data):
        assert self.selected
        if self.operation is None:
            self.operation = data[0]
        else:
            assert self.operation == 1
            self.chip.hear(data)

    def readinto(self, buffer):
        assert self.selected
        if self.operation == 2:
            buffer[0] = self.chip.is_ready()
            return
        self.said = self.said or self.chip.say(300)
        buffer[:] = self.said[: len(buffer)]
        self.said = self.said[len(buffer) :]


def buses():
    for make in (lambda chip: I2c(BusI2c(chip)), lambda chip: spi(BusSpi(chip))):
        chip = Chip()
        yield chip, Pn532(make(chip), bytes)


def spi(bus):
    return Spi(bus, bus.select)


def test_a_card_is_found_and_asked_by_i2c_and_by_spi():
    async def main(chip, nfc):
        assert await nfc.find(1000) == UID
        for size in (2, 20, 21, 22, 23, 60, 200, 245, 250, 251, 258):
            chip.card = LONG[-size:]
            assert bytes(await nfc.exchange(b"\x00\xb0\x00\x00")) == chip.card, size
        await nfc.silence()
        assert chip.commands[-3:] == [0x52, 0x32, 0x16]

    for chip, nfc in buses():
        asyncio.run(main(chip, nfc))
        asyncio.new_event_loop()


def test_a_long_command_goes_by_i2c_and_by_spi():
    async def main(chip, nfc):
        assert await nfc.find(1000) == UID
        assert bytes(await nfc.exchange(bytes(261))) == b"\x90\x00"

    for chip, nfc in buses():
        asyncio.run(main(chip, nfc))
        asyncio.new_event_loop()


def test_a_bus_that_fails_is_an_error_and_not_a_lost_field():
    class Broken(BusI2c):
        def readfrom_into(self, address, buffer):
            raise OSError(5)

    async def main():
        nfc = Pn532(I2c(Broken(Chip())), bytes)
        try:
            await nfc.find(1000)
        except OSError as e:
            return e.errno

    assert asyncio.run(main()) == 5
    asyncio.new_event_loop()
