"""`tos new`: a product of one's own."""

from pathlib import Path

import click


@click.command("new", short_help="Begin a product of your own.")
@click.argument("name")
def command(name: str) -> None:
    """Write NAME.py, a product with a relay and a button, and test_NAME.py, its test, into this directory.

    Both work as they are. docs/making-a-product.md goes on from there, step by step.

    \b
      tos new night_light
      tos sim ./night_light.py
      tos dev set night_light power on     in another terminal, from this directory
      pytest test_night_light.py           after `pip install pytest` beside tos
    """
    from ..new import write
    from ..paths import shown

    app, test = write(name, Path())
    click.echo(f"{shown(app)} and {shown(test)} are there. Try `tos sim ./{shown(app)}`, then `pytest {shown(test)}`.")
