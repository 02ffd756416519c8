"""What is wrong with a board, by file, line and field: pins, partitions, budgets, apps, the MicroPython BOARD_DIR."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import HostError, UsageFault
from ..paths import shown
from . import board as boards
from . import board_source, partitions
from .apps import app_source, check_needs
from .board import Board
from .chip import Chip
from .manifest import read as read_manifest
from .product import build

_RESERVE_B = 50 * 1024  # of heap: below that, a large message or a garbage collection that comes late fails
_STOCK_VFS = 0x200000  # MicroPython's partitions-4MiBplus.csv ends here; the rest of the flash is the file system
_SECTOR_B = 4096
_NVS_B = 0x3000  # ESP-IDF, "Non-Volatile Storage": with fewer than three sectors it cannot be written

# What a board hands to App.run, see firmware/tos/ports/__init__.py.
_PORTS = ["NAME", "uid", "cause", "features", "clock", "watchdog", "radio", "console", "keystore", "rtc", "rng", "aes"]
_PORTS += ["pairing", "sleep", "restart", "services"]

_OURS = "include(${MICROPY_BOARD_DIR}/../esp32.cmake)"  # of a mpconfigboard.cmake

# Of MicroPython's own board.json, as its tools/autobuild/build-downloads.py and the download page read it.
_KEYS = {"deploy": list, "docs": str, "features": list, "images": list, "product": str, "thumbnail": str}
_KEYS |= {"url": str, "vendor": str}
_ABILITIES = {"BLE", "CAN", "Ethernet", "LoRa", "USB", "USB-C", "WiFi", "Dual-core", "External Flash", "External RAM"}
_ABILITIES |= {"Feather", "JST-PH", "JST-SH", "mikroBUS", "microSD", "SDCard", "Environment Sensor", "IMU"}
_ABILITIES |= {"Audio Codec", "Battery Charging", "Camera", "DAC", "Display", "Microphone", "PoE", "RGB LED"}
_ABILITIES |= {"Secure Element"}


class Problem(NamedTuple):
    """file None: text is a whole message, with its own file and line. line 0: not one line's fault."""

    file: Path | None
    line: int
    field: str
    text: str

    def __str__(self) -> str:
        if self.file is None:
            return self.text
        return f"{shown(self.file)}{f':{self.line}' if self.line else ''}: {self.field}: {self.text}"

    def as_json(self) -> dict:
        file = shown(self.file) if self.file else None
        return {"file": file, "line": self.line or None, "field": self.field or None, "text": self.text}


def check(name: str) -> list[Problem]:
    """All that is wrong with a board. UsageFault: there is none of this name."""
    try:
        board = boards.load(name)
    except UsageFault:
        raise
    except HostError as e:
        return [Problem(None, 0, "", str(e))]
    problems: list[Problem] = []
    for part in (_ports, _pins, _partitions, _budgets, _board_dir, _apps) if board.mcu != "unix" else (_apps,):
        try:
            problems += part(board)
        except HostError as e:
            problems.append(Problem(None, 0, "", str(e)))
    return problems


def _in_json(board: Board, at: str, text: str) -> Problem:
    """About a key, in the board's own board.json, or in its base's if only that says it."""
    own = board.folder / "board.json"
    if board.base and not boards.line_of(own, at) and boards.line_of(board.base / "board.json", at):
        own = board.base / "board.json"
    return Problem(own, boards.line_of(own, at), at, text)


# Pins


def _ports(board: Board) -> Iterator[Problem]:
    path = board.file("board.py")
    names = board_source.names(board.source())
    for name in _PORTS:
        if name not in names:
            yield Problem(path, 0, name, "is missing; the contracts are in firmware/tos/ports/__init__.py")
    line, button = names.get("pairing", (0, None))
    if line and button not in board.features:
        yield Problem(
            path, line, "pairing", f"has to name a feature that is a button, one of {', '.join(board.features)}"
        )


def _pins(board: Board) -> Iterator[Problem]:
    path = board.file("board.py")
    pins = board_source.pins(board.source(), shown(path))
    taken: dict[int, str] = {}
    for pin in pins:
        if pin.gpio in taken:
            yield Problem(path, pin.line, pin.field, f"GPIO {pin.gpio} is {taken[pin.gpio]} already")
        taken.setdefault(pin.gpio, pin.field)
        for wrong in _impossible(pin, board, board.chip):
            yield Problem(path, pin.line, pin.field, f"GPIO {pin.gpio} {wrong}")
        if pin.name not in board.accepts:
            for wrong in _doubtful(pin, board.chip):
                advice = f'take another, or say in board.json\'s tos.accepts why it is right: "{pin.name}": "..."'
                yield Problem(path, pin.line, pin.field, f"GPIO {pin.gpio} {wrong}; {advice}")
    for name, why in board.accepts.items():
        if name not in [pin.name for pin in pins]:
            yield _in_json(board, f"tos.accepts.{name}", "board.py has no such pin")
        elif not any(_doubtful(pin, board.chip) for pin in pins if pin.name == name):
            yield _in_json(board, f"tos.accepts.{name}", "there is nothing doubtful about it; leave this out")
        elif not why.strip():
            yield _in_json(board, f"tos.accepts.{name}", "say why")


def _impossible(pin: board_source.Pin, board: Board, chip: Chip) -> Iterator[str]:
    """What no reason makes right."""
    gpio = pin.gpio
    if gpio not in chip.pins:
        yield f"does not exist on an {board.mcu}"
    elif gpio in chip.flash:
        yield "belongs to the flash"
    elif board.psram and gpio in chip.psram:
        yield "belongs to the PSRAM, which tos.psram says is there"
    elif pin.group == "OUT" and gpio in chip.input_only:
        yield "is an input only"
    elif pin.group == "ADC" and gpio in chip.adc2:
        yield "is on ADC2, which Wi-Fi keeps for itself; take one of ADC1"
    elif pin.group == "ADC" and gpio not in chip.adc1:
        yield "has no ADC"
    elif pin.group == "WAKE" and not chip.wake:
        yield f"cannot end deep sleep: no pin of an {board.mcu} can, in MicroPython"
    elif pin.group == "WAKE" and gpio not in chip.wake:
        yield "cannot end deep sleep"


def _doubtful(pin: board_source.Pin, chip: Chip) -> list[str]:
    """What can be right on a board that was made for it."""
    wrong = []
    if pin.gpio in chip.strapping:
        wrong.append("is a strapping pin: its level at reset chooses how the chip starts")
    if pin.gpio in chip.usb:
        wrong.append("is the chip's own USB port")
    if pin.gpio in chip.serial:
        wrong.append("is the serial port of the console")
    if pin.group == "IN" and pin.gpio in chip.input_only:
        wrong.append("has no pull-up of its own")
    return wrong


# Partitions: those of our own firmware, for which the folder is a BOARD_DIR


def _partitions(board: Board) -> Iterator[Problem]:
    path = board.file("partitions.csv")
    if not path.exists():
        return  # told by _board_dir
    table, faults = partitions.from_csv(path.read_text())
    faults += partitions.check(table, board.flash_size)
    for fault in faults:
        yield Problem(path, *fault)
    by_name = {part.name: part for part in table}
    slots = [by_name.get(f"ota_{n}") for n in range(2)]
    for n, slot in enumerate(slots):
        if slot is None:
            yield Problem(path, 0, f"ota_{n}", "is missing: an update is written to one slot while the other runs")
        elif (slot.type, slot.subtype) != (partitions.APP, 0x10 + n):
            yield Problem(path, slot.line, slot.name, f"has to be of type app, subtype ota_{n}")
    if slots[0] and slots[1] and slots[0].size != slots[1].size:
        yield Problem(path, slots[1].line, "ota_1.Size", "has to be that of ota_0: each release may be in either")
    if not any(part.type == partitions.DATA and part.subtype == partitions.OTA_DATA for part in table):
        yield Problem(path, 0, "otadata", "is missing (data, ota): it says which slot starts")
    for name, what in (("nvs", "keys and Wi-Fi"), ("vfs", "the file system"), ("romfs", "an app and its resources")):
        if name not in by_name:
            yield Problem(path, 0, name, f"is missing: {what}; MicroPython finds it by this name")
    if "nvs" in by_name and by_name["nvs"].size < _NVS_B:
        yield Problem(path, by_name["nvs"].line, "nvs.Size", f"{_NVS_B:#x} is the least that ESP-IDF can write")


# Budgets


def _budgets(board: Board) -> Iterator[Problem]:
    if board.reserve_b < _RESERVE_B:
        yield _in_json(board, "tos.heap.reserve_b", f"{_RESERVE_B} B of heap have to stay free, not {board.reserve_b}")
    if board.free_b <= board.reserve_b:
        yield _in_json(board, "tos.heap.free_b", "nothing is left for an app once tos.heap.reserve_b is spared")
    if board.vfs_offset < _STOCK_VFS:
        yield _in_json(board, "tos.flash.vfs_offset", f"stock firmware reaches up to {_STOCK_VFS}")
    for key, value in (("vfs_offset", board.vfs_offset), ("vfs_size", board.vfs_size)):
        if value % _SECTOR_B:
            yield _in_json(board, f"tos.flash.{key}", f"{value} is no multiple of {_SECTOR_B}")
    end = board.vfs_offset + board.vfs_size
    if end > board.flash_size:
        yield _in_json(board, "tos.flash.vfs_size", f"the file system ends at {end}, the flash at {board.flash_size}")


# The folder as a MicroPython BOARD_DIR


def _board_dir(board: Board) -> Iterator[Problem]:
    data = boards.read(board.folder / "board.json")
    if board.base:
        data = boards.merged(boards.read(board.base / "board.json"), data)
    for key, kind in _KEYS.items():
        if not isinstance(data.get(key), kind):
            yield _in_json(board, key, f"MicroPython's tools want {'a list' if kind is list else 'text'} here")
        elif key == "features":
            for ability in set(map(str, data[key])) - _ABILITIES:
                known = ", ".join(sorted(_ABILITIES))
                yield _in_json(board, key, f"MicroPython knows no {ability}; there are {known}")
    for name in ("mpconfigboard.h", "mpconfigboard.cmake", "sdkconfig.board", "partitions.csv", "manifest.py"):
        path = board.file(name)
        if not path.exists():
            yield Problem(board.folder / name, 0, name, "is missing; MicroPython wants it in a BOARD_DIR")
        elif name == "manifest.py":
            read_manifest(path)
        elif name == "mpconfigboard.cmake":
            generic = f"boards/{board.chip.generic}/mpconfigboard.cmake"
            if f"include({generic})" not in path.read_text():
                yield Problem(path, 0, "include", f"begin with include({generic}): it sets the chip, {board.mcu}")
            if _OURS not in path.read_text():
                yield Problem(path, 0, "include", f"end with {_OURS}: it has the flash layout, and freezes the core")
        elif name == "sdkconfig.board":
            size = re.search(r"^CONFIG_ESPTOOLPY_FLASHSIZE_(\d+)MB=y$", path.read_text(), re.MULTILINE)
            if not size or int(size[1]) << 20 != board.flash_size:
                line = path.read_text().count("\n", 0, size.start()) + 1 if size else 0
                field = "CONFIG_ESPTOOLPY_FLASHSIZE"
                yield Problem(path, line, field, f"board.json says {board.flash_size >> 20} MB: {field}_..MB=y")


# Apps


def _apps(board: Board) -> Iterator[Problem]:
    for app in board.apps:
        try:
            check_needs(app_source(app), board)
            build(app, board.name).check_budget()
        except HostError as e:
            yield _in_json(board, "tos.apps", str(e))
