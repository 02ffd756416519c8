"""What `tos build` leaves for flashing: file system, merged image, and a page on which a browser writes it."""

import html
import json
import shutil
from pathlib import Path

from ..errors import UsageFault
from ..paths import shown
from . import image
from .report import Report

_PAGE = Path(__file__).with_name("flasher.html")


def write(report: Report, out: Path, stock: Path | None, web_tools: Path | None) -> list[Path]:
    """Writes vfs.bin; with stock firmware also merged.bin and the page. -> the files written.

    web_tools: the folder of esp-web-tools for browsers (its dist/web), which is copied beside the page.
    Raises HostError for firmware that does not go with the board, UsageFault for a folder that is no esp-web-tools.
    """
    from . import firmware as stock_firmware  # esptool takes a while to import

    board = report.board
    vfs = image.fresh(report.out, board.vfs_size, report.app)
    files: dict[str, bytes] = {"vfs.bin": vfs}
    if stock:
        whole = stock_firmware.merged(board, stock_firmware.read(stock, board), vfs)
        files["merged.bin"] = whole
        files["manifest.json"] = _manifest(report).encode()
        files["index.html"] = _PAGE.read_text().replace("{{name}}", html.escape(_title(report))).encode()
        if web_tools and not (web_tools / "install-button.js").is_file():
            raise UsageFault(f"{shown(web_tools)} has no install-button.js; give the folder dist/web of esp-web-tools")
    elif web_tools:
        raise UsageFault("--web-tools is for the page, and the page is made with --firmware FILE")
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        _replace(out / name, content)
    for name in ("merged.bin", "manifest.json", "index.html"):
        if name not in files:
            (out / name).unlink(missing_ok=True)  # of an earlier build, with other code in it
    if web_tools:
        shutil.copytree(web_tools, out / "esp-web-tools", dirs_exist_ok=True)
    return [out / name for name in files]


def _replace(file: Path, content: bytes) -> None:
    scratch = file.with_name(f"{file.name}.new")
    scratch.write_bytes(content)
    scratch.replace(file)


def _title(report: Report) -> str:
    return f"TOS+ {report.app} on {report.board.name}"


def _manifest(report: Report) -> str:
    """esp-web-tools' manifest. One part, from address 0: what it writes is what `merged.bin` holds."""
    from importlib.metadata import version

    parts = [{"path": "merged.bin", "offset": 0}]
    data = {
        "name": _title(report),
        "version": version("tosplus"),
        "new_install_prompt_erase": True,
        "builds": [{"chipFamily": report.board.chip.family, "parts": parts}],
    }
    return json.dumps(data, indent=2) + "\n"
