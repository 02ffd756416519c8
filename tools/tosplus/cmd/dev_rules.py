"""`tos dev rules`: what a device does by itself."""

import asyncio
import json
from collections.abc import Sequence

import click

from . import options, reach


@click.command("rules", short_help="Its rules: list, add, remove, reset.")
@reach.device
@click.option("--add", multiple=True, metavar="RULE", help="One more, at the end; may be given several times.")
@click.option("--remove", type=click.IntRange(1), metavar="N", help="The one of this number.")
@click.option("--clear", is_flag=True, help="All of them.")
@click.option("--reset", is_flag=True, help="Back to those that the maker chose.")
@options.as_json
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

    async with reach.client(device) as client:
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
