"""`tos till`: a till on this computer, with a PC/SC reader and the token service."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..wellknown import TOKENS_URL
from .options import FILE, folder_option, json_option

if TYPE_CHECKING:
    from ..till.book import Entry
    from ..till.sale import Terminal, Till

About = tuple[Path, str, Path | None, Path | None]  # --state, --service, --secret-file, --authority
_APPROVED = ("approved", "done")
_json = json_option("The outcome as JSON; amounts in minor units.")


@click.group("till", short_help="Take payments on this computer, with a PC/SC reader.")
@folder_option("--state", ".tos/till", "Its list of sales, and what it still has to tell the service.")
@click.option("--service", default=TOKENS_URL, show_default=True, metavar="URL", help="The token service.")
@click.option("--secret-file", type=FILE, help="With this till's secret; otherwise it is in TOS_TILL_SECRET.")
@click.option("--authority", type=FILE, help="PEM: who vouches for the service's certificate, when nobody known does.")
@click.pass_context
def command(
    context: click.Context, state: Path, service: str, secret_file: Path | None, authority: Path | None
) -> None:
    """A till on this computer. Once, where the token service runs, and then each day:

    \b
      umask 077; tos tokens credential till CAMPUS --terminal TILL-1 >till.secret
      tos till readers
      tos till --secret-file till.secret take 12.50 --merchant CAMPUS --terminal TILL-1
      tos till list
      tos till --secret-file till.secret void NUMBER
      tos till --secret-file till.secret refund NUMBER 2.50

    When the device is away too early or no answer comes, the payment is taken back: that is written down before the
    device is asked, and told the service as soon as it answers, at the next start too. So nobody pays twice.

    \b
    Exit codes: 0 approved, or done; 1 declined, or taken back; 2 wrong usage; 3 the token service does not answer.
    """
    context.obj = state, service, secret_file, authority


@command.command("readers")
@_json
def readers(as_json: bool) -> None:
    """The PC/SC readers of this computer."""
    from ..till.pcsc import Pcsc

    with Pcsc() as pcsc:
        names = pcsc.readers()
    if as_json:
        click.echo(json.dumps(names))
    else:
        click.echo("\n".join(names) or "there is no reader; plug one in")


@command.command("take", short_help="Take AMOUNT, or one after the other.")
@click.argument("amount", required=False)
@click.option("--merchant", required=True, help="As the secret was made for.")
@click.option("--terminal", required=True, help="As the secret was made for.")
@click.option("--currency", default="EUR", show_default=True)
@click.option("--reader", default="", metavar="NAME", help="A part of its name, when there are several.")
@click.option("--wait", default=60.0, show_default=True, help="Seconds for the customer to tap.")
@click.option("--patience", default=15.0, show_default=True, help="Seconds for the service to answer.")
@_json
@click.pass_obj
def take(
    about: About,
    amount: str | None,
    merchant: str,
    terminal: str,
    currency: str,
    reader: str,
    wait: float,
    patience: float,
    as_json: bool,
) -> None:
    """Take AMOUNT, such as 12.50; without it, one amount after the other as they are typed, until an empty line."""
    from .. import money
    from ..errors import HostError, UsageFault
    from ..till.sale import Terminal

    for name, most, text in (("merchant", 15, merchant), ("terminal", 8, terminal)):
        if not re.fullmatch(r"[\x21-\x7e]+", text) or len(text) > most:
            raise UsageFault(f"--{name}: 1 to {most} visible characters")
    where = Terminal(merchant, terminal, money.currency(currency), wait, patience)
    if amount is not None:
        money.positive(amount, where.currency)
    with _till(about) as till:
        if amount is not None:
            _end(_take(till, reader, where, amount, as_json))
        while text := click.prompt("Amount", "", show_default=False, err=True).strip():
            till.settle()
            try:
                _take(till, reader, where, text, as_json)
            except HostError as e:
                click.echo(f"Error: {e}", err=True)


@command.command("void")
@click.argument("number")
@_json
@click.pass_obj
def void(about: About, number: str, as_json: bool) -> None:
    """Take back the whole sale NUMBER, before it is settled."""
    with _till(about) as till:
        entry = till.undo("void", number)
    _show(entry, as_json)
    _end(entry)


@command.command("refund", short_help="Give back AMOUNT of the sale NUMBER.")
@click.argument("number")
@click.argument("amount")
@_json
@click.pass_obj
def refund(about: About, number: str, amount: str, as_json: bool) -> None:
    """Give AMOUNT of the sale NUMBER back, once it is settled; in as many parts as one likes."""
    with _till(about) as till:
        entry = till.undo("refund", number, amount)
    _show(entry, as_json)
    _end(entry)


@command.command("send", short_help="Tell the service what is owed to it.")
@click.pass_obj
def send(about: About) -> None:
    """Tell the service what it has not been told yet, as every start does."""
    from ..errors import Unreachable

    with _till(about) as till:
        left = till.owed()
    if left:
        raise Unreachable(f"{left} still to be told")
    click.echo("the service has been told everything")


@command.command("list")
@click.option("--count", type=click.IntRange(1, 100_000), default=20, show_default=True)
@_json
@click.pass_obj
def list_(about: About, count: int, as_json: bool) -> None:
    """The latest sales, voids and refunds, newest first."""
    from ..till import receipt
    from ..till.book import Book

    with contextlib.closing(Book(about[0])) as book:
        entries = book.latest(count)
    if as_json:
        click.echo(json.dumps([receipt.told(entry) for entry in entries]))
    for entry in () if as_json else entries:
        click.echo(receipt.line(entry))


@contextlib.contextmanager
def _till(about: About) -> Iterator["Till"]:
    """Told of what was left over, which has been sent as far as the service answers."""
    from ..till.book import opened
    from ..till.sale import Till
    from ..till.service import connected

    state, url, secret_file, authority = about
    with connected(url, secret_file, authority) as service, opened(state) as book:
        book.recover()
        till = Till(book, service, lambda words: click.echo(words, err=True))
        till.settle()
        yield till


def _take(till: "Till", reader: str, where: "Terminal", text: str, as_json: bool) -> "Entry":
    from .. import money
    from ..errors import HostError
    from ..till import receipt
    from ..till.pcsc import Pcsc

    amount = money.positive(text, where.currency)
    with Pcsc() as pcsc:
        entry = till.take(pcsc, pcsc.reader(reader), where, amount)
    if entry is None:
        raise HostError("nobody has tapped; nothing was paid")
    click.echo(json.dumps(receipt.told(entry)) if as_json else receipt.text(entry, where.merchant, where.terminal))
    return entry


def _show(entry: "Entry", as_json: bool) -> None:
    from ..till import receipt

    click.echo(json.dumps(receipt.told(entry)) if as_json else receipt.line(entry))


def _end(entry: "Entry") -> None:
    owed = entry.state in ("owed", "reversing")
    click.get_current_context().exit(0 if entry.state in _APPROVED else 3 if owed else 1)
