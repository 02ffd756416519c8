"""`tos dev`: look at a device and operate it."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from . import options, reach
from .dev_log import log
from .dev_peers import access_point, peers, revoke
from .dev_rules import rules
from .dev_values import get, set_, watch


@click.group("dev")
def command() -> None:
    """Look at devices and operate them.

    DEVICE is the name of a simulated device that was started from this directory, the id of one that was paired, or an
    address: coap://HOST:PORT. What `tos pair` has paired is spoken to by its key.
    """


@command.command("ls", short_help="Devices of this directory and network.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=1.5,
    show_default=True,
    metavar="SECONDS",
    help="How long to listen to the network; 0 leaves it alone.",
)
@options.as_json
def ls(wait: float, as_json: bool) -> None:
    """The simulated devices of this directory, up or down, and those that announce themselves on the network.

    What a device on the network says of itself is not proven; its address can be given to the other commands.
    """
    devices = _listed(wait)
    if as_json:
        click.echo(json.dumps(devices, indent=2))
        return
    wide = max([16, *(len(row["name"]) + 2 for row in devices)])
    for row in devices:
        about = [row["name"].ljust(wide), row["model"] or "-", row["board"] or "-", "up" if row["up"] else "down"]
        named = row["id"] if row["id"] and row["id"] != row["name"] else ""
        click.echo("{}{:12}{:16}{:6}{:26}{}".format(*about, row["address"] or "", named).rstrip())
    if not devices:
        click.echo("No device has run in this directory yet; `tos sim kettle` starts one.", err=True)


def _listed(wait_s: float) -> list[dict[str, Any]]:
    """Of both ways; a simulated device that announces itself is one, by its address."""
    from ..link.find import known

    heard = {}
    if wait_s:
        from ..link.discover import browse

        try:
            heard = {(device.host, device.port): device for device in asyncio.run(browse(wait_s))}
        except OSError as e:
            click.echo(f"the network cannot be asked: {e.strerror}; --wait 0 leaves it alone", err=True)
    rows = []
    for device in known():
        found = heard.pop(device.run.link, None) if device.run else None
        rows.append(
            {
                "name": device.name,
                "id": found and found.id,
                "model": device.run and device.run.model,
                "board": device.run and device.run.board,
                "address": device.run and "coap://{}:{}".format(*device.run.link),
                "up": device.run is not None,
                "paired": found and found.paired,
            }
        )
    for found in heard.values():
        address = f"coap://{found.host}:{found.port}"
        about = {"model": found.model, "board": None, "address": address, "up": True, "paired": found.paired}
        rows.append({"name": found.id, "id": found.id, **about})
    return rows


@command.command("identify", short_help="Let it show which one it is.")
@reach.device
def identify(device: str) -> None:
    """Which one is it? The device blinks, taps or shows its name for 5 s, whichever it can.

    \b
      tos dev identify lamp
    """
    asyncio.run(_identify(device))


async def _identify(device: str) -> None:
    async with reach.client(device) as client:
        await client.identify()


@command.command("repl", short_help="MicroPython's prompt on a simulated one.")
@reach.device
def repl(device: str) -> None:
    """MicroPython's prompt on a simulated device, by mpremote. Ctrl-C stops the app, Ctrl-D starts it again."""
    from ..errors import HostError
    from ..link.find import run_of

    beside = Path(sys.executable).with_name("mpremote")
    mpremote = str(beside) if beside.exists() else shutil.which("mpremote")
    if not mpremote:
        raise HostError("there is no mpremote here; install it with `pip install mpremote`")
    os.execv(mpremote, ["mpremote", "connect", run_of(device).tty, "repl"])


for _command in (get, set_, watch, rules, log, peers, revoke, access_point):
    command.add_command(_command)
