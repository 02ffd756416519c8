"""The import law, `tos` -> `toscore` <- `tosplus`, as two tables. A room is a folder; it says what its code may import.

Every rule carries code that breaks it and code that just keeps it: a rule that sees nothing fails here.
"""

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
CHIP = "machine network esp32 bluetooth"  # what only ESP32's adapters and boards see
DEVICE = f"tos apps chip {CHIP}"


class Room(NamedTuple):
    """The first room whose folder a path begins with counts. A module's name stands for all that is below it.

    only: the modules that may be imported; None is any. never: those that may not, even so.
    """

    folder: str
    only: str | None
    never: str
    breaks: list[str]
    keeps: list[str]


ROOMS = [
    Room(
        "lib/toscore/",
        only="struct array binascii hashlib micropython toscore",
        never="",
        breaks=["import os", "import cryptolib", "from tos import App", "def late():\n    import random"],
        keeps=["import struct, array, binascii, hashlib, micropython", "from .errors import WireError"],
    ),
    Room("lib/micropython.py", only="", never="", breaks=["import os"], keeps=["def const(value):\n    return value"]),
    Room(
        "firmware/tos/ports/esp32/",
        only=None,
        never="chip tosplus apps tos.ports.unix",
        breaks=["import chip", "import tosplus", "import apps.tv", "from tos.ports import unix", "from .. import unix"],
        keeps=["import machine, network, esp32, bluetooth, socket, time", "from tos import ports"],
    ),
    Room(
        "firmware/tos/ports/unix/",
        only=None,
        never=f"{CHIP} tosplus apps tos.ports.esp32",
        breaks=["from machine import Pin", "import tosplus", "import apps.tv", "from tos.ports.esp32 import Clock"],
        keeps=["import chip, socket, time", "from tos.store import Record"],
    ),
    Room(
        "firmware/tos/drivers/",  # they take a bus
        only="tos toscore asyncio errno framebuf micropython",
        never="tos.ports.esp32 tos.ports.unix",
        breaks=["import machine", "from machine import I2C", "import time", "from tos.ports import esp32"],
        keeps=["import asyncio, errno, framebuf, micropython", "from tos.ports import JOIN_OK"],
    ),
    Room(  # it runs before there is a slot, and in one
        "firmware/tos/slots.py",
        only="binascii hashlib json os vfs",
        never="",
        breaks=["import tos", "import machine", "from tos.store import Record"],
        keeps=["import json, os, vfs"],
    ),
    Room(
        "firmware/tos/",
        only="tos toscore asyncio array binascii deflate errno gc io json micropython os struct sys",
        never="tos.ports.esp32 tos.ports.unix",
        breaks=[
            "import machine",
            "def late():\n    from network import WLAN",
            "import socket",
            "import time",
            "import chip",
            "import tosplus.words",
            "from tos.ports import esp32",
            "from .ports.unix import Clock",
        ],
        keeps=[
            "import array, asyncio, binascii, errno, gc, io, micropython, os, struct, sys",
            "from toscore import coap",
            "from tos.ports import JOIN_OK",
        ],
    ),
    Room(
        "firmware/apps/",
        only="tos math random",
        never="tos.ports.esp32 tos.ports.unix",
        breaks=["import toscore", "import asyncio", "import tos.ports.unix", "from tos.ports import esp32"],
        keeps=["from tos import App", "import math, random"],
    ),
    Room("firmware/manifests/", only="", never="", breaks=["import os"], keeps=["package('tos')"]),
    Room(
        "firmware/boot.py",
        only="slots machine micropython esp32 sys",
        never="",
        breaks=["import board"],
        keeps=["import slots"],
    ),
    Room(
        "firmware/main.py",
        only="board app gc machine micropython sys time vfs",
        never="",
        breaks=["import tos"],
        keeps=["import board, app"],
    ),
    Room(
        "boards/UNIX/",
        only=None,
        never=f"{CHIP} tosplus apps tos.ports.esp32",
        breaks=["import network", "import esp32", "import bluetooth", "import tosplus", "import apps.tv"]
        + ["from machine import Pin", "from tos.ports import esp32"],
        keeps=["import chip", "from tos.ports import unix"],
    ),
    Room(
        "boards/",
        only=None,
        never="chip socket tosplus apps tos.ports.unix",
        breaks=["import chip", "import socket", "import tosplus", "import apps.tv", "from tos.ports.unix import Clock"],
        keeps=["import machine, network", "from tos.ports import esp32"],
    ),
    Room(
        "tools/tosplus/tokens/",  # no exception for these: device and service must not share a mistake
        only=None,
        never=f"{DEVICE} toscore",
        breaks=["from toscore import emv", "import tos"],
        keeps=["import cryptography", "from ..words import WORDS"],
    ),
    Room(
        "tools/tosplus/",
        only=None,
        never=f"{DEVICE} toscore",
        breaks=["from tos import rule", "import apps.tv", "from toscore import tlv", "import chip", "import machine"],
        keeps=["import os, socket, time", "from . import board", "from tosplus.words import WORDS"],
    ),
]


class Use(NamedTuple):
    """Names that code below these folders may not use, however it came by them; except below `free`."""

    names: str
    folders: tuple[str, ...]
    free: tuple[str, ...]
    breaks: list[str]
    keeps: list[str]


USES = [
    Use(  # they reach any module, past every room
        "__import__ builtins importlib exec eval",
        folders=("lib/", "firmware/", "boards/", "tools/"),
        free=("firmware/tos/lazy.py",),  # load, which reaches `tos` alone
        breaks=[
            "__import__('machine')",
            "import importlib",
            "from importlib import import_module",
            "import builtins as b",
            "exec('import machine')",
            "run = eval",
        ],
        keeps=["from importlib.metadata import version", "cursor.execute('')", "re.compile('')"],
    ),
    Use(  # a platform difference is a port
        "sys.platform os.uname",
        folders=("lib/", "firmware/", "boards/"),
        free=("firmware/tos/ports/",),
        breaks=["import sys\nsys.platform", "import os as o\no.uname()", "from sys import platform"],
        keeps=["self.platform", "import sys\nsys.exit()"],
    ),
]
HARMLESS = "importlib.metadata"  # imports nothing

# (file, what it imports or uses): why it may.
EXCEPTIONS = {
    ("tools/tosplus/cli.py", "importlib"): "a command's file is loaded when it is asked for",
    ("firmware/tos/ports/unix/chip.py", "exec"): "boot.py and main.py are compiled before Ctrl-C may interrupt them",
    ("tools/tosplus/build/manifest.py", "exec"): "MicroPython's manifests are Python",
}


def _covers(names, name):
    """The one of these names that is `name` or stands above it."""
    return next((n for n in names.split() if name == n or name.startswith(n + ".")), None)


def _imports(tree, path):
    """Yields (line, full name, the name it goes by in this file). A relative import is told by its full name."""
    package = path.split("/")[1:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, alias.asname
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            for alias in node.names:
                full = ".".join([*above, *filter(None, [node.module]), alias.name])
                yield node.lineno, full, alias.asname or alias.name


def _names(tree, known):
    """Yields (line, name) of all names and attributes of names, with what the file's own imports call them undone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, known.get(node.id, node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.lineno, f"{known.get(node.value.id, node.value.id)}.{node.attr}"


def violations(path, source):
    """["path:line: what is wrong"]. path: from the root of the repository, as a rule's folder is written."""
    tree = ast.parse(source)
    imports = list(_imports(tree, path))
    return [
        f"{path}:{line}: {what}"
        for line, what, culprit in [*_misplaced(path, imports), *_misused(path, tree, imports)]
        if (path, culprit) not in EXCEPTIONS
    ]


def _misplaced(path, imports):
    room = next((r for r in ROOMS if path.startswith(r.folder)), None)
    if room is None:
        yield 1, f"a file in no room of {Path(__file__).name}", None
        return
    for line, name, _ in imports:
        never = _covers(room.never, name)
        if never or (room.only is not None and not _covers(room.only, name)):
            yield line, f"{room.folder} may not import {never or name}", never or name


def _misused(path, tree, imports):
    known = {short: full for _, full, short in imports if short}
    named = [(line, full) for line, full, _ in imports] + list(_names(tree, known))
    for use in USES:
        if path.startswith(use.folders) and not path.startswith(use.free):
            for line, name in named:
                culprit = _covers(use.names, name)
                if culprit and not _covers(HARMLESS, name):
                    yield line, f"{culprit} is not used in {', '.join(use.folders)}", culprit


def _in(folder):
    return folder + "seed.py" if folder.endswith("/") else folder


@pytest.mark.parametrize(("path", "source"), [(_in(r.folder), s) for r in ROOMS for s in r.breaks])
def test_an_import_that_breaks_a_rule_is_found(path, source):
    assert "may not import" in " ".join(violations(path, source))


@pytest.mark.parametrize(("path", "source"), [(_in(r.folder), s) for r in ROOMS for s in r.keeps])
def test_an_import_that_keeps_the_rules_passes(path, source):
    assert violations(path, source) == []


@pytest.mark.parametrize(("path", "source"), [(_in(f), s) for u in USES for f in u.folders for s in u.breaks])
def test_a_use_that_breaks_a_rule_is_found(path, source):
    assert "is not used" in " ".join(violations(path, source))


@pytest.mark.parametrize(("path", "source"), [(_in(f), s) for u in USES for f in u.folders for s in u.keeps])
def test_a_use_that_keeps_the_rules_passes(path, source):
    assert "is not used" not in " ".join(violations(path, source))


def test_the_ports_may_ask_where_they_are():
    assert violations("firmware/tos/ports/unix/seed.py", "import sys\nsys.platform") == []


def test_a_file_in_no_room_is_found():
    assert violations("firmware/elsewhere/seed.py", "")


def test_an_exception_is_for_its_file_and_its_name_only():
    assert violations("tools/tosplus/build/manifest.py", "exec('')") == []
    assert violations("tools/tosplus/build/manifest.py", "eval('')")
    assert violations("tools/tosplus/cli.py", "exec('')")


def test_the_token_service_has_no_exception():
    assert not [path for path, _ in EXCEPTIONS if path.startswith("tools/tosplus/tokens/")]


def test_every_exception_is_still_needed():
    for path, name in EXCEPTIONS:
        assert name in (ROOT / path).read_text()


def test_the_tree_keeps_the_law():
    files = [p for top in ("lib", "firmware", "boards", "tools") for p in sorted((ROOT / top).rglob("*.py"))]
    assert files
    found = [v for p in files for v in violations(p.relative_to(ROOT).as_posix(), p.read_text())]
    assert not found, "\n".join(found)
