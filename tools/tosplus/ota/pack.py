"""From a device tree, as `tos build` leaves it, to a bundle that is not signed yet."""

import hashlib
import re
from pathlib import Path

from mpremote.romfs import VfsRomWriter

from ..build import apps
from ..build import board as boards
from ..build.board import Board
from ..errors import HostError
from . import delta
from .bundle import FIRMWARE, Bundle, Part, hashes

LABEL_B = 32
_FILES = 170
_PATH = re.compile(r"[-./0-9A-Z_a-z]{1,64}")
_ABOUT = "~slot"  # which the device writes itself, last
_IMAGE = "lib.romfs"  # the only file of an app that goes into the partition romfs


def product(app: str) -> str:
    """See build/apps.py."""
    return apps.product(apps.app_source(app))


def contents(tree: Path) -> dict[str, bytes]:
    """{path: content} of what a slot of the device will hold, in the order of the bundle."""
    slot = tree / "a"
    files = sorted(path.relative_to(slot).as_posix() for path in slot.rglob("*") if path.is_file())
    return {path: (slot / path).read_bytes() for path in files if path != _ABOUT}


def image(files: dict[str, bytes], board: Board) -> dict[str, bytes]:
    """What a slot holds as a ROMFS, which is its lib then. HostError when the board has not the room for it."""
    room_b = boards.image_b(board)
    rom = VfsRomWriter()
    open_: list[str] = []
    for path in sorted(files, key=lambda path: path.removeprefix("lib/").split("/")):
        *folders, name = path.removeprefix("lib/").split("/")
        while open_ != folders[: len(open_)]:
            rom.closedir()
            open_.pop()
        for folder in folders[len(open_) :]:
            rom.opendir(folder)
            open_.append(folder)
        rom.mkfile(name, files[path])
    for _ in open_:
        rom.closedir()
    data = bytes(rom.finalise())
    if len(data) > room_b:
        raise HostError(f"the app has {len(data)} B as a ROMFS, and half of {board.name}'s romfs has {room_b} B")
    return {_IMAGE: data}


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


def firmware_part(image: bytes) -> Part:
    """An application image of the chip, for its partition that does not run."""
    return Part(FIRMWARE, hashes(image) + image, (), hashlib.sha256(image).digest())


def base_of(old: Bundle, product: str, board: str) -> Part:
    """The app of another release, to make a delta to. HostError when there cannot be one."""
    if old.product != product or board not in old.hardware:
        raise HostError(f"the base is of {old.product} on {', '.join(old.hardware)}, not of {product} on {board}")
    for part in old.parts:
        if part.kind == 0 and part.base is None:
            return part
    raise HostError("the base holds a delta itself; give the full bundle of that release")


def again(old: Bundle, above: Bundle, sequence: int | None = None, label: str | None = None) -> Bundle:
    """The content of one release, not signed yet, for devices that have the other. HostError when it cannot be."""
    sequence = above.sequence + 1 if sequence is None else sequence
    if old.product != above.product or not set(old.hardware) & set(above.hardware):
        raise HostError(f"one is for {_for(old)}, the other for {_for(above)}: no device has had both")
    if any(part.base for part in old.parts):
        raise HostError("the old release is a delta here; give its full bundle")
    if sequence <= above.sequence:
        raise HostError(f"sequence {sequence} is not above {above.sequence}, and no device would take it")
    if label is None:
        label = f"{old.version} again" if len(old.version.encode()) < LABEL_B - 5 else str(sequence)
    return Bundle(old.product, old.hardware, sequence, above.floor, old.parts, label)


def _for(bundle: Bundle) -> str:
    return f"{bundle.product} on {', '.join(bundle.hardware)}"
