"""What commands have in common that print."""

import click

as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")
