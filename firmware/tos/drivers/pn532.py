"""PN532, firmware 1.6: a card for readers, or a reader of cards (NXP UM0701-02). MicroPython; takes a bus.

ISO/IEC 14443-4 is the chip's business both ways: RATS and ATS, chaining, R(NAK) and R(ACK), WTX while this host takes
its time, DESELECT. What passes here is whole APDUs. Sections below are of UM0701-02.
"""

import asyncio
import errno

from micropython import const
from tos.ports import FieldLost
from toscore import pn532

_TO_CHIP = const(0xD4)
_FROM_CHIP = const(0xD5)
_IC = const(0x32)

# Commands, section 7.
_VERSION = const(0x02)
_BAUD = const(0x10)
_PARAMETERS = const(0x12)
_SAM = const(0x14)
_POWER_DOWN = const(0x16)
_CONFIGURE = const(0x32)
_EXCHANGE = const(0x40)
_LIST = const(0x4A)
_RELEASE = const(0x52)
_GET_DATA = const(0x86)
_INIT_AS_TARGET = const(0x8C)
_SET_DATA = const(0x8E)

_STATUS = const(0x3F)
_MORE = const(0x40)

_NORMAL = b"\x01\x00\x00"  # no security module
_AS_CARD_OR_READER = b"\x30"  # RATS is sent and answered by the chip
_RETRIES = b"\x05\x00\x00\xff"  # a card is looked for until the host has enough
_AGAIN = b"\x04\x02"  # a frame of an exchange is asked for twice more
_FIELD_OFF = b"\x01\x00"
_WAKE_BY_HOST = b"\xb0"  # by HSU, SPI or I2C, and by no field
_BAUD_CODES = {230400: b"\x05", 460800: b"\x06", 921600: b"\x07"}

_AS_TARGET = b"\x05\x04\x00"  # as a PICC and passive; SENS_RES
_SEL_RES = b"\x20"  # speaks ISO/IEC 14443-4
_NOTHING = bytes(18 + 10 + 2)  # of FeliCa, NFCID3, no general and no historical bytes

_ROOM_B = const(280)  # for the longest frame and its acknowledge
_TRIES = const(3)
_TICK_MS = const(25)
_IDLE_TICKS = const(40)
_SEND_MS = const(2000)
_SOON_MS = const(150)  # it acknowledges within 15 ms, and answers what needs no radio at once


class Pn532:
    """bus: see pn532_bus.py. rng(n): n random bytes.

    OSError when the chip does not do what it is asked; whatever comes next starts it anew. FieldLost when the other
    side of the field is gone. What is returned is good until the next call. Whoever is cancelled in `listen` or `find`
    leaves a silent radio.
    """

    def __init__(self, bus, rng):
        self.lock = asyncio.Lock()
        self._bus = bus
        self._rng = rng
        self._tx = bytearray(pn532.HEAD_B + pn532.MOST_B + pn532.TAIL_B)
        self._tx_view = memoryview(self._tx)
        self._tx[pn532.HEAD_B] = _TO_CHIP
        self._rx = bytearray(_ROOM_B)
        self._rx_view = memoryview(self._rx)
        self._n = 0  # how much of it is filled
        self._number = b""  # as a card, behind the 08 of the chip
        self._is_awake = False  # and set up
        self._is_silent = False  # who knows what it did before we were reset
        self._is_fast = False
        self._is_acknowledged = False
        self._guard = None
        self._ticks = 0
        self._until = 0  # of the ticks; 0 is for ever
        self._waiting = None  # the task that waits for the chip

    # A card

    async def listen(self):
        """Be a card until a reader has selected it. Its number is a new one whenever it was silent before, so that
        nobody is followed, and none is taken for two."""
        try:
            await self._wake()
            await self._ask(_INIT_AS_TARGET, _AS_TARGET + self._number + _SEL_RES + _NOTHING, 0)
        except asyncio.CancelledError:
            await self.silence()
            raise

    async def receive(self, timeout_ms=5000):
        """-> the reader's next command, a memoryview; empty when it is longer than any short APDU. FieldLost when it
        let go or says nothing."""
        long = False
        while True:
            begin, end = await self._radio(_GET_DATA, b"", b"", timeout_ms)
            if not self._rx[begin] & _MORE:
                return self._rx_view[end:end] if long else self._rx_view[begin + 1 : end]
            long = True

    async def send(self, answer):
        """answer: up to 262 B."""
        await self._radio(_SET_DATA, answer, b"", _SEND_MS)

    # A reader

    async def find(self, timeout_ms):
        """-> the UID of a card that speaks ISO/IEC 14443-4 and is selected now; None when there is none until then."""
        uid = None
        try:
            await self._wake()
            begin, end = await self._ask(_LIST, b"\x01\x00", timeout_ms)
            data = self._rx_view[begin:end]
            if len(data) > 5 and len(data) >= 6 + data[5] and data[4] & _SEL_RES[0]:
                uid = bytes(data[6 : 6 + data[5]])
        except OSError as e:
            if e.errno != errno.ETIMEDOUT or not self._is_acknowledged:
                raise
        finally:
            if not uid:
                await self.silence()
        return uid

    async def exchange(self, command, timeout_ms=5000):
        """command: up to 262 B -> the card's answer, a memoryview; empty when it is longer than any short APDU."""
        long = False
        while True:
            begin, end = await self._radio(_EXCHANGE, b"\x01", command, timeout_ms)
            if not self._rx[begin] & _MORE:
                return self._rx_view[end:end] if long else self._rx_view[begin + 1 : end]
            command = b""
            long = True

    # Both

    async def silence(self):
        """No field of ours, and no card in anybody's. Twice does no more."""
        if self._is_silent:
            return
        await self._greet()
        await self._ask(_RELEASE, b"\x00", _SOON_MS)  # else it goes on answering readers
        await self._ask(_CONFIGURE, _FIELD_OFF, _SOON_MS)
        await self._ask(_POWER_DOWN, _WAKE_BY_HOST, _SOON_MS)
        self._is_awake = False
        self._is_silent = True

    def end(self):
        """Nobody uses it for a while; it has been silenced."""
        if self._guard:
            self._guard.cancel()
            self._guard = None

    async def _wake(self):
        if self._is_awake:
            return
        self._is_silent = False
        self._number = self._rng(3)
        await self._greet()
        await self._ask(_SAM, _NORMAL, _SOON_MS)
        if self._bus.fast and not self._is_fast:
            await self._hurry()
        await self._ask(_PARAMETERS, _AS_CARD_OR_READER, _SOON_MS)
        await self._ask(_CONFIGURE, _RETRIES, _SOON_MS)
        await self._ask(_CONFIGURE, _AGAIN, _SOON_MS)
        self._is_awake = True

    async def _greet(self):
        try:
            await self._hail()
        except OSError:
            if not self._bus.fast:
                raise
            self._speed(not self._is_fast)  # one of us was reset since they agreed on one
            await self._hail()

    async def _hail(self):
        """It wakes, whatever it did ends, and it says what it is."""
        await self._bus.wake()
        self._bus.write(pn532.ACK)
        begin, end = await self._ask(_VERSION, b"", _SOON_MS)
        if end - begin != 4 or self._rx[begin] != _IC:
            raise OSError(errno.ENODEV)

    async def _hurry(self):
        await self._ask(_BAUD, _BAUD_CODES[self._bus.fast], _SOON_MS)
        self._bus.write(pn532.ACK)  # section 7.2.8: it waits for that at the old speed
        await asyncio.sleep_ms(1)
        self._speed(True)
        await asyncio.sleep_ms(1)
        await self._ask(_VERSION, b"", _SOON_MS)

    def _speed(self, is_fast):
        self._is_fast = is_fast
        self._bus.speed(self._bus.fast if is_fast else 115200)

    async def _radio(self, code, data, more, timeout_ms):
        """A command whose answer begins with a status, see _ask. Said once: the other side may have had it."""
        if not self._is_awake:
            raise FieldLost
        try:
            begin, end = await self._ask(code, data, timeout_ms, 1, more)
        except OSError as e:
            if e.errno != errno.ETIMEDOUT:
                raise
            raise FieldLost
        if begin == end or self._rx[begin] & _STATUS:
            raise FieldLost
        return begin, end

    async def _ask(self, code, data, timeout_ms, tries=_TRIES, more=b""):
        """A command with its data, and more of them -> (where the answer begins behind its code in _rx, where it ends).

        timeout_ms: from its acknowledge on; 0 is none. What is not acknowledged, or should have been done at once, is
        said again. OSError: ETIMEDOUT, or EIO when the chip does not understand.
        """
        begin = pn532.HEAD_B + 2
        middle = begin + len(data)
        end = middle + len(more)
        self._tx[begin - 1] = code
        self._tx_view[begin:middle] = data
        if more:
            self._tx_view[middle:end] = more
        begin, end = pn532.seal(self._tx, end - pn532.HEAD_B)
        frame = self._tx_view[begin:end]
        if not self._guard or self._guard.done():
            self._guard = asyncio.create_task(self._watch())
        while True:
            self._bus.drop()
            self._n = 0
            self._bus.write(frame)
            try:
                return await self._answer(code + 1, timeout_ms)
            except OSError as e:
                tries -= 1
                late = self._is_acknowledged and timeout_ms != _SOON_MS
                if late or not tries or e.errno != errno.ETIMEDOUT:
                    self._is_awake = False
                    raise

    async def _answer(self, code, timeout_ms):
        rx = self._rx
        first = 0
        nacks = _TRIES
        self._is_acknowledged = False
        self._until = self._ticks + 1 + _SOON_MS // _TICK_MS
        while True:
            kind, begin, end, first = pn532.find(rx, first, self._n)
            if kind == pn532.DATA:
                if end - begin > 1 and rx[begin] == _FROM_CHIP and rx[begin + 1] == code:
                    return begin + 2, end
                if end - begin == 1:  # section 6.2.1.5
                    raise OSError(errno.EIO)
            elif kind == pn532.ACKED:
                self._is_acknowledged = True
                self._until = self._ticks + 1 + timeout_ms // _TICK_MS if timeout_ms else 0
            elif kind == pn532.MORE:
                self._keep(first)
                first = 0
                self._n += await self._more()
            elif self._is_acknowledged and nacks:
                nacks -= 1
                self._bus.write(pn532.NACK)

    def _keep(self, first):
        """The bytes from there on move to the front; a full buffer without a frame is none."""
        n = self._n - first
        if n == _ROOM_B:
            n = 0
        if first and n:
            self._rx_view[:n] = self._rx[first : first + n]
        self._n = n

    async def _more(self):
        self._waiting = asyncio.current_task()
        try:
            return await self._bus.more(self._rx_view[self._n :])
        except asyncio.CancelledError:
            if self._waiting:
                raise
            raise OSError(errno.ETIMEDOUT)
        finally:
            self._waiting = None

    async def _watch(self):
        """Ends waits that last too long. A wait_for around each of them would cost more than all the rest of a tap. It
        ends when there has been nothing to wait for."""
        idle = 0
        while idle < _IDLE_TICKS:
            await asyncio.sleep_ms(_TICK_MS)
            self._ticks += 1
            task = self._waiting
            idle = 0 if task else idle + 1
            if task and 0 < self._until <= self._ticks:
                self._waiting = None
                task.cancel()
