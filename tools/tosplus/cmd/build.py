"""`tos build`: compile an app for a board and add up what it costs."""

import json
from pathlib import Path

import click

from . import complete


@click.command("build", short_help="Compile an app for a board; its flash and heap.")
@click.argument("app", shell_complete=complete.app)
@click.option(
    "--board", "board_name", required=True, metavar="NAME", shell_complete=complete.board, help="boards/NAME."
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to.  [default: .tos/build/NAME/APP]")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def command(app: str, board_name: str, out: Path | None, as_json: bool) -> None:
    """Compile APP for a board: .mpy files, and what they cost.

    APP is a name from firmware/apps or the path of your own .py file. The device tree holds what the board's flash
    file system will hold. Only what changed is compiled. Exits 1 if the board has not the heap or the flash for it.

    \b
      tos build kettle --board ESP32_GENERIC
      tos build ~/heater.py --board UNIX --json
    """
    from ..build import build
    from ..paths import shown

    report = build(app, board_name, out)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        for module in sorted(report.modules, key=lambda module: -module.heap_b):
            note = "  native code: its tables only" if module.native else ""
            click.echo(f"{module.target:36}{module.file_b:8} B flash {module.heap_b:8} B heap{note}")
        board = report.board
        left_b = board.free_b - report.heap_b
        click.echo(f"heap   {report.heap_b} of {board.free_b} B; {left_b} B left, {board.reserve_b} B must stay free")
        click.echo(f"flash  {report.flash_b} of {board.vfs_size} B")
        click.echo(f"{shown(report.out)}: {report.compiled} compiled, {report.removed} stale removed")
    report.check_budget()
