"""An SSD1306 on a panel of 128 x 32 dots, from its data sheet (Solomon Systech, rev. 1.1): what a person would see.

It takes I2C writes. The sections are the data sheet's. What it does not know is an error.
"""

# Section 9, table 9-1: commands with data behind them, by how much of it. 0x26 to 0x2B, scrolling, are left out.
_MORE = {0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1}
_ALONE = {0x2E, 0xA0, 0xA1, 0xA4, 0xA5, 0xA6, 0xA7, 0xAE, 0xAF, 0xC0, 0xC8, 0xE3, *range(0x40, 0x80)}


class Ssd1306:
    address = 0x3C

    def __init__(self):
        self.ram = [
            [(page * 131 + column * 29) & 255 for column in range(128)] for page in range(8)
        ]  # at power on: noise
        self.now = {0x20: [2], 0xA8: [63], 0x8D: [0x10], 0xDA: [0x12], 0xD3: [0]}  # what reset leaves, section 8.9
        self.on = self.inverted = self.flipped = self.mirrored = False
        self.start = 0
        self.columns, self.pages = (0, 127), (0, 7)
        self.column = self.page = 0
        self._waiting = []
        self.shown = []  # the picture at each end of a write, while the display was on

    def write(self, address, data):
        """One I2C transaction, section 8.1.5.2: a control byte, Co = 0, then commands or data."""
        assert address == self.address and data[0] in (0x00, 0x40), (address, data[0])
        for byte in data[1:]:
            if data[0] == 0x40:
                self._data(byte)
            else:
                self._command(byte)
        assert data[0] == 0x40 or not self._waiting, "a command without its data"
        if self.on:
            self.shown.append(self.picture())

    def _data(self, byte):
        assert self.now[0x20][0] == 0, "horizontal addressing only"
        self.ram[self.page][self.column] = byte
        self.column += 1
        if self.column > self.columns[1]:
            self.column = self.columns[0]
            self.page = self.page + 1 if self.page < self.pages[1] else self.pages[0]

    def _command(self, byte):
        self._waiting.append(byte)
        first, *rest = self._waiting
        assert first in _MORE or first in _ALONE, f"no command {first:#x}"
        if len(rest) < _MORE.get(first, 0):
            return
        self._waiting = []
        self.now[first] = rest
        if first == 0x21:
            self.columns, self.column = tuple(rest), rest[0]
        elif first == 0x22:
            self.pages, self.page = tuple(rest), rest[0]
        elif first in (0xAE, 0xAF):
            self.on = first == 0xAF
        elif first in (0xA6, 0xA7):
            self.inverted = first == 0xA7
        elif first in (0xA0, 0xA1):
            self.mirrored = first == 0xA0  # the panel is mounted for A1 and C8
        elif first in (0xC0, 0xC8):
            self.flipped = first == 0xC0
        elif 0x40 <= first < 0x80:
            self.start = first - 0x40

    def picture(self):
        """32 lines of 128 characters, # for light; None while it is dark. Sections 8.6 and 10.1.18."""
        if not self.on or self.now[0x8D] != [0x14]:  # nothing feeds the panel without its charge pump
            return None
        rows = self.now[0xA8][0] + 1
        lines = []
        for y in range(32):
            com = 31 - y if self.flipped else y
            if self.now[0xDA][0] & 0x10:  # for panels of 64 rows: every other line of this one
                com = com * 2 % 32
            row = (com + self.start + self.now[0xD3][0]) % 64
            dots = [self.ram[row // 8][x] >> row % 8 & 1 for x in range(128)]
            if self.mirrored:
                dots.reverse()
            lines.append("".join("#" if dot != self.inverted and y < rows else "." for dot in dots))
        return lines
