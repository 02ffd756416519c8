"""The bundles that devices get from this hub: each one whole, and signed with a key that the hub was told to trust."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from ..durable import replace
from ..errors import HostError
from ..ota import bundle as bundles
from ..ota import keys
from ..ota.bundle import Bundle

MOST_B = 4 << 20
_KEPT = 12  # of those that no rollout needs, the latest
_KEYS = 8
_KEY_B = 64


class Kept(NamedTuple):
    """id: part of its address, and another for each bundle there is. at: when it came, s since 1970."""

    id: str
    data: bytes
    bundle: Bundle
    at: float

    def view(self) -> dict[str, Any]:
        bundle = self.bundle
        return {
            "id": self.id,
            "product": bundle.product,
            "hardware": list(bundle.hardware),
            "sequence": bundle.sequence,
            "version": bundle.version,
            "floor": bundle.floor,
            "size_b": len(self.data),
            "delta": any(part.base for part in bundle.parts),
            "kid": bundle.kid.hex(),
            "at": self.at,
        }


class Bundles:
    """Files in `folder`, durable when they are said to be there. What is damaged there is left out at the start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: dict[str, Kept] = {}
        for file in sorted(folder.glob("*.tosb"), key=lambda file: file.stat().st_mtime):
            try:
                kept = self._read(file.read_bytes(), file.stat().st_mtime)
            except (HostError, OSError):
                continue
            self._all[kept.id] = kept

    def __getitem__(self, id: str) -> Kept:
        return self._all[id]

    def get(self, id: str) -> Kept | None:
        return self._all.get(id)

    def data(self, id: str) -> bytes | None:
        kept = self._all.get(id)
        return kept.data if kept else None

    def file(self, id: str) -> Path:
        return self._folder / f"{id}.tosb"

    def view(self) -> dict[str, Any]:
        """Newest first."""
        return {"bundles": [kept.view() for kept in reversed(self._all.values())], "keys": sorted(self._trusted())}

    async def add(self, data: bytes, needed: set[str], at: float) -> Kept:
        """A bundle that somebody brings, once it is known to be right. needed: ids that must stay. Raises HostError."""
        kept = await asyncio.to_thread(self._read, data, at)
        if kept.id not in self._all:
            await asyncio.to_thread(self._write, self.file(kept.id), data)
            self._all[kept.id] = kept
            self._drop(needed | {kept.id})
        return self._all[kept.id]

    def trust(self, public: bytes) -> str:
        """public: x and y of a key that signs bundles -> its id. Raises HostError."""
        if len(public) != _KEY_B:
            raise HostError(f"a key is {_KEY_B} bytes, x and y")
        trusted = self._trusted()
        kid = keys.kid(public).hex()
        if kid not in trusted:
            if len(trusted) >= _KEYS:
                raise HostError(f"the hub trusts {_KEYS} keys already; remove one of {self._folder / '*.key'}")
            self._write(self._folder / f"{kid}.key", public)
        return kid

    def _read(self, data: bytes, at: float) -> Kept:
        bundle = bundles.loads(data)
        public = self._trusted().get(bundle.kid.hex())
        if bundle.is_signed and public is None:
            raise HostError(
                f"it is signed with the key {bundle.kid.hex()}, which this hub does not know\n"
                "Tell it: `tos ota trust KEY.pub.pem`."
            )
        bundles.verify(bundle, public or b"")
        digest = hashlib.sha256(data).hexdigest()[:16]
        return Kept(f"{bundle.sequence}-{digest}", data, bundle, at)

    def _trusted(self) -> dict[str, bytes]:
        """{id of a key: x and y}"""
        found = [file.read_bytes() for file in self._folder.glob("*.key")]
        return {keys.kid(public).hex(): public for public in found if len(public) == _KEY_B}

    def _write(self, file: Path, data: bytes) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            replace(file, data)
        except OSError as e:
            raise HostError(f"it cannot be kept: {e.strerror}; make room on the disk") from None

    def _drop(self, needed: set[str]) -> None:
        spare = [id for id in self._all if id not in needed]
        for id in spare[: max(0, len(spare) - _KEPT)]:
            del self._all[id]
            self.file(id).unlink(missing_ok=True)
