"""`tos provision`: a device gets its Wi-Fi over the serial port."""

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .options import json_option

if TYPE_CHECKING:
    from ..improv import Client, Heard

_SSID_B = 32
_PASSWORD_B = 64


@click.command("provision", short_help="Give a device its Wi-Fi, over its cable.")
@click.option("--port", help="A serial port, or the name of a simulated device.  [default: the only one there is]")
@click.option("--ssid", help="The network; one that hides too.  [default: choose from what the device hears]")
@click.option("--password-stdin", is_flag=True, help="The password is the first line of the input.")
@json_option("As JSON; asks nothing, so it wants --ssid.")
def command(port: str | None, ssid: str | None, password_stdin: bool, as_json: bool) -> None:
    """Give a device its Wi-Fi over its serial port, by Improv. It keeps what has worked, and nothing else. The password
    is asked for; it is never an argument.

    \b
      tos provision                        asks for all that it needs
      tos provision --port /dev/ttyUSB0 --ssid home
      tos provision --port kettle --ssid home --password-stdin <secret.txt

    The device's app has to run: after `tos dev repl`, Ctrl-D starts it again. Other ways for a device to get its Wi-Fi
    are in docs/provisioning.md.
    """
    from ..errors import HostError, UsageFault
    from ..improv import Client, Refused

    if as_json and not ssid:
        raise UsageFault("--json asks nothing: give --ssid")
    said: dict[str, Any] = {}
    with _opened(_chosen(port)) as serial:
        client = Client(serial)
        was_online = client.is_provisioned()
        about = client.about()
        if not as_json:
            online = ", on a network already" if was_online else ""
            click.echo(f"{about.name or about.firmware} on {about.board}{online}", err=True)
        secured = True
        if not ssid:
            heard = _choose(client)
            ssid, secured = heard.ssid, heard.secured
        password = _password(ssid, secured, password_stdin, as_json)
        for what, text, most_b in (("ssid", ssid, _SSID_B), ("password", password, _PASSWORD_B)):
            if len(text.encode()) > most_b:
                raise UsageFault(f"the {what} has more than {most_b} bytes; no network has such a one")
        said = {"device": about._asdict(), "ssid": ssid, "joined": True}
        if not as_json:
            click.echo(f"{about.firmware} tries {ssid}; that takes up to 20 s ...", err=True)
        try:
            client.join(ssid, password)
        except Refused as e:
            if not as_json:
                raise HostError(_told(ssid, e.reason)) from None
            said.update(joined=False, reason=e.reason, why=_told(ssid, e.reason))
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        if not said["joined"]:
            sys.exit(1)
    else:
        click.echo(f"{about.firmware} is on {ssid}, and keeps it.")


def _told(ssid: str, reason: int | None) -> str:
    from ..words import JOINS

    unsaid = "the device cannot join it and does not say why", "`tos dev log` may have it: code 381"
    why, hint = unsaid if reason is None else JOINS.get(reason, unsaid)
    return f"{ssid}: {why}\n{hint}".rstrip()


def _chosen(port: str | None) -> str:
    """The path of a serial port. Raises UsageFault where it is not clear which, HostError where there is none."""
    from ..errors import UsageFault
    from ..flash.port import only, ports
    from ..link import find

    running = {device.name: device.run.tty for device in find.running() if device.run}
    if port is not None:
        return running.get(port, port)
    boards = ports()
    if len(running) + len(boards) > 1:
        raise UsageFault(f"which device? --port takes one of {', '.join([*running, *(row.name for row in boards)])}")
    return next(iter(running.values()), None) or only(boards) or ""


@contextlib.contextmanager
def _opened(path: str) -> Iterator[Any]:
    from serial import SerialException

    from ..errors import HostError
    from ..flash.port import open_port

    port = open_port(path)
    port.timeout = 0.1
    try:
        yield port
    except SerialException as e:
        raise HostError(f"{path}: {e}\nWas the cable pulled?") from None
    finally:
        port.close()


def _choose(client: "Client") -> "Heard":
    from ..errors import HostError

    networks = client.networks()
    if not networks:
        raise HostError("the device hears no network; one that hides is given with --ssid")
    for n, heard in enumerate(networks, 1):
        click.echo(f"{n:>3}  {heard.ssid:32} {heard.rssi_dbm:>4} dBm{'' if heard.secured else '  open'}", err=True)
    number: int = click.prompt("Which one", type=click.IntRange(1, len(networks)), err=True)
    return networks[number - 1]


def _password(ssid: str, secured: bool, from_stdin: bool, as_json: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not secured:
        return ""
    if as_json or not sys.stdin.isatty():
        _want_stdin()
    words = f"Password of {ssid} (empty if it has none)"
    asked: str = click.prompt(words, "", hide_input=True, show_default=False, err=True)
    return asked


def _want_stdin() -> NoReturn:
    from ..errors import UsageFault

    raise UsageFault("nobody is here to ask for the password: give it with --password-stdin")
