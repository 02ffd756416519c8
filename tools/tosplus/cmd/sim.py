"""`tos sim`: one device as a process, in the foreground."""

import asyncio
import contextlib
from pathlib import Path

import click

from . import complete


@click.command("sim", short_help="Run an app as a simulated device.")
@click.argument("app", shell_complete=complete.app)
@click.option("--name", help="What `tos dev` calls it.  [default: the app's name]")
@click.option("--board", default="UNIX", show_default=True, shell_complete=complete.board, help="boards/NAME.")
@click.option("--rate", type=click.FloatRange(0), default=1, show_default=True, help="Time-lapse; 0 is a manual clock.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="UDP port; 0 is any free one."
)
@click.option(
    "--state", "folder", type=click.Path(path_type=Path), help="Its flash and world.  [default: .tos/home/NAME]"
)
@click.option("--fresh", is_flag=True, help="Forget its flash and its world first.")
def command(app: str, name: str | None, board: str, rate: float, port: int, folder: Path | None, fresh: bool) -> None:
    """Run APP as a simulated device until Ctrl-C.

    APP is a name from firmware/apps or the path of your own .py file. It is built, put into a flash image and started
    on MicroPython's Unix port. What the device keeps in its flash survives; --fresh makes it new. Press its buttons
    and read its sensors from another terminal with `tos dev`.

    \b
      tos sim kettle
      tos sim kettle --name office --rate 30
      tos sim ~/heater.py --fresh
    """
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(app, name, board, rate, port, folder, fresh))


async def _run(
    app: str, name: str | None, board: str, rate: float, port: int, folder: Path | None, fresh: bool
) -> None:
    from ..sim.device import Device

    def say(what: str, details: str) -> None:
        click.echo(f"{device.name}  {what}  {details}".rstrip())

    device = Device(app, name, folder, board, rate, port, fresh=fresh, say=say)
    async with device:
        await device.ready()
        click.echo(f"{device.name}  console  {device.tty}; log in {device.state_dir / 'console.log'}; Ctrl-C ends it")
        await asyncio.Event().wait()
