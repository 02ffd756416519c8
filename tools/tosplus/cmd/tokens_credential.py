"""`tos tokens credential`: who may use the token service."""

from typing import Any

import click

from .tokens_here import WHO, About, here


@click.command("credential")
@click.argument("scope", type=click.Choice(["operator", "till", "party", "house"]))
@click.argument("name", required=False)
@click.option("--terminal", help="Of a till, whose NAME is that of its merchant.")
@click.option("--device", help="The till is this device, which is paired: there is no secret.")
@click.option("--name", "receipt", default="", help="Of such a till, for receipts.")
@click.option("--country", type=click.IntRange(1, 999), help="Where it is, ISO 3166-1 numeric.  [default: 276]")
@click.option("--offline-tap", metavar="AMOUNT", help="It may take so much of a tap while it cannot ask.")
@click.option("--offline-all", metavar="AMOUNT", help="And so much of all such taps together.")
@click.pass_obj
def credential(
    about: About,
    scope: str,
    name: str | None,
    terminal: str | None,
    device: str | None,
    receipt: str,
    country: int | None,
    offline_tap: str | None,
    offline_all: str | None,
) -> None:
    """Make a credential. Its secret is told once; that of a till which is a device is its pairing.

    \b
      tos tokens credential operator
      tos tokens credential till CAMPUS --terminal TILL-1
      tos tokens credential till CAMPUS --terminal TILL-2 --device till-c0ffee --name "Canteen, left"
      tos tokens credential party developer
      tos tokens credential house
    """
    is_named = scope in ("till", "party")
    if (name is None) == is_named or (terminal is None) == (scope == "till"):
        raise click.UsageError("a till has a merchant's name and --terminal, a party its own name, others none")
    if ((receipt or country or offline_tap or offline_all) and device is None) or (device and scope != "till"):
        raise click.UsageError("--device is of a till; --name, --country and --offline-... are of one with --device")
    from .. import money
    from ..tokens import parties, tills

    def work(connection: Any, now: float) -> tuple[str, str | None]:
        if device is not None:
            currency = money.currency(parties.currency_of(connection, str(name)))
            tap, all_taps = (
                None if text is None else money.minor(text, currency) for text in (offline_tap, offline_all)
            )
            told = tills.About(device, receipt, country or tills.GERMANY, (tap, all_taps))
            return tills.add(connection, WHO, str(name), str(terminal), told, now), None
        if scope == "till":
            return parties.add_till(connection, WHO, str(name), str(terminal), now)
        if scope == "party":
            return parties.add_party(connection, WHO, str(name), now)
        return (parties.add_house if scope == "house" else parties.add_operator)(connection, WHO, now)

    with here(about) as service:
        id, secret = service.write(work)
    if secret is None:
        click.echo(f"{id}: {device} is {terminal} of {name}")
    else:
        click.echo(secret)
        click.echo(f"{id}: keep it, it is told this once", err=True)
