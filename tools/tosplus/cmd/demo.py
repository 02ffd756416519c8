"""`tos demo`: the story in one run, or a kettle to play with."""

import asyncio
import contextlib
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..link.client import Client
    from ..sim.device import Device

_RATE = 10  # a litre boils in 17 s
_LOOK_S = 0.5
_LOG_LINES = 8


@click.command("demo", short_help="A kettle that boils, breaks and recovers.")
@click.option("--once", is_flag=True, help="Tell the story, check each step, and end. Exits 1 at the first that fails.")
@click.option("--json", "as_json", is_flag=True, help="With --once: one JSON object a line.")
def command(once: bool, as_json: bool) -> None:
    """A kettle on MicroPython, live in this terminal, to be switched from another. Ctrl-C ends it.

    With --once: it boils, loses its thermometer, is killed and has its power cut in the middle of a write; each step
    is checked over the link.

    \b
      tos demo
      tos demo --once
      tos demo --once --json | jq .checked
    """
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    if once:
        if not asyncio.run(_once(as_json)):
            raise SystemExit(1)
        return
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_live())


async def _once(as_json: bool) -> bool:
    from ..demo import Story

    def began(title: str) -> None:
        if not as_json and sys.stdout.isatty():
            click.echo(f"           {title} ...\r", nl=False)

    ok, seconds = True, 0.0
    async with contextlib.aclosing(Story(began).run()) as steps:
        async for step in steps:
            ok, seconds = step.ok, seconds + step.seconds
            if as_json:
                click.echo(json.dumps(asdict(step), ensure_ascii=False))
            else:
                tick = click.style("✓", fg="green") if step.ok else click.style("✗", fg="red")
                click.echo(f"{tick} {step.seconds:5.1f} s  {step.title}    \n           {step.checked}")
    if not as_json:
        click.echo(f"{'All of it works' if ok else 'It stopped here'}, {seconds:.1f} s.")
    return ok


async def _live() -> None:
    from rich.live import Live

    from ..demo import APP, HOUSE
    from ..link.client import Client
    from ..sim import state
    from ..sim.device import Device

    device = Device(APP, state_dir=state.directory(APP, HOUSE), rate=_RATE)
    async with device:
        await device.ready()
        async with Client(*device.link) as client:
            await client.set("power", True)
            with Live(auto_refresh=False) as live:
                while True:
                    live.update(await _view(device, client), refresh=True)
                    await asyncio.sleep(_LOOK_S)


async def _view(device: "Device", client: "Client") -> "RenderableType":
    """What the terminal shows: readings, the latest of the log, and what to try."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table

    from ..demo import APP, HOUSE
    from ..errors import Unreachable
    from ..link import tell
    from ..link.find import run_of
    from ..paths import shown

    readings, lines = Table.grid(padding=(0, 2)), Table.grid(padding=(0, 2))
    try:
        resources = (await client.identity()).resources
        for path, value in (await client.state()).items():
            readings.add_row(path, tell.value(await client.resource(path), value))
        for line in (await client.log()).ring[-_LOG_LINES:]:
            told = tell.entry(line, resources)
            lines.add_row(f"{told['ms'] / 1000:.1f} s", told["level"], f"{told['code']}", told["text"])
    except Unreachable:
        readings.add_row("no answer: it restarts, or somebody has stopped its app")
    tos = "tos" if shutil.which("tos") else shown(Path(sys.argv[0]))
    name = APP if run_of(APP).tty == device.tty else f"{HOUSE}/{APP}"
    tries = (
        f"{tos} dev set {name} power on\n"
        f"{tos} dev watch {name}\n"
        f"{tos} dev repl {name}      (Ctrl-C there stops the app, Ctrl-D starts it again)"
    )
    return Group(
        Panel(readings, title=f"{APP} at {device.address}, {_RATE} times as fast as life", title_align="left"),
        Panel(lines, title="its log", title_align="left"),
        Panel(tries, title="try in another terminal, in this directory; Ctrl-C here ends it", title_align="left"),
    )
