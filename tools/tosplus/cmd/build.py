"""`tos build`: compile an app for a board, add up what it costs, and leave what is flashed."""

import json
from pathlib import Path

import click

from . import complete
from .options import FILE, json_option

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("build", short_help="Compile an app for a board; its flash and heap.")
@click.argument("app", shell_complete=complete.app)
@click.option(
    "--board", "board_name", required=True, metavar="NAME", shell_complete=complete.board, help="boards/NAME."
)
@click.option("--firmware", type=FILE, help="Stock MicroPython for the chip, a .bin: makes a merged image and a page.")
@click.option("--frozen", is_flag=True, help="Firmware of our own instead, with the core in it; it takes ESP-IDF.")
@click.option("--web-tools", type=_FOLDER, help="dist/web of npm's esp-web-tools, to go beside the page.")
@click.option(
    "--key", "keys", type=FILE, multiple=True, help="Public key of who may sign updates, a .pub.pem; twice for two."
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to.  [default: .tos/build/NAME/APP]")
@json_option("The report as JSON.")
def command(
    app: str,
    board_name: str,
    firmware: Path | None,
    frozen: bool,
    web_tools: Path | None,
    keys: tuple[Path, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Compile APP for a board: .mpy files, what they cost, and the images to flash.

    APP is a name from firmware/apps or the path of your own .py file. The device tree holds what the board's flash
    file system will hold. Only what changed is compiled. Exits 1 if the board has not the heap or the flash for it.

    For a chip, APP-flash beside the tree gets the file system, vfs.bin. With --firmware (from MicroPython's download
    page) also merged.bin, the whole flash from address 0, and a page from which a browser writes it:
    python3 -m http.server in that folder. The same sources give the same bytes.

    \b
      tos build kettle --board ESP32_GENERIC
      tos build watch --board TOS_WATCH --firmware ESP32_GENERIC_S3.bin --web-tools package/dist/web
      tos build ~/heater.py --board UNIX --json
    """
    from ..build import flasher, frozen_firmware
    from ..build.product import build
    from ..errors import UsageFault
    from ..ota.keys import of_device
    from ..paths import shown

    if frozen and firmware:
        raise UsageFault("--frozen makes its own firmware; leave --firmware out")
    if frozen:
        frozen_firmware.check_tools()
    report = build(app, board_name, out, frozen, of_device(keys))
    board = report.board
    flash = report.out.with_name(f"{report.out.name}-flash")
    written: list[Path] = []
    if board.mcu == "unix":
        if firmware or frozen or web_tools:
            raise UsageFault(f"{board.name} is a process, not a chip: there is nothing to flash")
    elif report.fits:
        if frozen:
            firmware = frozen_firmware.build(board, flash)
        written = flasher.write(report, flash, firmware, web_tools)
    if as_json:
        click.echo(json.dumps({**report.as_json(), "files": [str(file) for file in written]}, indent=2))
    else:
        for module in sorted(report.modules, key=lambda module: -module.heap_b):
            if module.target.startswith("r/"):
                continue
            note = ", native code: its tables only" if module.native else ""
            click.echo(f"{module.target:36}{module.file_b:8} B flash {module.heap_b:8} B heap  {module.loaded}{note}")
        rest_b, left_b = report.rest_b, board.free_b - report.rest_b
        click.echo(f"heap   {rest_b} of {board.free_b} B at rest; {left_b} B left, {board.reserve_b} B must stay free")
        click.echo(f"       {report.heap_b} B the most at once; estimates, see docs/boards.md")
        click.echo(f"flash  {report.flash_b} of {board.vfs_size} B, for two slots and recovery")
        click.echo(f"{shown(report.out)}: {report.compiled} compiled, {report.removed} stale removed")
        for file in written:
            click.echo(f"{shown(file)}: {file.stat().st_size} B")
    report.check_budget()
