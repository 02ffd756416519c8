"""`tos hub`: the house in a browser, and its password."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import wellknown
from .options import FILE, folder_option, https_options, json_option, port_option, together

if TYPE_CHECKING:
    from ..hub.serve import Options

_state = folder_option("--state", ".tos/hub", "Its database and its password.")


@click.group("hub", invoke_without_command=True, short_help="The house in a browser: see, switch, remember.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Another one needs a password first.")
@port_option("--port", wellknown.HUB, 0, "0 is any free one.")
@port_option("--coap-port", wellknown.REPORTS, 1, "For reports.")
@click.option("--coap-host", help="Where devices report; 0.0.0.0 takes those of a network.  [default: as --host]")
@click.option("--plain", is_flag=True, help="Take devices that are not paired, too; on loopback, for tests.")
@_state
@click.option("--bench", type=click.Path(path_type=Path), help="The bench socket of a simulated house.")
@https_options
@click.option("--tokens", metavar="URL", help="The token service: the house's money is on the page.")
@click.option("--tokens-secret", type=FILE, help="A file with its credential for a house.")
@click.option("--tokens-coap", metavar="HOST:PORT", help="The token service's CoAP: tills reach it through here.")
@json_option("Events as JSON lines.")
@click.pass_context
def command(
    context: click.Context,
    host: str,
    port: int,
    coap_port: int,
    coap_host: str | None,
    plain: bool,
    state: Path,
    bench: Path | None,
    certificate: Path | None,
    key: Path | None,
    tokens: str | None,
    tokens_secret: Path | None,
    tokens_coap: str | None,
    as_json: bool,
) -> None:
    """Run the hub until Ctrl-C. Devices report to it; it shows them in a browser, switches them, and remembers.

    What it keeps survives in --state. docs/hub.md has its API.

    \b
      tos hub
      tos hub --port 8080 --state ~/house
      tos hub password
    """
    if context.invoked_subcommand:
        return
    together(certificate=certificate, key=key)
    together(tokens=tokens, tokens_secret=tokens_secret)
    from ..hub.serve import Options

    options = Options(
        state, host, port, coap_port, coap_host, plain, bench, certificate, key, tokens_coap, tokens, tokens_secret
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(options, as_json))


@command.command("password")
@_state
def password(state: Path) -> None:
    """Set the password, before the hub listens to a network. A hub that runs takes it at its next start."""
    from ..hub.password import store

    store(state, click.prompt("New password", hide_input=True, confirmation_prompt=True))
    click.echo("Set. It counts from the next start of `tos hub` on.")


async def _run(options: "Options", as_json: bool) -> None:
    from ..hub.serve import serving

    def say(event: dict[str, Any]) -> None:
        if as_json:
            click.echo(json.dumps(event, ensure_ascii=False))
        elif event["kind"] != "event":
            click.echo(f"{event['name']}  {event['kind']}  {event['value']}")

    async with serving(options, say) as (hub, address, web):
        about = f"devices report to port {options.coap_port}; state in {options.folder}; Ctrl-C ends it"
        click.echo(json.dumps({"page": address, "coap_port": options.coap_port}) if as_json else f"{address}  {about}")
        await web
