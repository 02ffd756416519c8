"""Options that several commands have, and types of options."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def json_option(help: str) -> Callable[[Command], Command]:
    return click.option("--json", "as_json", is_flag=True, help=help)


as_json = json_option("As JSON.")


def folder_option(name: str, default: str, help: str, **more: Any) -> Callable[[Command], Command]:
    """A folder that is made when it is not there."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option(name, type=kind, default=Path(default), show_default=True, help=help, **more)


def peers_option(help: str, **more: Any) -> Callable[[Command], Command]:
    return folder_option("--peers", ".tos/peers", f"{help} [env: TOS_PEERS]", envvar="TOS_PEERS", **more)


def port_option(name: str, default: int, least: int, help: str) -> Callable[[Command], Command]:
    return click.option(name, type=click.IntRange(least, 65535), default=default, show_default=True, help=help)


def https_options(command: Command) -> Command:
    certificate = click.option("--certificate", type=FILE, help="HTTPS: certificate and --key, as PEM.")
    return certificate(click.option("--key", type=FILE, help="HTTPS: its key.")(command))


def together(**given: object) -> None:
    """Options by their names, all of them or none."""
    if len({value is None for value in given.values()}) > 1:
        names = " and ".join("--" + name.replace("_", "-") for name in given)
        raise click.UsageError(f"{names} go together")
