"""How a command speaks to a device: with the key of --context, or one of `tos pair`, or in the clear."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import complete
from .options import peers_option

if TYPE_CHECKING:
    from ..link.client import Client
    from ..link.credentials import Store
    from ..link.oscore import Context
    from ..link.secure import Credentials

_CONTEXT, _PEERS = "tosplus.context", "tosplus.peers"


def options(command: Callable[..., None]) -> Callable[..., None]:
    secured = click.option(
        "--context",
        type=click.Path(path_type=Path),
        envvar="TOS_CONTEXT",
        callback=_remember,
        expose_value=False,
        help="A file with an OSCORE security context, as for `tos explain`, instead. [env: TOS_CONTEXT]",
    )
    about = "Keys of the devices that `tos pair` has paired."
    return peers_option(about, callback=_remember, expose_value=False)(secured(command))


def device(command: Callable[..., None]) -> Callable[..., None]:
    """The argument DEVICE, and how it is spoken to."""
    return click.argument("device", shell_complete=complete.device)(options(command))


def store() -> "Store":
    from ..link.credentials import Store

    return Store(click.get_current_context().meta[_PEERS])


def has_context() -> bool:
    return click.get_current_context().meta.get(_CONTEXT) is not None


def met(device: str) -> "tuple[tuple[str, int], Context | None, Credentials | None]":
    """Where it is, and the key for it: as a context to open messages with, and as what a client takes."""
    from ..link import find

    if file := click.get_current_context().meta.get(_CONTEXT):
        from ..link.oscore import Context
        from ..link.secure import Credentials

        return find.address(device), Context.read(file), Credentials.read(file)
    ours = store()
    id = find.paired(device, ours) if ours.ids() else None
    peer = ours.get(id) if id else None
    if id is None or peer is None:
        return find.address(device), None, None
    where = (find.by_id(id) or find.address(peer.address)) if device == id else find.address(device)
    return where, peer.context, ours.credentials(id)


def client(device: str) -> "Client":
    from ..link.client import Client

    where, _, credentials = met(device)
    return Client(*where, credentials=credentials)


def _remember(context: click.Context, parameter: click.Parameter, file: Path | None) -> None:
    context.meta[f"tosplus.{parameter.name}"] = file
