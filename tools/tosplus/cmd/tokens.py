"""`tos tokens`: the token service, and what its operator does on this machine, by the same database."""

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import wellknown
from ..wellknown import REPORTS_HERE
from .options import FILE, folder_option, https_options, json_option, port_option, together
from .tokens_credential import credential
from .tokens_here import WHO, About, here

if TYPE_CHECKING:
    from ..tokens.serve import Options
    from ..tokens.service import Service

_json = json_option("The outcome as JSON.")


@click.group("tokens", short_help="Payment tokens: issue, authorise, settle, share.")
@folder_option("--state", ".tos/tokens", "Its database and its master key.")
@click.option("--database", metavar="URL", help="postgresql://USER@HOST/NAME, shared by several.  [default: SQLite]")
@click.option("--master", type=click.Path(path_type=Path), help="The master key's file.  [default: in --state]")
@click.pass_context
def command(context: click.Context, state: Path, database: str | None, master: Path | None) -> None:
    """The token service, a process of its own, and its operator's commands. docs/token-service.md has all of it.

    The master key, under which all other keys are encrypted, is in a file that is made at the first start, or in the
    environment: TOS_TOKENS_MASTER, 64 hex digits.

    \b
      tos tokens serve
      tos tokens issue ann --amount 20.00
      tos tokens suspend 5f2c9a6be1d40377
      tos tokens settle CAMPUS
      tos tokens statement developer --format csv >share.csv
      tos tokens recompute share.csv
    """
    context.obj = state, database, master


@command.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Another one wants a certificate.")
@port_option("--port", wellknown.TOKENS, 0, "0 is any free one.")
@port_option("--coap-port", wellknown.TILLS, 0, "For tills.")
@https_options
@click.option("--hub", metavar="HOST:PORT", help=f"Where devices report, such as {REPORTS_HERE}: keys go that way.")
@_json
@click.pass_obj
def serve(
    about: About,
    host: str,
    port: int,
    coap_port: int,
    certificate: Path | None,
    key: Path | None,
    hub: str | None,
    as_json: bool,
) -> None:
    """Run the service until Ctrl-C. Its API describes itself: /openapi.json. Tills behind a hub ask by CoAP: `tos hub
    --tokens-coap HOST:PORT`."""
    together(certificate=certificate, key=key)
    from ..tokens.serve import Options

    options = Options(*about, host=host, port=port, coap_port=coap_port, certificate=certificate, key=key, hub=hub)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options, as_json))


@command.command("pair", short_help="Pair with a device, through its hub.")
@click.argument("code")
@click.option("--hub", default=REPORTS_HERE, show_default=True, help="HOST:PORT where the device reports.")
@click.pass_obj
def pair(about: About, code: str, hub: str) -> None:
    """Pair with the device that shows CODE, through its hub, which owns it and does not learn the key.

    Press the device's pairing button first."""
    from ..link.find import address
    from ..link.pairing_code import parse
    from ..tokens.device import Devices

    device = parse(code)

    async def pairing(service: "Service") -> None:
        async with Devices(service, address(hub)) as devices:
            await devices.pair(device)

    with here(about) as service:
        asyncio.run(pairing(service))
    click.echo(f"{device.device_id} is paired; `tos tokens issue ACCOUNT --device {device.device_id}`")


@command.command("issue", short_help="A token of ACCOUNT, for a device.")
@click.argument("account")
@click.option("--currency", default="EUR", show_default=True, help="Of a new account.")
@click.option("--amount", help="Pay so much into the account, such as 20.00.")
@click.option("--device", help="Id of the device that it is for.")
@_json
@click.pass_obj
def issue(
    about: About, account: str, currency: str, amount: str | None, device: str | None, as_json: bool
) -> None:
    """Issue a token of ACCOUNT, which is opened when there is none."""
    from .. import money
    from ..tokens import wallet
    from ..tokens.rows import Missing

    with here(about) as service:

        def work(connection: Any, now: float) -> Any:
            try:
                code = wallet.holder(connection, account).currency
            except Missing:
                code = currency
                wallet.open_holder(connection, WHO, account, currency, 0, now)
            if amount is not None:
                minor = money.minor(amount, money.currency(code))
                wallet.topup(connection, WHO, account, minor, "by tos tokens issue", now)
            return wallet.issue(connection, WHO, account, device, wallet.Limits(), now)

        row = service.write(work)
    told = {"id": row.id, "account": account, "device": device, "state": row.state}
    click.echo(json.dumps(told) if as_json else f"{row.id}  {row.state}")


def _change(name: str, words: str) -> None:
    @command.command(name, help=words)
    @click.argument("token")
    @click.pass_obj
    def change(about: About, token: str) -> None:
        from ..tokens import wallet

        work = {"suspend": wallet.suspend, "resume": wallet.resume, "revoke": wallet.revoke}[name]
        with here(about) as service:
            service.write(lambda connection, now: work(connection, WHO, token, now))


_change("suspend", "Suspend TOKEN at once: its next tap is declined.")
_change("resume", "Resume TOKEN, which was suspended.")
_change("revoke", "Revoke TOKEN for ever.")


@command.command("ledger")
@click.option("--transfers", type=click.IntRange(0, 1000), default=10, show_default=True, help="The latest.")
@_json
@click.pass_obj
def ledger(about: About, transfers: int, as_json: bool) -> None:
    """Balances of all accounts and the latest transfers. Exit code 1: the ledger does not sum up."""
    from .. import money
    from ..errors import HostError
    from ..tokens import schema, views

    with here(about) as service:
        told = service.read(lambda connection: views.ledger(connection, transfers))
        faults = service.read(views.faults)
    if as_json:
        click.echo(json.dumps(schema.plain(told)))
    else:
        for line in told.balances:
            amount = money.words(line.amount, money.currency(line.currency))
            click.echo(f"{line.account:32} {line.layer:6} {amount:>14} {line.currency}")
        for transfer in told.transfers:
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(transfer.at))
            click.echo(f"{at}  {transfer.kind:8} {transfer.auth or transfer.id}")
    if faults:
        raise HostError(f"the ledger does not sum up: {faults}")


@command.command("settle")
@click.argument("merchant")
@click.pass_obj
def settle(about: About, merchant: str) -> None:
    """Capture all that MERCHANT holds, and share it."""
    from ..tokens import sales

    count = 0
    with here(about) as service:
        while captured := service.write(lambda connection, now: sales.settle(connection, WHO, merchant, now)):
            count += len(captured)
    click.echo(f"{count} captured")


@command.command("statement", short_help="What PARTY has of each sale.")
@click.argument("party")
@click.option("--format", "kind", type=click.Choice(["json", "csv", "beancount"]), default="json", show_default=True)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From this day on, UTC.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Before this day, UTC.")
@click.pass_obj
def statement(about: About, party: str, kind: str, since: Any, until: Any) -> None:
    """What PARTY has of each sale and refund, with all that is needed to recompute it."""
    import calendar

    from ..tokens import statement as made

    first, last = (calendar.timegm(day.timetuple()) if day else none for day, none in ((since, 0.0), (until, 1e11)))
    with here(about) as service:
        told = service.read(lambda connection: made.statement(connection, party, first, last))
    click.echo(made.FORMATS[kind][1](told), nl=False)


@command.command("recompute")
@click.argument("file", type=FILE)
def recompute(file: Path) -> None:
    """Check a statement, JSON, CSV or beancount, by its terms alone. Exit code 1: it does not hold, and where."""
    from ..tokens.recompute import read, recomputed

    totals = recomputed(read(file))
    for total in totals:
        click.echo(str(total))
    click.echo("it holds" if totals else "it has no lines")


command.add_command(credential)


@command.command("merchant")
@click.argument("merchant")
@click.argument("terms", type=FILE)
@click.option("--currency", default="EUR", show_default=True)
@click.option("--by", required=True, help="Who has accepted the terms.")
@click.option("--record", required=True, help="Where the acceptance is written down.")
@click.pass_obj
def merchant(about: About, merchant: str, terms: Path, currency: str, by: str, record: str) -> None:
    """Add MERCHANT, or change its terms. TERMS: a file, {"id": "canteen", "shares": [["developer", 9000], ...]}, in
    basis points."""
    from ..errors import UsageFault
    from ..tokens import parties, shares

    try:
        told = json.loads(terms.read_text())
        agreed = shares.terms(told["id"], told["shares"])
    except (ValueError, KeyError, TypeError) as e:
        raise UsageFault(f"{terms} has no terms: {e}") from None

    def work(connection: Any, now: float) -> str:
        if not parties.has_merchant(connection, merchant):
            parties.add_merchant(connection, WHO, merchant, currency, now)
        hash = parties.put_terms(connection, WHO, agreed, now)
        parties.accept(connection, WHO, merchant, hash, by, record, now)
        return hash

    with here(about) as service:
        click.echo(service.write(work))


@command.command("rotate", short_help="Another issuer key from now on.")
@click.pass_obj
def rotate(about: About) -> None:
    """Another issuer key, for keys that are given out from now on; and all secrets under the newest master key."""
    with here(about) as service:
        click.echo(f"DKI {service.rotate(WHO)}")
        service.rewrap()


async def _serve(options: "Options", as_json: bool) -> None:
    from ..tokens.serve import serving

    async with serving(options) as served:
        told = json.dumps({"address": served.address, "coap": served.coap})
        about = f"describes itself at /openapi.json; tills ask coap://{served.coap}; state in {options.folder}"
        click.echo(told if as_json else f"{served.address}  {about}; Ctrl-C ends it")
        await served.web
