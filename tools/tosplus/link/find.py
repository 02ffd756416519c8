"""From the name that a person types to an address: a simulated device that runs here, or any host and port."""

import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .. import state
from ..errors import Unreachable, UsageFault
from ..paths import WORK

if TYPE_CHECKING:
    from .credentials import Store

ANNOUNCED_S = 3.0  # a record is multicast once a second at most
_PORT = 5683


@dataclass(frozen=True)
class Known:
    """A simulated device of this directory. name: as `tos dev` takes it. run: None while it is off."""

    name: str
    folder: Path
    run: state.Run | None


def known() -> list[Known]:
    """All that have run here, those of the default house first."""
    found = []
    for flash in WORK.glob("*/*/flash.bin"):
        folder = flash.parent
        house = folder.parent.name
        name = folder.name if house == state.HOUSE else f"{house}/{folder.name}"
        found.append(Known(name, folder, state.read(folder)))
    return sorted(found, key=lambda device: ("/" in device.name, device.name))


def running() -> list[Known]:
    return [device for device in known() if device.run]


def run_of(name: str) -> state.Run:
    """The running device of that name, with or without its house. Raises Unreachable."""
    devices = running()
    for device in devices:
        if device.run and name in (device.name, device.folder.name):
            return device.run
    others = ", ".join(device.name for device in devices) or "none does"
    raise Unreachable(
        f"no device {name} runs from this directory; running: {others}\n"
        f"Start one with `tos sim {name}`, or give an address: coap://HOST:PORT"
    )


def by_id(id: str) -> tuple[str, int] | None:
    """Where the device of this id runs, as its pairing code tells it; None when it is none of this directory's."""
    for device in running():
        if device.run and id.endswith(f"-{device.run.uid}"):
            return device.run.link
    return None


async def anywhere(id: str, timeout_s: float = ANNOUNCED_S) -> tuple[str, int] | None:
    """As by_id, and else where a device announces itself by this id, which proves nothing; None when none does."""
    return by_id(id) or await announced(id, timeout_s)


async def announced(id: str, timeout_s: float = ANNOUNCED_S) -> tuple[str, int] | None:
    """Where it announces itself on this computer's networks."""
    from .discover import find

    with contextlib.suppress(OSError):  # no network to ask on
        return await find(id, timeout_s)
    return None


def paired(device: str, store: "Store") -> str | None:
    """The id in the store of what a person calls NAME, ID, or an address; None when it is not there."""
    ids = store.ids()
    if device in ids:
        return device
    for run in [found.run for found in known() if found.run and device in (found.name, found.folder.name)]:
        return next((id for id in ids if id.endswith(f"-{run.uid}")), None)
    where = told(address(device))
    return next((id for id in ids if (peer := store.get(id)) and peer.address == where), None)


def own_address(device: tuple[str, int]) -> str:
    """Of this computer, as that device sees it."""
    family, kind, _, _, where = socket.getaddrinfo(*device, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:
        try:
            probe.connect(where)  # sends nothing
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def told(address: tuple[str, int]) -> str:
    """HOST:PORT"""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address(device: str) -> tuple[str, int]:
    """NAME, coap://HOST[:PORT] or HOST[:PORT] -> (host, port). Raises Unreachable, UsageFault."""
    if not device.startswith("coap://") and not set(device) & set(".:[") and device != "localhost":
        return run_of(device).link
    return parsed(device)


def parsed(device: str) -> tuple[str, int]:
    """An address, and no name. Raises UsageFault."""
    host = None
    with contextlib.suppress(ValueError):
        parts = urlsplit(device if "://" in device else f"coap://{device}")
        host, port = parts.hostname, parts.port or _PORT
    if not host or parts.scheme != "coap":
        raise UsageFault(f"{device} is not an address; write coap://HOST:PORT, HOST:PORT or a device's name")
    return host, port
