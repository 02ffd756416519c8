"""What the shell may offer for an argument, in click's `shell_complete` form."""

import click


def board(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from ..build.board import names

    return [name for name in names() if name.startswith(incomplete)]


def app(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from ..build.apps import names

    return [name for name in names() if name.startswith(incomplete)]


def device(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from ..link.find import running

    return [run.name for run in running() if run.name.startswith(incomplete)]
