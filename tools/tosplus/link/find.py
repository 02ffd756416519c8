"""From the name that a person types to an address: a simulated device that runs here, or any host and port."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import Unreachable, UsageFault
from ..paths import WORK
from ..sim import state

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


def address(device: str) -> tuple[str, int]:
    """NAME, coap://HOST[:PORT] or HOST[:PORT] -> (host, port). Raises Unreachable, UsageFault."""
    if not device.startswith("coap://") and not set(device) & set(".:[") and device != "localhost":
        return run_of(device).link
    parts = urlsplit(device if "://" in device else f"coap://{device}")
    try:
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host = None
    if parts.scheme != "coap" or not host:
        raise UsageFault(f"{device} is not an address; write coap://HOST:PORT, HOST:PORT or a device's name")
    return host, port
