"""What a board has of its own, the files in its file system that are not code. They outlive a flashing, cut or not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
from littlefs import LittleFSError, UserContext

from ..build import image
from ..durable import replace
from ..errors import HostError
from ..paths import WORK, shown

_SECTOR_B = 4096
_ERASED = b"\xff" * _SECTOR_B


class Mirror(UserContext):
    """A file system in a board's flash, as littlefs sees it.

    fetch(offset, size) reads from the board, a sector when it is first looked at; without it everything is erased.
    """

    def __init__(self, fetch: Callable[[int, int], bytes] | None = None) -> None:
        self._fetch = fetch
        self._sectors: dict[int, bytearray] = {}
        self._before: dict[int, bytes] = {}

    def read(self, cfg: Any, block: int, off: int, size: int) -> bytearray:
        return self._sector(block)[off : off + size]

    def prog(self, cfg: Any, block: int, off: int, data: bytes) -> int:
        self._sector(block)[off : off + len(data)] = data
        return 0

    def erase(self, cfg: Any, block: int) -> int:
        self._sectors[block] = bytearray(_ERASED)
        return 0

    def sync(self, cfg: Any) -> int:
        return 0

    @property
    def is_blank(self) -> bool:
        """Whether nobody has put a file system there."""
        return self._sector(0) == self._sector(1) == _ERASED

    def changed(self) -> list[tuple[int, bytes]]:
        """(offset, bytes) of the runs of sectors that differ from what the board has."""
        runs: list[tuple[int, bytes]] = []
        for block in sorted(self._sectors):
            content = bytes(self._sectors[block])
            if content == self._before.get(block):
                continue
            if runs and runs[-1][0] + len(runs[-1][1]) == block * _SECTOR_B:
                runs[-1] = (runs[-1][0], runs[-1][1] + content)
            else:
                runs.append((block * _SECTOR_B, content))
        return runs

    def _sector(self, block: int) -> bytearray:
        if block not in self._sectors:
            content = self._fetch(block * _SECTOR_B, _SECTOR_B) if self._fetch else _ERASED
            self._sectors[block] = bytearray(content)
            if self._fetch:
                self._before[block] = content
        return self._sectors[block]


def own_files(mirror: Mirror, size_b: int) -> dict[str, bytes] | None:
    """What is the board's own, {path: content}; None when there is no file system that could be read."""
    fs = image.littlefs(mirror, size_b, is_new=False)
    try:
        fs.mount()
        return {path: content for path, content in image.contents(fs).items() if not image.is_code(path)}
    except LittleFSError:
        return None


def install(mirror: Mirror, size_b: int, files: dict[str, bytes], own: dict[str, bytes], is_new: bool) -> None:
    """Makes the file system hold the code in files, and own. Files that are neither are added, and replace nothing."""
    fs = image.littlefs(mirror, size_b, is_new)
    try:
        if is_new:
            fs.format()
        fs.mount()
        image.replace_code(fs, {**files, **own})
        fs.unmount()
    except LittleFSError as e:
        if e.code != LittleFSError.Error.LFS_ERR_NOSPC:
            raise
        raise HostError("there is no room beside what the board has of its own; --erase-all drops that") from None


class Safe:
    """Keeps a board's own files here while its file system is rewritten; whoever pulls the cable then loses nothing.

    They may hold a Wi-Fi password: nobody else may read them, and they go as soon as the board has them back.
    """

    def __init__(self, mac: str, folder: Path | None = None) -> None:
        self.path = (folder or WORK / "flash") / f"{mac.replace(':', '')}.cbor"

    def read(self) -> dict[str, bytes] | None:
        """What a flashing that did not end has left here; None after one that did."""
        try:
            kept: dict[str, bytes] = cbor2.loads(self.path.read_bytes())
            return kept
        except FileNotFoundError:
            return None
        except cbor2.CBORDecodeError:
            raise HostError(f"{shown(self.path)}, with what the board had of its own, is damaged") from None

    def write(self, own: dict[str, bytes]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace(self.path, cbor2.dumps(own))

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
