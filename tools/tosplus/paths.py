"""Where things are: the checkout that this package was installed from, and the folder that `tos` works in."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
BOARDS = ROOT / "boards"
WORK = Path(".tos")  # of the current directory: builds, and the state of simulated devices


def shown(path: Path) -> str:
    """A path as a person would type it from here."""
    path = Path(path).absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
