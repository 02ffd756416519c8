"""`tos dev`: look at a device and operate it."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import complete, reach

if TYPE_CHECKING:
    from ..link.client import Client
    from ..link.schema import Resource, Value


def _device(command: Callable[..., None]) -> Callable[..., None]:
    """DEVICE, and how it is spoken to."""
    return click.argument("device", shell_complete=complete.device)(reach.options(command))


_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group("dev")
def command() -> None:
    """Look at devices and operate them.

    DEVICE is the name of a simulated device that was started from this directory, the id of one that was paired, or an
    address: coap://HOST:PORT. What `tos pair` has paired is spoken to by its key.
    """


@command.command("ls")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=1.5,
    show_default=True,
    metavar="SECONDS",
    help="How long to listen to the network; 0 leaves it alone.",
)
@_json
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


@command.command("get")
@_device
@click.argument("path", required=False)
@click.option("--table", is_flag=True, help="What the resources are, not their values.")
@_json
def get(device: str, path: str | None, table: bool, as_json: bool) -> None:
    """The values of a device, or of one resource.

    \b
      tos dev get kettle
      tos dev get kettle temp --json
      tos dev get kettle --table
    """
    asyncio.run(_get(device, path, table, as_json))


async def _get(device: str, path: str | None, table: bool, as_json: bool) -> None:
    async with _client(device) as client:
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


@command.command("set")
@_device
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

    async with _client(device) as client:
        await client.set(path, parse(await client.resource(path), value))


@command.command("watch")
@_device
@click.argument("path", required=False)
@click.option("--count", type=click.IntRange(1), help="Stop after so many lines, or frames.")
@click.option("--frames", is_flag=True, help="The datagrams of this watch, taken apart, instead of values.")
@_json
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
    async with _client(device) as client, contextlib.aclosing(client.watch()) as states:
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


@command.command("rules")
@_device
@click.option("--add", multiple=True, metavar="RULE", help="One more, at the end; may be given several times.")
@click.option("--remove", type=click.IntRange(1), metavar="N", help="The one of this number.")
@click.option("--clear", is_flag=True, help="All of them.")
@click.option("--reset", is_flag=True, help="Back to those that the maker chose.")
@_json
def rules(device: str, add: tuple[str, ...], remove: int | None, clear: bool, reset: bool, as_json: bool) -> None:
    """What a device does by itself, with nobody connected; without an option they are listed.

    \b
      tos dev rules fridge
      tos dev rules fridge --add "when temp above 12 set light on"
      tos dev rules lamp --add "when pressed is press toggle light"
      tos dev rules fridge --remove 2

    They are the owner's to change. What keeps a product safe is its maker's code, which is not among them.
    """
    from ..errors import UsageFault

    if bool(add) + (remove is not None) + clear + reset > 1:
        raise UsageFault("one of --add, --remove, --clear and --reset at a time")
    asyncio.run(_rules(device, add, remove, clear, reset, as_json))


async def _rules(device: str, add: Sequence[str], remove: int | None, clear: bool, reset: bool, as_json: bool) -> None:
    from ..errors import UsageFault
    from ..link import rule_words

    async with _client(device) as client:
        found = await client.rules()
        if remove and remove > len(found):
            raise UsageFault(f"there is no rule {remove}; {device} has {len(found)}")
        if reset:
            await client.set_rules(None)
        elif clear:
            await client.set_rules([])
        elif remove:
            await client.set_rules(found[: remove - 1] + found[remove:])
        elif add:
            identity = await client.identity()
            await client.set_rules(found + [rule_words.parse(text, identity) for text in add])
        if reset or clear or remove or add:
            found = await client.rules()
    if as_json:
        click.echo(json.dumps([rule.as_json() for rule in found], ensure_ascii=False, indent=2))
        return
    for n, rule in enumerate(found, 1):
        click.echo(f"{n:>2}  {rule_words.told(rule)}")
    if not found:
        click.echo(f"{device} has no rules; --add makes one.", err=True)


@command.command("log")
@_device
@_json
def log(device: str, as_json: bool) -> None:
    """What a device remembers since its start: the latest events, how often each happened, and the last crash."""
    asyncio.run(_log(device, as_json))


async def _log(device: str, as_json: bool) -> None:
    from ..link import tell
    from ..words import WORDS

    async with _client(device) as client:
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


@command.command("peers")
@_device
@_json
def peers(device: str, as_json: bool) -> None:
    """Who is paired with a device, and as what. Its owner may ask that."""
    asyncio.run(_peers(device, as_json))


async def _peers(device: str, as_json: bool) -> None:
    async with _client(device) as client:
        open_ms, found = await client.peers()
    if as_json:
        rows = [{"name": peer.name, "role": peer.role, "paths": peer.paths} for peer in found]
        click.echo(json.dumps({"open_ms": open_ms, "peers": rows}, ensure_ascii=False, indent=2))
        return
    for peer in found:
        click.echo(f"{peer.name:24}{peer.role:16}{', '.join(peer.paths)}".rstrip())
    if open_ms:
        click.echo(f"It takes others for {open_ms / 1000:.0f} s more.", err=True)


@command.command("revoke")
@_device
@click.argument("peer")
def revoke(device: str, peer: str) -> None:
    """Forget a peer of a device: what it asks is refused from now on. PEER is a name of `tos dev peers`.

    Who revokes the last owner leaves the device to the next one who has its code.
    """
    asyncio.run(_revoke(device, peer))


async def _revoke(device: str, peer: str) -> None:
    async with _client(device) as client:
        id = (await client.identity()).id
        await client.revoke(peer)
    ours = reach.store().get(id)
    if not reach.has_context() and ours and ours.name == peer:
        reach.store().drop(id)


@command.command("identify")
@_device
def identify(device: str) -> None:
    """Which one is it? The device blinks, taps or shows its name for 5 s, whichever it can.

    \b
      tos dev identify lamp
    """
    asyncio.run(_identify(device))


async def _identify(device: str) -> None:
    async with _client(device) as client:
        await client.identify()


@command.command("access-point")
@_json
def access_point(as_json: bool) -> None:
    """Name and key of the access point that a device with an owner opens when its button is pressed.

    Its pairing code is asked for, or taken from the input; it is no argument, and goes nowhere. docs/provisioning.md
    says when there is such an access point.
    """
    from ..link import pairing_code

    point = pairing_code.access_point(pairing_code.parse(click.prompt("Pairing code", err=True)))
    click.echo(json.dumps(point._asdict()) if as_json else f"{point.ssid}\n{point.key}")


@command.command("repl")
@_device
def repl(device: str) -> None:
    """MicroPython's prompt on a simulated device, by mpremote. Ctrl-C stops the app, Ctrl-D starts it again."""
    from ..errors import HostError
    from ..link.find import run_of

    beside = Path(sys.executable).with_name("mpremote")
    mpremote = str(beside) if beside.exists() else shutil.which("mpremote")
    if not mpremote:
        raise HostError("there is no mpremote here; install it with `pip install mpremote`")
    os.execv(mpremote, ["mpremote", "connect", run_of(device).tty, "repl"])


def _client(device: str) -> "Client":
    """With the key of --context, or else one of `tos pair`, or else in the clear."""
    from ..link.client import Client

    where, _, credentials = reach.met(device)
    return Client(*where, credentials=credentials)


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
