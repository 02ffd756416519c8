"""The firmware slots of an ESP32, over a stand-in for esp32.Partition after esp32_partition.c of MicroPython 1.25. It
proves what the adapter makes of what that file promises, and nothing of a chip."""

import subprocess

from tosplus.paths import ROOT
from tosplus.sim.process import micropython

STAND_IN = """
import sys


class Partition:
    RUNNING = 1
    others = {}
    boots = "ota_0"
    valid = []
    flash = bytearray(b"\\0" * 3 * 4096)

    def __init__(self, id):
        self.id = id

    def get_next_update(self):
        if "ota_1" not in Partition.others:
            raise OSError(2)  # esp32_partition_new() of no partition: ENOENT
        return Partition("ota_1")

    def info(self):
        return 0, 17, 0x200000, 3 * 4096, "ota_1", False

    def writeblocks(self, n, data, offset=None):
        assert offset is None and len(data) % 4096 == 0  # then it erases the blocks first
        Partition.flash[4096 * n : 4096 * n + len(data)] = data

    def readblocks(self, n, buffer, offset=0):
        buffer[:] = Partition.flash[4096 * n + offset :][: len(buffer)]

    def set_boot(self):
        if Partition.flash[0] != 0xE9:
            raise OSError(-5379, "ESP_ERR_OTA_VALIDATE_FAILED")
        Partition.boots = self.id

    @classmethod
    def mark_app_valid_cancel_rollback(cls):
        if Partition.valid is None:
            raise OSError(-261)
        Partition.valid.append(Partition.boots)


sys.modules["esp32"] = type("esp32", (), {"Partition": Partition})
slots = {}
with open(sys.argv[1]) as f:
    exec(f.read(), slots)
NAMES = "spare", "room_b", "write", "read", "trial", "confirm"
spare, room_b, write, read, trial, confirm = [slots[name] for name in NAMES]
"""


def on_unix(folder, code):
    program = folder / "program.py"
    program.write_text(STAND_IN + code)
    done = subprocess.run(
        [micropython(), program, ROOT / "firmware/tos/ports/esp32/partitions.py"],
        env={"MICROPYPATH": f"{ROOT / 'lib'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def test_without_a_second_partition_it_says_so(tmp_path):
    code = "try:\n    spare()\nexcept Exception as e:\n    print(type(e).__name__, e.code)"
    assert on_unix(tmp_path, code) == ["StoreError", "429"]


def test_blocks_are_written_read_back_and_tried(tmp_path):
    code = r"""
Partition.others["ota_1"] = True
there = spare()
image = b"\xe9" + bytes(range(255)) * 20
for at in range(0, len(image), 4096):
    write(there, at, image[at : at + 4096])
back = bytearray(4096)
read(there, 4096, back)
assert bytes(back[: len(image) - 4096]) == image[4096:] and back[-1] == 255
trial(there)
confirm()
print(room_b(there), Partition.boots, Partition.valid)
"""
    assert on_unix(tmp_path, code) == ["12288", "ota_1", "['ota_1']"]


def test_what_is_no_image_is_not_started(tmp_path):
    code = """
Partition.others["ota_1"] = True
try:
    trial(spare())
except OSError as e:
    print(e.errno, Partition.boots)
"""
    assert on_unix(tmp_path, code) == ["-5379", "ota_0"]


def test_a_bootloader_without_rollback_needs_no_confirmation(tmp_path):
    assert on_unix(tmp_path, "Partition.valid = None\nconfirm()\nprint('on')") == ["on"]
