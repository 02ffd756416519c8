"""`tos pair`: from a device's code to a key that it shares with this computer."""

import asyncio
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .options import peers_option

if TYPE_CHECKING:
    from ..link.credentials import Store
    from ..link.pairing_code import Code

_ROLES = ("owner", "control", "input", "hub", "token-service", "peer")


@click.command("pair", short_help="Take over a device by the code that it shows.")
@click.argument("code", nargs=-1, metavar="[CODE | IMAGE]")
@click.option("--address", help="HOST:PORT, where the device is not found by itself.")
@click.option("--role", type=click.Choice(_ROLES), default="owner", show_default=True, help="What you are to it.")
@click.option("--name", help="What the device calls you.  [default: this computer's name]")
@peers_option("Where this computer's keys are.")
@options.as_json
def command(
    code: tuple[str, ...], address: str | None, role: str, name: str | None, peers: Path, as_json: bool
) -> None:
    """Pair this computer with a device; afterwards `tos dev` speaks with it, and nobody else can.

    CODE is what the device shows on its screen or prints on its console when it starts, as long as it has no owner:
    tos:v1:kettle-c0ffee:ABCD-EFGH-... Capitals, spaces and dashes do not matter. IMAGE is a photo of its QR code.
    With neither it is asked for, and does not stay in the shell's history.

    \b
      tos sim kettle                        in another terminal; it prints its code
      tos pair tos:v1:kettle-c0ffee:ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZA
      tos pair photo.jpg --address 192.168.1.20
      tos dev get kettle

    The first who pairs is the owner. For everybody after that, press the device's pairing button; it then takes
    others for two minutes. Held for ten seconds, the button makes it forget all of them.
    """
    from ..link.credentials import Store

    text = " ".join(code) or click.prompt("Pairing code", err=True)
    asyncio.run(_pair(_read(text), address, role, name or socket.gethostname()[:32], Store(peers), as_json))


async def _pair(code: "Code", address: str | None, role: str, name: str, store: "Store", as_json: bool) -> None:
    from ..errors import Unreachable
    from ..link import find
    from ..link.exchange import pair

    where = find.address(address) if address else await find.anywhere(code.device_id)
    if where is None:
        raise Unreachable(
            f"{code.device_id} is not found\nIs it on, and on this network? Else say where it is: "
            "--address HOST:PORT"
        )

    def say(step: str) -> None:
        click.echo(f"{code.device_id}: {step}", err=True)

    identity, is_new = await pair(code, where, store, role, name, say)
    if as_json:
        told = {"id": identity.id, "model": identity.model, "address": find.told(where), "role": role, "new": is_new}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo(f"{identity.id} is paired{'' if is_new else ' already'}; you are its {role}")


def _read(text: str) -> "Code":
    from ..errors import UsageFault
    from ..link.pairing_code import parse

    if text.strip().lower().startswith("tos:"):
        return parse(text)
    from ..link import picture

    try:
        with Path(text).open("rb") as file:
            return parse(picture.read(file.read(picture.MOST_B + 1)))
    except OSError as e:
        raise UsageFault(f"{text!r} is no pairing code, tos:v1:..., and no picture of one: {e.strerror}") from None
