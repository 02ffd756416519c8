"""`tos demo`: five devices and their hub to play with, or a story in one run."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
import webbrowser
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..wellknown import HUB_URL
from .options import json_option

if TYPE_CHECKING:
    from ..demo.stage import Stage


@click.command("demo", short_help="Five devices and their hub, live in the browser.")
@click.option("--once", is_flag=True, help="Tell the story, check each step, and end. Exits 1 at the first that fails.")
@json_option("With --once: one JSON object a line.")
def command(once: bool, as_json: bool) -> None:
    """Five simulated devices and a hub, whose page opens in the browser. Ctrl-C ends all.

    With --once: a kettle boils, a fridge is left open, the hub is killed, a thermometer breaks, the power fails in the
    middle of a write, a watch pays at a till, an update is rolled out, and a broken one rolls back; each step is played
    through the hub, and checked there. It begins with new devices and a new hub: what an earlier demo has kept is lost.

    \b
      tos demo
      tos demo --once
      tos demo --once --json | jq .checked
    """
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    try:
        ok = asyncio.run(_ending_well(_once(as_json) if once else _live()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        ok = not once
    if not ok:
        raise SystemExit(1)


async def _ending_well(main: Coroutine[None, None, bool]) -> bool:
    """So that a terminal that closes ends all that was started, as Ctrl-C does."""
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else main.close)
    return await main


async def _once(as_json: bool) -> bool:
    from ..demo.story import Story

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


async def _live() -> bool:
    began = time.monotonic()
    click.echo("Starting simulated devices and a hub")
    from ..demo.stage import Stage

    def told(event: dict[str, Any]) -> None:
        if welcomed:
            _tell(stage, event)

    welcomed = False
    stage = Stage(say=_say, told=told)
    async with stage:
        click.echo(f"live after {time.monotonic() - began:.1f} s")
        _welcome(stage)
        welcomed = True
        if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            with contextlib.suppress(webbrowser.Error, OSError):
                await asyncio.to_thread(webbrowser.open, stage.hub.url)
        return await asyncio.Event().wait()


def _welcome(stage: "Stage") -> None:
    from rich.console import Console
    from rich.panel import Panel

    from ..demo.releases import BROKEN, GOOD
    from ..paths import shown

    good, broken = (shown(stage.releases.folder / name) for name in (GOOD, BROKEN))
    hub = "" if stage.hub.url == HUB_URL else f" --hub {stage.hub.url}"
    tos = "tos" if shutil.which("tos") else shown(Path(sys.argv[0]))
    Console().print(Panel(f"[bold]{stage.hub.url}[/bold]", title="the page", title_align="left", padding=(1, 4)))
    click.echo(
        f"Their world runs {stage.plan.rate:g} times as fast as life, but for watch and till. Try there:\n"
        "  switch the kettle on: it boils, and switches itself off\n"
        "  in The world: open the fridge, break its probe, pull a plug, kill -9 a device\n"
        "  there too, once tokens say so, pay: 2, 5, 0, ok on the till, then Button B of the watch\n"
        "  in Money: the tap, message by message; suspend the watch's token, and pay again\n"
        "  a rule on the fridge, that also holds while the hub is away\n"
        "  in Updates: how far the two rollouts are that you begin below\n"
        "and in another terminal, in this directory:\n"
        f"  {tos} dev set kettle power on --peers {shown(stage.hub.peers)}      (the hub's keys: it owns them)\n"
        f"  {tos} dev repl kettle      (Ctrl-C there stops the app, Ctrl-D starts it again)\n"
        f"  {tos} ota rollout {good}{hub}\n"
        f"  {tos} ota rollout {broken}{hub}      (a broken one after that: it rolls back by itself)\n"
        f"  kill -9 {stage.hub.pid}             the hub itself, which comes back\n"
        "What happens is told here; Ctrl-C ends it."
    )


def _say(name: str, what: str, details: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')}  {name:<8}  {what}  {details}".rstrip())


def _tell(stage: "Stage", event: dict[str, Any]) -> None:
    name = stage.page.devices.get(event["device"], {}).get("name", event["device"] or "hub")
    _say(name, event["path"] or event["kind"], str(event["value"]))
