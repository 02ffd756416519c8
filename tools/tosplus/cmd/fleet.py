"""`tos ota push|rollout|rollback|trust`: updates on their way to devices."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..wellknown import HUB_URL
from . import complete, options, reach
from .options import FILE

if TYPE_CHECKING:
    from ..ota.at_hub import AtHub
    from ..ota.bundle import Bundle
    from ..ota.progress import Progress

_LOOK_S = 0.5


def _hub(default: str | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def options(command: Callable[..., None]) -> Callable[..., None]:
        file = click.option("--password-file", type=FILE, help="Its first line is the hub's password, if it has one.")
        where = "The hub's address, http://HOST:PORT. [env: TOS_HUB]"
        hub = click.option("--hub", metavar="URL", envvar="TOS_HUB", default=default, show_default=True, help=where)
        return hub(file(command))

    return options


_AT_HUB = _hub(HUB_URL)


@click.command("push", short_help="An update to some devices, now.")
@click.argument("bundle", type=FILE)
@click.argument("devices", nargs=-1, required=True, metavar="DEVICE...", shell_complete=complete.device)
@_hub(None)
@reach.options
@options.as_json
def push(bundle: Path, devices: tuple[str, ...], hub: str | None, password_file: Path | None, as_json: bool) -> None:
    """Give BUNDLE to a device, and look on until it has confirmed it, or has gone back to what it ran.

    Without --hub it is one device, as `tos dev` names it: this computer serves the bundle, and has to stay as long as
    it is fetched. With --hub they are the hub's devices, by their names there: the hub does it, also after Ctrl-C here,
    and for one that sleeps. Exits 1 unless each has confirmed it.

    \b
      tos ota push kettle-2.tosb kettle
      tos ota push kettle-2.tosb kettle "kettle 2" --hub http://127.0.0.1:8688
    """
    from ..errors import UsageFault

    if hub:
        with _at(hub, password_file) as at:
            id = at.begin(_brought(at, bundle), ["100%"], None, devices, False)["id"]
            _look_on(at, id, as_json)
        return
    if len(devices) > 1:
        raise UsageFault("to several devices it goes through a hub: add --hub URL, or push to one after the other")
    found = asyncio.run(_push(_signed(bundle), devices[0], as_json))
    if as_json:
        click.echo(json.dumps({"device": devices[0], **asdict(found)}, indent=2))
    if found.state != "confirmed":
        raise SystemExit(1)


async def _push(bundle: "Bundle", device: str, as_json: bool) -> "Progress":
    from ..ota import push as pushing
    from ..ota.bars import Bars

    where, _, credentials = reach.met(device)
    with Bars(1, as_json) as bars:
        return await pushing.push(bundle, where, credentials, lambda now: bars.show({device: asdict(now)}))


class _Rollout(click.Group):
    """What is no word of its own is a bundle."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["start", *args]
        return super().parse_args(ctx, args)


@click.group("rollout", cls=_Rollout, short_help="An update to all devices of a hub, in waves.")
def rollout() -> None:
    """Give a bundle to all of a hub's devices that it is for, in waves, and halt when too many fail.

    The next wave begins when in the one before nobody is under way any more and somebody has confirmed it. Who is away
    holds nobody up, and gets it when he is back. The hub does all of it, also when it was restarted.

    \b
      tos ota trust release.pub.pem                  once, before the first bundle
      tos ota rollout kettle-2.tosb                  1 device, then 10 %, then all; halted at 5 % that fail
      tos ota rollout kettle-2.tosb --waves 2,50%,100% --halt-at 10%
      tos ota rollout status
      tos ota rollout pause | resume | halt          the newest, or one by its number
    """


@rollout.command("start", short_help="BUNDLE: begin; `start` can be left out.")
@click.argument("bundle", type=FILE)
@click.option("--waves", default="1,10%,100%", show_default=True, help="How many have it after each, of all.")
@click.option("--halt-at", default="5%", show_default=True, help="So many failures of those that began are too many.")
@click.option("--pause", is_flag=True, help="Begin with nobody; `tos ota rollout resume` lets it go.")
@click.option("--no-wait", is_flag=True, help="Do not look on.")
@_AT_HUB
@options.as_json
def start(
    bundle: Path,
    waves: str,
    halt_at: str,
    pause: bool,
    no_wait: bool,
    hub: str,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Begin a rollout of BUNDLE, and look on. Ctrl-C ends the looking on, not the rollout. Exits 1 when it is halted.

    \b
      tos ota rollout kettle-2.tosb --waves 1,10%,100% --halt-at 5%
    """
    from ..errors import UsageFault
    from ..hub.rollout import share

    try:
        part = share(halt_at)
    except ValueError as e:
        raise UsageFault(f"--halt-at: {e}") from None
    with _at(hub, password_file) as at:
        id = at.begin(_brought(at, bundle), [wave.strip() for wave in waves.split(",")], part, None, pause)["id"]
        if pause or no_wait:
            _show(at, at.rollout(id), as_json)
        else:
            _look_on(at, id, as_json)


@rollout.command("status", short_help="How far they are.")
@click.argument("number", type=int, required=False)
@_AT_HUB
@options.as_json
def status(number: int | None, hub: str, password_file: Path | None, as_json: bool) -> None:
    """The rollouts of the hub, newest first; with a NUMBER one of them, device by device.

    \b
      tos ota rollout status
      tos ota rollout status 3 --json
    """
    with _at(hub, password_file) as at:
        if number is not None:
            _show(at, at.rollout(number), as_json)
        elif as_json:
            click.echo(json.dumps(at.rollouts(), indent=2, ensure_ascii=False))
        else:
            found = at.rollouts()
            for each in found:
                click.echo(_headline(each))
            if not found:
                click.echo("There was none yet; `tos ota rollout BUNDLE` begins one.", err=True)


def _ordered(word: str, help: str) -> None:
    @rollout.command(
        word, short_help=help.split(".")[0] + ".", help=f"{help} NUMBER: as in status; the newest without."
    )
    @click.argument("number", type=int, required=False)
    @_AT_HUB
    def order(number: int | None, hub: str, password_file: Path | None) -> None:
        with _at(hub, password_file) as at:
            found = at.rollout(number)
            at.order(found["id"], word)
            click.echo(_headline(at.rollout(found["id"])))


_ordered("pause", "Nobody more begins. Who has begun goes on.")
_ordered("resume", "It goes on, also when it was halted: until the next failure that is too many.")
_ordered("halt", "Nobody more begins, and downloads are ended. Who tries the new version already goes on with that.")


@click.command("trust", short_help="Tell a hub who signs bundles.")
@click.argument("key", type=FILE)
@_AT_HUB
def trust(key: Path, hub: str, password_file: Path | None) -> None:
    """Tell the hub a public key, .pub.pem: it takes no bundle that is signed with another. Devices have their own.

    \b
      tos ota trust release.pub.pem
    """
    from ..ota import keys

    with _at(hub, password_file) as at:
        click.echo(f"The hub takes what is signed with the key {at.trust(keys.load_public(key))}.")


def _at(hub: str, password_file: Path | None) -> "AtHub":
    from ..ota.at_hub import AtHub

    password = (password_file.read_text().splitlines() or [""])[0] if password_file else None
    return AtHub(hub, password)


def _signed(file: Path) -> "Bundle":
    from ..errors import HostError
    from ..ota import bundle as bundles
    from ..paths import shown

    content = bundles.loads(file.read_bytes())
    if not content.is_signed:
        raise HostError(f"{shown(file)} is not signed yet: `tos ota sign {shown(file)} --key KEY.pem`")
    return content


def _brought(at: "AtHub", file: Path) -> str:
    _signed(file)
    id: str = at.bring(file.read_bytes())["id"]
    return id


def _look_on(at: "AtHub", id: int, as_json: bool) -> None:
    """Until it is over or paused, with nobody under way."""
    from ..ota.bars import Bars
    from ..ota.progress import UNDER_WAY

    try:
        with Bars(len(at.rollout(id)["devices"]), as_json) as bars:
            while True:
                found = at.rollout(id)
                names = at.names()
                bars.show({names.get(row["device"], row["device"]): row for row in found["devices"]})
                if found["state"] != "running" and not any(row["state"] in UNDER_WAY for row in found["devices"]):
                    break
                time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        click.echo(f"The hub goes on with it: `tos ota rollout status {id}`.", err=True)
        raise SystemExit(130) from None
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        click.echo(_headline(found))
    if found["state"] == "halted" or any(row["state"] in ("failed", "rolled back") for row in found["devices"]):
        raise SystemExit(1)


def _headline(found: dict[str, Any]) -> str:
    states = [row["state"] for row in found["devices"]]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    wave = f", wave {found['opened']} of {len(found['waves'])}" if found["state"] == "running" else ""
    why = f": {found['why']}" if found["why"] else ""
    return f"{found['id']:>3}  {found['product']} {found['version']}  {found['state']}{wave}{why}  ({counted})"


def _show(at: "AtHub", found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    click.echo(_headline(found))
    names = at.names()
    for row in found["devices"]:
        share = (
            f" {100 * row['done_b'] // row['total_b']} %" if row["state"] == "downloading" and row["total_b"] else ""
        )
        why = f": {row['text']}" if row["text"] else ""
        click.echo(
            f"     {names.get(row['device'], row['device']):20}wave {row['wave'] + 1}  {row['state']}{share}{why}"
        )


COMMANDS: Sequence[click.Command] = (push, rollout, trust)
