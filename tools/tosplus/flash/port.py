"""Which serial port a board is at, and how it is opened."""

from typing import Any, NamedTuple

import serial
from serial import rfc2217
from serial.tools import list_ports

from ..errors import HostError, UsageFault

_BAUD = 115200  # of the chip's ROM, and of its console


class Port(NamedTuple):
    """name, as the system has it; about: what is plugged in there, in its maker's words."""

    name: str
    about: str


def ports() -> list[Port]:
    """Where a board can be: what is on USB. Ports that are built in have no vendor."""
    found = [port for port in list_ports.comports() if port.vid is not None]
    return sorted(Port(port.device, port.product or port.description or "") for port in found)


def only(found: list[Port]) -> str | None:
    """The one port there is; None when somebody has to choose. Raises HostError when there is none."""
    if not found:
        raise HostError(
            "there is no board on USB\nIs the cable one for data, and not for charging only? On Linux, `dmesg` tells "
            "what was plugged in; a port without access wants the group dialout. --port names one that is elsewhere."
        )
    return found[0].name if len(found) == 1 else None


def open_port(name: str) -> serial.SerialBase:
    """Raises UsageFault: there is no such port. HostError: it is busy, or not ours to open."""
    try:
        if name.startswith("rfc2217://"):
            port: serial.SerialBase = _Distant()
            port.port = name
        else:
            port = serial.serial_for_url(name, exclusive=True, do_not_open=True)
        port.baudrate = _BAUD
        port.open()
    except serial.SerialException as e:
        if "No such file" in str(e):
            raise UsageFault(f"there is no port {name}; there are {_names() or 'none'}") from None
        hint = "\nYour user has to be in the group dialout." if "Permission denied" in str(e) else ""
        raise HostError(f"{name} cannot be opened: {e}{hint}") from None
    except ValueError as e:
        raise UsageFault(f"{name} is no port: {e}") from None
    return port


def has_lines(port: serial.SerialBase) -> bool:
    """Whether DTR and RTS can be moved, and with them the chip's reset pin: a pseudo-terminal has none."""
    try:
        _ = port.cts
    except OSError:
        return False
    return True


def _names() -> str:
    return ", ".join(port.name for port in ports())


class _Distant(rfc2217.Serial):
    """A port in the network. A new timeout is our own affair; pyserial would settle all settings again, 0.1 s long."""

    _settled: Any = None

    def _reconfigure_port(self) -> None:
        shape = (self._bytesize, self._parity, self._stopbits, self._xonxoff, self._rtscts)
        wanted = (self.is_open, self._baudrate, shape, self._write_timeout)
        if wanted != self._settled:
            super()._reconfigure_port()
            self._settled = wanted
