"""`tos dev log`: what a device remembers since its start."""

import asyncio
import json

import click

from . import options, reach


@click.command("log", short_help="What happened since its start.")
@reach.device
@options.as_json
def log(device: str, as_json: bool) -> None:
    """What a device remembers since its start: the latest events, how often each happened, and the last crash."""
    asyncio.run(_log(device, as_json))


async def _log(device: str, as_json: bool) -> None:
    from ..link import tell
    from ..words import WORDS

    async with reach.client(device) as client:
        resources = (await client.identity()).resources
        found = await client.log()
    ring = [tell.entry(line, resources) for line in found.ring]
    if as_json:
        click.echo(json.dumps({"ms": found.ms, "ring": ring, "counts": found.counts, "crash": found.crash}, indent=2))
        return
    for line in ring:
        click.echo("{:>10.3f} s  {level:8}{code} {name:16} {text}".format(line["ms"] / 1000, **line))
    click.echo(f"\nsince the start, {found.ms / 1000:.0f} s ago:")
    for code, times in sorted(found.counts.items()):
        click.echo(f"{times:>8} x {code} {WORDS[code].name if code in WORDS else '?'}")
    if found.crash:
        click.echo(f"\nthe last crash:\n{found.crash.rstrip()}")
