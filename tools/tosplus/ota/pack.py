"""From a device tree, as `tos build` leaves it, to a bundle that is not signed yet."""

import hashlib
import re
from pathlib import Path

from .. import build
from ..errors import HostError
from . import delta
from .bundle import Bundle, Part

_FILES = 170
_PATH = re.compile(r"[-./0-9A-Z_a-z]{1,64}")
_ABOUT = "~slot"  # which the device writes itself, last


def product(app: str) -> str:
    """See build.product."""
    return build.product(build.app_source(app))


def contents(tree: Path) -> dict[str, bytes]:
    """{path: content} of what a slot of the device will hold, in the order of the bundle."""
    slot = tree / "a"
    files = sorted(path.relative_to(slot).as_posix() for path in slot.rglob("*") if path.is_file())
    return {path: (slot / path).read_bytes() for path in files if path != _ABOUT}


def app_part(files: dict[str, bytes], base: Part | None = None) -> Part:
    """base: of another release, whole; then a delta to it, when that is smaller. HostError: no device would take it."""
    if len(files) > _FILES:
        raise HostError(f"there are {len(files)} files, and a device takes {_FILES}")
    for path in files:
        if not _PATH.fullmatch(path):
            raise HostError(f"{path}: a name that a device does not take: at most 64 of A-Z, a-z, 0-9 and -._/")
    content = b"".join(files.values())
    lengths = tuple((path, len(data)) for path, data in files.items())
    digest = hashlib.sha256(content).digest()
    if base is not None:
        patch = delta.make(base.data, content)
        if len(patch) < len(content):
            return Part(0, patch, lengths, digest, base.content)
    return Part(0, content, lengths, digest)


def base_of(old: Bundle, product: str, board: str) -> Part:
    """The app of another release, to make a delta to. HostError when there cannot be one."""
    if old.product != product or board not in old.hardware:
        raise HostError(f"the base is of {old.product} on {', '.join(old.hardware)}, not of {product} on {board}")
    for part in old.parts:
        if part.kind == 0 and part.base is None:
            return part
    raise HostError("the base holds a delta itself; give the full bundle of that release")
