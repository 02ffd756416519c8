"""MicroPython's manifest files: include, package and module, read as MicroPython's own tools/manifestfile.py does."""

import os
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import HostError
from ..paths import ROOT, shown

_STOCK = ("$(PORT_DIR)/", "$(MPY_DIR)/")

# When the modules of a manifest take heap, as its variable `loaded` says, before them; without one, always.
ALWAYS = "always"
PAIRED = "paired"  # on a device with a hub
BY_APP = "by the app"  # one that needs X, or whose source says app.X or tos.X, X being the manifest's name
STAYS = "once asked for"
PASSES = "while it lasts"
LOADED = (ALWAYS, PAIRED, BY_APP, STAYS, PASSES)


class Source(NamedTuple):
    """One module: the file here, its path under the import root ("tos/app.py"), mpy-cross's -O or None.

    feature: the name of the manifest that has it. loaded: when it takes heap, one of LOADED.
    """

    path: Path
    target: str
    opt: int | None
    feature: str
    loaded: str


def read(path: Path) -> list[Source]:
    """The modules that a manifest names, in order of target. Raises HostError with file and line."""
    manifest = _Manifest()
    try:
        manifest.include(str(path.absolute()))
    except (SyntaxError, NameError, TypeError, ValueError, OSError) as e:
        raise HostError(f"{manifest.where(e)}: {e}\nA manifest may use include, package and module.") from e
    return sorted(manifest.sources.values(), key=lambda source: source.target)


class _Manifest:
    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self._visited: list[Path] = []
        self._path = Path()
        self._scope: dict[str, Any] = {}

    def include(self, manifest_path: str | Iterable[str]) -> None:
        """Another manifest, several, or a folder that holds a manifest.py. Each is read once.

        MicroPython's own are for firmware that is made from its source; stock firmware has them frozen in already."""
        if not isinstance(manifest_path, str):
            for each in manifest_path:
                self.include(each)
            return
        if manifest_path.startswith(_STOCK):
            return
        path = self._resolve(manifest_path)
        if path.is_dir():
            path /= "manifest.py"
        if path in self._visited:
            return
        code = compile(path.read_text(), str(path), "exec")
        self._visited.append(path)
        outer = self._path, self._scope
        scope = {"include": self.include, "package": self.package, "module": self.module}
        self._path, self._scope = path, scope
        exec(code, scope)
        self._path, self._scope = outer

    def package(
        self, package_path: str, files: Iterable[str] | None = None, base_path: str = ".", opt: int | None = None
    ) -> None:
        """base_path/package_path/**/*.py, or the given files of it."""
        base = self._resolve(base_path)
        if files is None:
            files = [str(path.relative_to(base / package_path)) for path in (base / package_path).rglob("*.py")]
        for file in files:
            self._add(base, os.path.join(package_path, file), opt)

    def module(self, module_path: str, base_path: str = ".", opt: int | None = None) -> None:
        """A single file, base_path/module_path."""
        self._add(self._resolve(base_path), module_path, opt)

    def _add(self, base: Path, target: str, opt: int | None) -> None:
        loaded = self._scope.get("loaded", ALWAYS)
        if loaded not in LOADED:
            raise ValueError(f"loaded has to be one of {', '.join(LOADED)}, not {loaded}")
        source = Source(base / target, target, opt, self._path.stem, loaded)
        if not target.endswith(".py"):
            raise ValueError(f"{target} is not a .py file")
        if not source.path.is_file():
            raise FileNotFoundError(f"there is no file {shown(source.path)}")
        if self.sources.setdefault(target, source).path != source.path:
            raise ValueError(f"{target} is named twice: {shown(self.sources[target].path)}, {shown(source.path)}")

    def _resolve(self, path: str) -> Path:
        # Paths are relative to the manifest that names them.
        return Path(os.path.abspath(self._path.parent / path.replace("$(TOS)", str(ROOT))))

    def where(self, error: BaseException) -> str:
        """file:line of the manifest that was being read."""
        if isinstance(error, SyntaxError):
            return f"{shown(Path(error.filename or ''))}:{error.lineno}"
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f"{shown(Path(f.filename))}:{f.lineno}" for f in frames if Path(f.filename) in self._visited]
        return lines[-1] if lines else "manifest"
