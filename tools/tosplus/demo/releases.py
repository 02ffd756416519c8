"""Two releases of the demo's kettle, signed with a throwaway key: one with something new, and one that is broken."""

import tempfile
from pathlib import Path
from typing import Any

from ..build.apps import app_source
from ..build.product import build
from ..errors import HostError
from ..ota import bundle, keys, pack
from ..ota.at_hub import AtHub
from ..ota.bundle import Part

GOOD, BROKEN = "kettle-1.tosb", "kettle-2.tosb"
VERSION = "0.2.0"
_BOARD = "UNIX"
_NEW = """

app.value("descale", initial=False, keep=True, writable=True)
"""
_FAULT = """
raise ValueError("nobody has tried this release")
"""


class Releases:
    """In `folder`: release.pem and what it signs. The key is made at the first start, and stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = folder / "release.pem"
        if not self._key.exists():
            keys.generate(self._key, None)
        self.public = keys.load_public(keys.public_file(self._key))

    def make(self, small: bool) -> None:
        """Both bundles: what is changed in the broken one, and the whole of the good one or, if small, likewise."""
        source = app_source("kettle").read_text()
        better = source.replace('App("kettle", ', f'App("kettle", version="{VERSION}", ') + _NEW
        if VERSION not in better:
            raise HostError("firmware/apps/kettle.py does not begin as the demo expects it to")
        good = _files(better)
        self._sign(GOOD, 1, VERSION, pack.app_part(good, pack.app_part(_files(source)) if small else None))
        self._sign(BROKEN, 2, "0.3.0, broken", pack.app_part(_files(better + _FAULT), pack.app_part(good)))

    def _sign(self, name: str, sequence: int, version: str, part: Part) -> None:
        key = keys.load_private(self._key, lambda: b"")
        made = bundle.sign(bundle.Bundle("kettle", (_BOARD,), sequence, 0, (part,), version), key)
        (self.folder / name).write_bytes(made.dumps())

    def trust(self, hub: str) -> None:
        with AtHub(hub) as at:
            at.trust(self.public)

    def roll_out(self, hub: str, name: str) -> int:
        """-> the number of the rollout, which has begun."""
        with AtHub(hub) as at:
            brought = at.bring((self.folder / name).read_bytes())
            id: int = at.begin(brought["id"], ["1", "100%"], 0.05, None, False)["id"]
            return id


def _files(source: str) -> dict[str, bytes]:
    """What a slot holds with this app."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kettle.py")
        path.write_text(source)
        return pack.contents(build(str(path), _BOARD, Path(folder, "tree")).out)


def row(hub: str, id: int) -> tuple[str, dict[str, Any]]:
    """(state of the rollout, what the one kettle has of it)"""
    with AtHub(hub) as at:
        found = at.rollout(id)
        return found["state"], found["devices"][0]
