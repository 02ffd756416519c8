"""`tos dev get`, `set` and `watch`: the values of a device, and what they are."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from . import options, reach

if TYPE_CHECKING:
    from ..link.schema import Resource, Value


@click.command("get")
@reach.device
@click.argument("path", required=False)
@click.option("--table", is_flag=True, help="What the resources are, not their values.")
@options.as_json
def get(device: str, path: str | None, table: bool, as_json: bool) -> None:
    """The values of a device, or of one resource.

    \b
      tos dev get kettle
      tos dev get kettle temp --json
      tos dev get kettle --table
    """
    asyncio.run(_get(device, path, table, as_json))


async def _get(device: str, path: str | None, table: bool, as_json: bool) -> None:
    async with reach.client(device) as client:
        resources = [await client.resource(path)] if path else (await client.identity()).resources
        if table:
            _show_table(resources, as_json)
            return
        state = {path: await client.get(path)} if path else await client.state()
    if as_json:
        click.echo(json.dumps(state[path] if path else state, ensure_ascii=False))
        return
    for row in resources:
        if not row.event:
            click.echo(_line(row, state[row.path]))


@click.command("set", short_help="Write a resource.")
@reach.device
@click.argument("path")
@click.argument("value")
def set_(device: str, path: str, value: str) -> None:
    """Write a resource. VALUE: on or off, a number, one of the options, or text, as the resource's type wants.

    \b
      tos dev set kettle power on
      tos dev set coap://127.0.0.1:5683 brightness 40
    """
    asyncio.run(_set(device, path, value))


async def _set(device: str, path: str, value: str) -> None:
    from ..link.tell import parse

    async with reach.client(device) as client:
        await client.set(path, parse(await client.resource(path), value))


@click.command("watch")
@reach.device
@click.argument("path", required=False)
@click.option("--count", type=click.IntRange(1), help="Stop after so many lines, or frames.")
@click.option("--frames", is_flag=True, help="The datagrams of this watch, taken apart, instead of values.")
@options.as_json
def watch(device: str, path: str | None, count: int | None, frames: bool, as_json: bool) -> None:
    """Each change as it happens, until Ctrl-C.

    A line is one value; with --json, an object of all values after each change. A device that goes away is waited for.
    With --frames, every datagram of the watch in both directions, at its time in seconds since the start; what
    is secured, opened.
    """
    from ..errors import UsageFault

    if frames and path:
        raise UsageFault("--frames shows whole datagrams; leave PATH out")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_watch_frames(device, count, as_json) if frames else _watch(device, path, count, as_json))


async def _watch(device: str, path: str | None, count: int | None, as_json: bool) -> None:
    lines = 0
    async with reach.client(device) as client, contextlib.aclosing(client.watch()) as states:
        if path:
            await client.resource(path)
        last: dict[str, Value] = {}
        async for state in states:
            if state is None:
                click.echo("no answer; waiting for the device", err=True)
                continue
            seen = {path: state.get(path)} if path else state
            changed = {name: value for name, value in seen.items() if name not in last or last[name] != value}
            last = seen
            if as_json and changed:
                told = [json.dumps(seen, ensure_ascii=False)]
            else:
                told = [_line(await client.resource(name), value) for name, value in changed.items()]
            for line in told:
                click.echo(line)
                lines += 1
                if lines == count:
                    return


async def _watch_frames(device: str, count: int | None, as_json: bool) -> None:
    from ..link.frames import watch

    where, context, credentials = reach.met(device)
    shown = 0
    async with contextlib.aclosing(watch(*where, context, credentials)) as frames:
        async for at_s, way, frame, found in frames:
            if as_json:
                click.echo(json.dumps({"s": at_s, "way": way, "frame": frame.hex(), **found.data}, ensure_ascii=False))
            else:
                click.echo(f"{at_s:>10.3f} s {'->' if way == 'to' else '<-'} {len(frame):>4} B  {found.title}")
                for line in found.details:
                    click.echo(f"{'':25}{line}")
            shown += 1
            if shown == count:
                return


def _line(resource: "Resource", now: "Value") -> str:
    from ..link import tell

    return f"{resource.path:16}{tell.value(resource, now)}"


def _show_table(resources: "Sequence[Resource]", as_json: bool) -> None:
    rows = [
        {key: value for key, value in asdict(row).items() if value is not None and value is not False}
        for row in resources
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        about = " ".join(f"{key}={_word(value)}" for key, value in row.items() if key not in ("index", "path", "type"))
        click.echo(f"{row['index']:>3} {row['path']:16}{row['type']:16}{about}")


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else "yes" if value is True else str(value)
