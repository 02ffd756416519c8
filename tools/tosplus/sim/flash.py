"""flash.bin, the flash of a simulated device, as it is before a start."""

from pathlib import Path

from ..build import image
from ..build.board import SIMULATED, load
from ..build.product import build


def put_app(flash: Path, app: str, board: str, keys: tuple[bytes, ...]) -> None:
    """What is built from the sources, in place of the code that was there; the device's own files stay."""
    image.update(flash, build(app, board, keys=keys).out, load(board))


def put_firmware(flash: Path, firmware: bytes) -> None:
    """An application image in the first of two slots, unless that has one."""
    with open(flash, "r+b") as file:
        file.seek(SIMULATED[1])
        if file.read(1) == b"\xff":
            file.seek(SIMULATED[1])
            file.write(firmware)
