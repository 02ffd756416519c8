"""`tos board`: the boards that there are, and what is wrong with one."""

import json

import click

from . import complete, options
from .options import json_option


@click.group("board", short_help="The boards there are; check one.")
def command() -> None:
    """Boards: what a chip is wired to, and how its flash is divided.

    A board is a folder below boards/; docs/boards.md says how to make your own.
    """


@command.command("list", short_help="Names, chips, features.")
@options.as_json
def list_(as_json: bool) -> None:
    """Every board, with its chip and what an app may need of it.

    \b
      tos board list
    """
    from ..build import board as boards

    found = [boards.load(name) for name in boards.names()]
    if as_json:
        rows = [{"name": b.name, "mcu": b.mcu, "flash_b": b.flash_size, "features": list(b.features)} for b in found]
        click.echo(json.dumps(rows, indent=2))
        return
    for board in found:
        click.echo(f"{board.name:20}{board.mcu:10}{board.flash_size >> 20:3} MB  {' '.join(board.features)}")


@command.command("check", short_help="Pins, partitions, budgets, apps.")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete.board)
@json_option("The problems as JSON.")
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Find what is wrong with a board before it is flashed; without NAME, with every board.

    Pins that the chip has and that are free, none used twice; partitions that fit, with both slots for updates; the
    heap and flash of the apps that it is made for; the folder as a MicroPython BOARD_DIR. Exits 1 if anything is wrong.

    \b
      tos board check ESP32_GENERIC
      tos board check --json
    """
    from ..build import board as boards
    from ..build import board_check

    found = {name: board_check.check(name) for name in names or boards.names()}
    if as_json:
        click.echo(json.dumps({name: [problem.as_json() for problem in found[name]] for name in found}, indent=2))
    else:
        for name, problems in found.items():
            for problem in problems:
                click.echo(str(problem), err=True)
            click.echo(f"{name}: {f'{len(problems)} wrong' if problems else 'good'}")
    if any(found.values()):
        raise SystemExit(1)
