"""tos board: every board here is good, and each way to break one is told with its file, its line and its field."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from desk import desk
from mutate import replace
from tosplus.build import board, board_check
from tosplus.build.chip import chips
from tosplus.errors import UsageFault

ROOT = Path(__file__).parents[2]
MB = 1 << 20


@pytest.fixture
def boards(tmp_path, monkeypatch):
    """A checkout whose boards may be broken: the till (ESP32), the watch (S3), a C3. The cwd is its root."""
    for name in ("TOS_TILL", "TOS_WATCH", "ESP32_GENERIC_C3"):
        shutil.copytree(ROOT / "boards" / name, tmp_path / "boards" / name)
    for name in ("firmware", "lib"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(desk(tmp_path))
    monkeypatch.setattr(board, "BOARDS", tmp_path / "boards")
    return tmp_path / "boards"


def told(name):
    return [str(problem) for problem in board_check.check(name)]


@pytest.mark.parametrize("name", [name for name in board.names() if name != "UNIX"])
def test_every_board_here_is_good(name, tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))  # it builds the apps that the board is made for
    assert told(name) == []


PINS = "boards/TOS_TILL/board.py"
PARTS = "boards/TOS_TILL/partitions.csv"
JSON = "boards/TOS_TILL/board.json"

# (file, old, new, how it is told). LINE: where old was. The board is the till, an ESP32, unless the file is another's.
BROKEN = {
    "no such pin": (PINS, '"row_1": 13', '"row_1": 24', "board.py:LINE: OUT.row_1: GPIO 24 does not exist on an esp32"),
    "beyond the last": (PINS, '"row_1": 13', '"row_1": 40', "board.py:LINE: OUT.row_1: GPIO 40 does not exist"),
    "the flash's": (PINS, '"row_2": 14', '"row_2": 6', "board.py:LINE: OUT.row_2: GPIO 6 belongs to the flash"),
    "an output on an input": (PINS, '"row_2": 14', '"row_2": 34', "board.py:LINE: OUT.row_2: GPIO 34 is an input only"),
    "used twice": (PINS, '"nfc_rx": 16', '"nfc_rx": 17', "board.py:LINE: IN.nfc_rx: GPIO 17 is OUT.nfc_tx already"),
    "strapping": (
        PINS,
        '"row_1": 13',
        '"row_1": 12',
        'board.py:LINE: OUT.row_1: GPIO 12 is a strapping pin: .*"row_1"',
    ),
    "the console's": (
        PINS,
        '"row_1": 13',
        '"row_1": 1',
        "board.py:LINE: OUT.row_1: GPIO 1 is the serial port of the con",
    ),
    "no pull-up": (
        PINS,
        '"column_1": 25',
        '"column_1": 35',
        "board.py:LINE: IN.column_1: GPIO 35 has no pull-up of its",
    ),
    "PSRAM": (JSON, '"apps": ["till"]', '"psram": true,\n"apps": ["till"]', "IN.nfc_rx: GPIO 16 belongs to the PSRAM"),
    "not a number": (PINS, '"row_1": 13', '"row_1": "D4"', "board.py:LINE: OUT.row_1 has to be the number of a GPIO"),
    "ADC2": (
        "boards/TOS_WATCH/board.py",
        '"battery": 1',
        '"battery": 14',
        "board.py:LINE: ADC.battery: GPIO 14 is on ADC2, which Wi-Fi",
    ),
    "no ADC": ("boards/TOS_WATCH/board.py", '"battery": 1', '"battery": 21', "LINE: ADC.battery: GPIO 21 has no ADC"),
    "octal PSRAM": ("boards/TOS_WATCH/board.py", '"vibration": 5', '"vibration": 35', "GPIO 35 belongs to the PSRAM"),
    "a wake beyond RTC": (
        "boards/TOS_WATCH/board.py",
        '"button_b": 4',
        '"button_b": 47',
        "board.py:LINE: WAKE.button_b: GPIO 47 cannot end deep sleep",
    ),
    "a wake on a C3": (
        "boards/ESP32_GENERIC_C3/board.py",
        'IN = {"button": 9}',
        'WAKE = {"button": 9}',
        "WAKE.button: GPIO 9 cannot end deep sleep: no pin of an esp32c3 can",
    ),
    "the USB port": (
        "boards/ESP32_GENERIC_C3/board.py",
        '"relay": 6',
        '"relay": 19',
        "OUT.relay: GPIO 19 is the chip's own USB port",
    ),
    "an excuse for nothing": (
        JSON,
        '"apps": ["till"]',
        '"accepts": {"row_1": "so"},\n"apps": ["till"]',
        "board.json:LINE: tos.accepts.row_1: there is nothing doubtful",
    ),
    "an excuse for nobody": (
        JSON,
        '"apps": ["till"]',
        '"accepts": {"bell": "so"},\n"apps": ["till"]',
        "board.json:LINE: tos.accepts.bell: board.py has no such pin",
    ),
    "an excuse without words": (
        "boards/ESP32_GENERIC_C3/board.json",
        json.loads((ROOT / "boards/ESP32_GENERIC_C3/board.json").read_text())["tos"]["accepts"]["button"],
        " ",
        "tos.accepts.button: say why",
    ),
    "beyond the flash": (
        PARTS,
        "0x390000, 0x70000",
        "0x390000, 0x80000",
        "csv:LINE: vfs.Size: it ends at 0x410000, the",
    ),
    "an app off 64 KB": (
        PARTS,
        "0x1b0000, 0x1a0000",
        "0x1b1000, 0x19f000",
        "csv:LINE: ota_1.Offset: 0x1b1000 is no mult",
    ),
    "data off 4 KB": (
        PARTS,
        "0x390000, 0x70000",
        "0x390800, 0x60000",
        "csv:LINE: vfs.Offset: 0x390800 is no multiple of",
    ),
    "a size off 4 KB": (
        PARTS,
        "0x390000, 0x70000",
        "0x390000, 0x6f801",
        "csv:LINE: vfs.Size: 0x6f801 is no multiple of 4",
    ),
    "overlap": (
        PARTS,
        "0x350000, 0x40000",
        "0x340000, 0x40000",
        "csv:LINE: romfs.Offset: 0x340000 is in ota_1, up to 0x35",
    ),
    "ports that are missing": (
        PINS,
        "esp32.board import *",
        "esp32.board import clock",
        "board.py: rtc: is missing; the contracts are in",
    ),
    "ports from nowhere": (PINS, "esp32.board", "esp32.boards", "board.py: rtc: is missing; the contracts are in"),
    "a button that is missing": (PINS, 'pairing = "button"\n', "", "board.py: pairing: is missing; the contracts"),
    "no such button": (PINS, 'pairing = "button"', 'pairing = "bell"', "board.py:LINE: pairing: has to name a feature"),
    "in the table": (
        PARTS,
        "0x9000,   0x4000",
        "0x8000,   0x4000",
        "csv:LINE: nvs.Offset: 0x8000 is in the partition tab",
    ),
    "one slot": (
        PARTS,
        "ota_1,    app,  ota_1, ",
        "spare,    app,  test,  ",
        "csv: ota_1: is missing: an update is writt",
    ),
    "a slot of data": (
        PARTS,
        "ota_1,    app,  ota_1, ",
        "ota_1,    data, nvs,   ",
        "csv:LINE: ota_1: has to be of type app",
    ),
    "slots that differ": (
        PARTS,
        "0x1b0000, 0x1a0000",
        "0x1b0000, 0x190000",
        "csv:LINE: ota_1.Size: has to be that of ota_0",
    ),
    "no otadata": (PARTS, "otadata,  data, ota, ", "otadata,  data, nvs, ", "partitions.csv: otadata: is missing"),
    "half an otadata": (
        PARTS,
        "0xd000,   0x2000",
        "0xd000,   0x1000",
        "csv:LINE: otadata.Size: otadata has two sectors",
    ),
    "a name twice": (
        PARTS,
        "romfs,    data, 0x8f",
        "nvs,      data, 0x8f",
        "csv:LINE: nvs: there are two of this name",
    ),
    "no vfs": (PARTS, "vfs,      data, fat", "files,    data, fat", "partitions.csv: vfs: is missing: the file system"),
    "no romfs": (PARTS, "romfs,    data", "rom,      data", "partitions.csv: romfs: is missing"),
    "a small nvs": (PARTS, "0x9000,   0x4000", "0x9000,   0x2000", "csv:LINE: nvs.Size: 0x3000 is the least"),
    "no such type": (
        PARTS,
        "romfs,    data, ",
        "romfs,    rom,  ",
        "csv:LINE: romfs.Type: rom is not a number or one of app",
    ),
    "no size": (PARTS, "0x350000, 0x40000", "0x350000,", "csv:LINE: romfs.Size: nothing is not a number"),
    "heap": (JSON, '"reserve_b": 51200', '"reserve_b": 40000', "board.json:LINE: tos.heap.reserve_b: 51200 B of heap"),
    "no heap": (
        JSON,
        '"free_b": 149000',
        '"free_b": 51200',
        "board.json:LINE: tos.heap.free_b: nothing is left for an",
    ),
    "a heap too small": (
        JSON,
        '"free_b": 149000',
        '"free_b": 90000',
        "tos.apps: till needs too much heap for TOS_TILL",
    ),
    "vfs in the app": (
        JSON,
        '"vfs_offset": 2097152',
        '"vfs_offset": 1048576',
        "tos.flash.vfs_offset: stock firmware re",
    ),
    "vfs off a sector": (
        JSON,
        '"vfs_size": 2097152',
        '"vfs_size": 2097000',
        "json:LINE: tos.flash.vfs_size: 2097000 is no",
    ),
    "vfs too large": (
        JSON,
        '"vfs_size": 2097152',
        '"vfs_size": 4194304',
        "tos.flash.vfs_size: the file system ends at 629",
    ),
    "a text for a number": (
        JSON,
        '"size": 4194304',
        '"size": "4MB"',
        "json:LINE: tos.flash.size has to be a whole number",
    ),
    "a missing key": (
        JSON,
        '"reserve_b": 51200',
        '"spare_b": 51200',
        "board.json: the key tos.heap.reserve_b is missing",
    ),
    "a feature it lacks": (JSON, '["till"]', '["kettle"]', "tos.apps: .*kettle.py:5: kettle needs the feature relay"),
    "no such app": (JSON, '["till"]', '["tills"]', "board.json:LINE: tos.apps: no app tills; there are"),
    "not MicroPython's": (JSON, '"BLE"', '"Bluetooth"', "board.json:LINE: features: MicroPython knows no Bluetooth"),
    "not for its tools": (
        JSON,
        '"deploy": []',
        '"deploy": ""',
        "board.json:LINE: deploy: MicroPython's tools want a list",
    ),
    "another chip": (
        "boards/TOS_TILL/mpconfigboard.cmake",
        "include(boards/ESP32_GENERIC/",
        "include(boards/ESP32_GENERIC_S3/",
        "mpconfigboard.cmake: include: begin with include\\(boards/ESP32_GENERIC/mpconfigboard.cmake\\)",
    ),
    "none of ours": (
        "boards/TOS_TILL/mpconfigboard.cmake",
        "/../esp32.cmake",
        "/partitions.cmake",
        "mpconfigboard.cmake: include: end with include\\(.{MICROPY_BOARD_DIR}/../esp32.cmake\\)",
    ),
    "another flash": (
        "boards/TOS_TILL/sdkconfig.board",
        "FLASHSIZE_4MB",
        "FLASHSIZE_8MB",
        "sdkconfig.board:LINE: CONFIG_ESPTOOLPY_FLASHSIZE: board.json says 4 MB",
    ),
    "a manifest's mistake": (
        "boards/TOS_TILL/manifest.py",
        '"drivers/keypad.py"',
        '"drivers/keys.py"',
        "boards/TOS_TILL/manifest.py:LINE: there is no file",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_told(boards, what):
    file, old, new, message = BROKEN[what]
    message = message.replace("LINE", str(replace(boards.parent / file, old, new)))
    found = told(file.split("/")[1])
    assert any(re.search(message, line) for line in found), found
    assert all(file.rsplit("/", 1)[0] in line for line in found)


@pytest.mark.parametrize("name", ["mpconfigboard.h", "mpconfigboard.cmake", "sdkconfig.board", "partitions.csv"])
def test_a_file_that_micropython_wants_is_missed(boards, name):
    (boards / "TOS_TILL" / name).unlink()
    assert [line for line in told("TOS_TILL") if f"boards/TOS_TILL/{name}: {name}: is missing" in line]


def test_a_doubtful_pin_may_be_right_for_a_reason(boards):
    replace(boards / "TOS_TILL/board.py", '"row_1": 13', '"row_1": 12')
    replace(boards / "TOS_TILL/board.json", '"apps"', '"accepts": {"row_1": "eFuse fixes the flash voltage"},\n"apps"')
    assert told("TOS_TILL") == []
    replace(boards / "TOS_TILL/board.py", '"row_1": 12', '"row_1": 6')  # no reason makes that right
    assert [line for line in told("TOS_TILL") if "belongs to the flash" in line]


# A revision


def revision(boards, **tos):
    (boards / "TOS_TILL_R2").mkdir()
    (boards / "TOS_TILL_R2/board.json").write_text(json.dumps({"tos": {"base": "TOS_TILL", **tos}}, indent=1))


def test_a_revision_says_only_what_differs(boards):
    revision(boards, pins={"row_1": 19, "nfc_rx": 18, "button": 4}, flash={"size": 4 * MB})
    old, new = board.load("TOS_TILL"), board.load("TOS_TILL_R2")
    assert (new.mcu, new.features, new.vfs_size) == (old.mcu, old.features, old.vfs_size)
    source = new.source()
    before = old.source().splitlines()
    changed = [line.strip() for line, was in zip(source.splitlines(), before, strict=True) if line != was]
    assert changed == [
        'NAME = "TOS_TILL_R2"',
        '"row_1": 19,',
        'IN = {"column_1": 25, "column_2": 33, "column_3": 32, "nfc_rx": 18, "button": 4}  # inside the case',
    ]
    assert told("TOS_TILL_R2") == []


@pytest.mark.parametrize(
    ("tos", "message"),
    [
        ({"pins": {"row_1": 14}}, r"board.py:\d+: OUT.row_2: GPIO 14 is OUT.row_1 already"),
        ({"pins": {"bell": 14}}, "boards/TOS_TILL_R2/board.json:5: tos.pins.bell: .*TOS_TILL/board.py has no such pin"),
        ({"pins": {"row_1": "x"}}, "TOS_TILL_R2/board.json:5: tos.pins.row_1 has to be a whole number"),
        ({"base": "TOS_TILL_R2"}, "json:3: tos.base: there is no other board TOS_TILL_R2; there are"),
        ({"base": "TOS_TELL"}, "json:3: tos.base: there is no other board TOS_TELL"),
        ({"heap": {"reserve_b": 1}}, "TOS_TILL_R2/board.json:5: tos.heap.reserve_b: 51200"),
        ({"flash": {"size": 8 * MB}}, "TOS_TILL/sdkconfig.board:1: CONFIG_ESPTOOLPY_FLASHSIZE: board.json says 8 MB"),
    ],
)
def test_a_broken_revision_is_told_where_it_is_written(boards, tos, message):
    revision(boards, **tos)
    found = told("TOS_TILL_R2")
    assert any(re.search(message, line) for line in found), found


def test_a_revision_of_a_revision_is_refused(boards):
    revision(boards)
    (boards / "TOS_TILL_R3").mkdir()
    (boards / "TOS_TILL_R3/board.json").write_text('{"tos": {"base": "TOS_TILL_R2"}}')
    assert "TOS_TILL_R2 is itself a revision" in told("TOS_TILL_R3")[0]


def test_pins_in_the_json_are_a_revisions_only(boards):
    replace(boards / "TOS_TILL/board.json", '"apps"', '"pins": {"row_1": 19},\n"apps"')
    assert "board.json:15: tos.pins: only a revision has it" in told("TOS_TILL")[0]


# The command


def tos(*arguments):
    return subprocess.run([sys.executable, "-m", "tosplus", *arguments], capture_output=True, text=True, timeout=100)


def test_the_command_lists_and_checks(tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))
    listed = json.loads(tos("board", "list", "--json").stdout)
    assert {row["name"]: row["mcu"] for row in listed}["TOS_WATCH"] == "esp32s3"
    assert "TOS_TILL            esp32       4 MB  keys display" in tos("board", "list").stdout
    good = tos("board", "check", "TOS_TILL")
    assert (good.returncode, good.stdout) == (0, "TOS_TILL: good\n"), good
    assert json.loads(tos("board", "check", "TOS_TILL", "--json").stdout) == {"TOS_TILL": []}
    unknown = tos("board", "check", "TOS_TELL")
    assert unknown.returncode == 2 and "there are ESP32_GENERIC" in unknown.stderr


def test_the_command_fails_for_a_broken_board(boards, monkeypatch):
    from click.testing import CliRunner
    from tosplus.cmd.board import command

    line = replace(boards / "TOS_TILL/board.py", '"row_1": 13', '"row_1": 24')
    run = CliRunner().invoke(command, ["check", "TOS_TILL", "--json"])
    assert run.exit_code == 1
    assert json.loads(run.output)["TOS_TILL"][0] == {
        "file": "boards/TOS_TILL/board.py",
        "line": line,
        "field": "OUT.row_1",
        "text": "GPIO 24 does not exist on an esp32",
    }


def test_an_unknown_board_is_wrong_usage(boards):
    with pytest.raises(UsageFault, match="no board TOS_TELL; there are ESP32_GENERIC_C3"):
        board_check.check("TOS_TELL")


def test_the_chips_are_as_esptool_knows_them():
    from esptool.targets import CHIP_DEFS

    for name, chip in chips().items():
        if name != "unix":
            rom = CHIP_DEFS[name]
            assert (chip.family, chip.chip_id) == (rom.CHIP_NAME, rom.IMAGE_CHIP_ID)
            assert chip.image == rom.BOOTLOADER_FLASH_OFFSET
            reserved = chip.flash | chip.psram | chip.usb | chip.serial | chip.strapping | chip.adc1 | chip.adc2
            assert reserved | chip.wake | chip.input_only <= chip.pins
