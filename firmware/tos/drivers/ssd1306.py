"""SSD1306, a monochrome display of 128 x 32 dots on I2C (Solomon Systech, rev. 1.1). MicroPython; takes a bus."""

import framebuf
from micropython import const

_WIDTH = const(128)
_HEIGHT = const(32)
_LETTER = const(8)  # dots, both ways
_COMMANDS = b"\x00"  # section 8.1.5.2: what follows are commands only, or data only
_DATA = const(0x40)

_START = (
    b"\xae"  # off, while its memory holds anything
    b"\xd5\x80\xa8\x1f\xd3\x00\x40"  # clock; 32 rows, from the first
    b"\x8d\x14"  # charge pump on
    b"\x20\x00\xa1\xc8\xda\x02"  # left to right, then down; the way up and the wiring of a panel of 32 rows
    b"\x81\x8f\xd9\xf1\xdb\x40"  # contrast and drive levels
    b"\xa4\xa6"  # show the memory, and do not invert it
)
_WHOLE = b"\x21\x00\x7f\x22\x00\x03"  # what comes next fills all columns of all four pages
_ON = b"\xaf"


class Display:
    """display(text): four lines of sixteen letters, ASCII; what does not fit is left out.

    i2c: writeto(address, buffer). Raises OSError when nothing answers there.
    """

    def __init__(self, i2c, address=0x3C):
        self._i2c = i2c
        self._address = address
        self._buffer = bytearray(1 + _WIDTH * _HEIGHT // 8)
        self._buffer[0] = _DATA
        self._frame = framebuf.FrameBuffer(memoryview(self._buffer)[1:], _WIDTH, _HEIGHT, framebuf.MONO_VLSB)
        self._command(_START)
        self("")
        self._command(_ON)

    def __call__(self, text):
        self._frame.fill(0)
        y = 0
        for line in text.split("\n"):
            line = "".join([c if " " <= c <= "~" else "?" for c in line])
            for x in range(0, max(1, len(line)), _WIDTH // _LETTER):
                self._frame.text(line[x : x + _WIDTH // _LETTER], 0, y)
                y += _LETTER
        self._command(_WHOLE)
        self._i2c.writeto(self._address, self._buffer)

    def _command(self, command):
        self._i2c.writeto(self._address, _COMMANDS + command)
