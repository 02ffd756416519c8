"""`tos flash`: from a board out of the box to one that shows its pairing code."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import complete
from .options import FILE, json_option

if TYPE_CHECKING:
    from ..flash.connection import Connection
    from ..flash.contents import Contents

_CODE_S = 15.0  # a board shows its code some seconds after a reset


@click.command("flash", short_help="Put an app, or an image, onto a board.")
@click.argument("what", metavar="APP|IMAGE", shell_complete=complete.app)
@click.option("--port", help="Its serial port; pyserial's URLs do as well.  [default: the one on USB]")
@click.option(
    "--board", metavar="NAME", shell_complete=complete.board, help="boards/NAME.  [default: the chip's generic one]"
)
@click.option(
    "--firmware",
    type=FILE,
    help="MicroPython's .bin for the board.  [default: what it has]",
)
@click.option("--erase-all", is_flag=True, help="Erase everything first: keys, settings, the owner.")
@json_option("The outcome as JSON.")
def command(
    what: str, port: str | None, board: str | None, firmware: Path | None, erase_all: bool, as_json: bool
) -> None:
    """Put APP or IMAGE onto the board at a serial port, and show its pairing code.

    APP is a name from firmware/apps or the path of your own .py file. IMAGE is the .bin of a whole flash, as
    `tos build --firmware` makes it. What the board has of its own stays: its keys, its Wi-Fi, its owner, its state.
    docs/flashing.md says what happens when the cable is pulled.

    \b
      tos flash kettle --firmware ESP32_GENERIC-20250415-v1.25.0.bin
      tos flash kettle
      tos flash merged.bin --port /dev/ttyUSB0 --erase-all
    """
    from ..flash.connection import Connection
    from ..flash.port import open_port
    from ..flash.put import pairing_code, put

    is_image = what.endswith(".bin")
    if is_image and (board or firmware):
        raise click.UsageError("an image has its firmware in it: --board and --firmware go with an app")
    if is_image or board:
        contents = _contents(what, board, firmware)  # what cannot be written is told without a board
    name = port or _choose(as_json)
    began = time.monotonic()
    with open_port(name) as line, _Progress(as_json) as progress:
        connection = Connection(line, progress.show)
        progress.say(f"{name}  {connection.name}, {connection.flash_b >> 20} MB of flash, {connection.mac}")
        if not is_image and not board:
            contents = _contents(what, _generic(connection), firmware)
        done = put(contents, connection, erase_all)
        took_s = time.monotonic() - began
        progress.say(f"{contents.what} is on it and verified, after {took_s:.1f} s")
        if done.own:
            progress.say(f"kept: {', '.join(done.own)}")
        connection.reset()
        if not connection.has_lines:
            progress.say("Press the board's RESET button: this port has no line to it.")
        code = pairing_code(line, _CODE_S)
    if as_json:
        outcome = {
            "port": name,
            "chip": connection.mcu,
            "mac": connection.mac,
            "written": [{"offset": offset, "size_b": size} for offset, size in done.written],
            "kept": done.own,
            "flashed_s": round(took_s, 3),
            "pairing_code": code,
        }
        click.echo(json.dumps(outcome, indent=2))
    elif code:
        click.echo(f"Pairing code: {code}")
        click.echo(f"Give it Wi-Fi: tos provision --port {name}")
    else:
        click.echo("It shows no pairing code: it has an owner, or its app does not pair. `mpremote` shows its console.")


def _contents(what: str, board: str | None, firmware: Path | None) -> "Contents":
    from ..flash.contents import of_app, of_image

    return of_app(what, board or "", firmware) if board else of_image(Path(what))


def _generic(connection: "Connection") -> str:
    from ..build.chip import chips

    return chips()[connection.mcu].generic


def _choose(as_json: bool) -> str:
    from ..flash.port import only, ports

    found = ports()
    name = only(found)
    if name:
        return name
    for number, port in enumerate(found, 1):
        click.echo(f"{number}  {port.name}  {port.about}", err=True)
    if as_json:
        raise click.UsageError("there are several ports; name one with --port")
    return found[click.prompt("Which one", type=click.IntRange(1, len(found)), err=True) - 1].name


class _Progress:
    """A bar on the terminal for what is being done; nothing of it in JSON."""

    def __init__(self, is_silent: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        columns = (TextColumn("{task.description:24}"), BarColumn(), DownloadColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=is_silent)
        self._task = self._bar.add_task("", total=None)
        self._is_silent = is_silent

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def show(self, doing: str, done_b: int, of_b: int) -> None:
        self._bar.update(self._task, description=doing, completed=done_b, total=of_b)

    def say(self, text: str) -> None:
        if not self._is_silent:
            click.echo(text)
