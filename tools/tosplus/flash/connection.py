"""A board's chip in download mode, by esptool: who it is, and its flash. Everything that goes wrong is a HostError."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import esptool
import serial
from esptool.logger import TemplateLogger, log

from ..build.chip import chips
from ..errors import HostError, Unreachable
from .port import has_lines

_FAST_BAUD = 460800  # as ESP-IDF takes it: every bridge on a board can do it
_ROM_BAUD = 115200

Progress = Callable[[str, int, int], None]  # what is being done, bytes done, bytes in all


class Connection:
    """mcu: the chip's name in chips.toml. name: as a person reads it, with its revision. mac: as text.

    Raises Unreachable when no chip answers, HostError for one that we do not know.
    """

    def __init__(self, port: serial.SerialBase, progress: Progress) -> None:
        self.port = port
        self.has_lines = has_lines(port)
        self._progress = progress
        self._doing = "looking for the chip"
        _QUIET.show = self._show
        try:
            mode = "default-reset" if self.has_lines else "no-reset"
            esp = esptool.detect_chip(port, connect_mode=mode, connect_attempts=2)
            self.mac = ":".join(f"{byte:02x}" for byte in esp.read_mac())
            self.name: str = esp.get_chip_description()
            self._esp: Any = esptool.run_stub(esp)
            esptool.attach_flash(self._esp)
            self._esp.change_baud(_FAST_BAUD)
            self.flash_b = esptool.util.flash_size_bytes(esptool.detect_flash_size(self._esp)) or 0
        except (esptool.FatalError, OSError) as e:
            by_hand = "Hold BOOT (or GPIO0 to ground), press RESET, let go, and run this again."
            raise Unreachable(f"no chip answers at {port.port}: {_first_line(e)}\n{by_hand}") from None
        known = {chip.family: mcu for mcu, chip in chips().items()}
        if esp.CHIP_NAME not in known:
            raise HostError(f"{esp.CHIP_NAME} is no chip that TOS+ runs on; there are {', '.join(filter(None, known))}")
        self.mcu = known[esp.CHIP_NAME]

    def read(self, offset: int, size: int) -> bytes:
        with self._guarded(f"reading {offset:#x}"):
            data: bytes = self._esp.read_flash(offset, size)
            return data

    def write(self, parts: list[tuple[int, bytes]], what: str) -> None:
        """(offset, bytes) each; what is there already is not written again. esptool compares MD5s afterwards."""
        with self._guarded(f"writing {what}"):
            esptool.write_flash(self._esp, parts, skip_flashed=True)

    def erase(self, offset: int, size: int) -> None:
        with self._guarded(f"erasing {offset:#x}"):
            esptool.erase_region(self._esp, offset, size)

    def erase_all(self) -> None:
        with self._guarded("erasing everything"):
            esptool.erase_flash(self._esp)

    def reset(self) -> None:
        """The application starts, where there are reset lines; the port goes on as its console."""
        with self._guarded("resetting"):
            if self.has_lines:
                esptool.reset_chip(self._esp, "hard-reset")
            self.port.baudrate = _ROM_BAUD

    def _show(self, done_b: int, of_b: int) -> None:
        self._progress(self._doing, done_b, of_b)

    @contextlib.contextmanager
    def _guarded(self, doing: str) -> Iterator[None]:
        self._doing = doing
        try:
            yield
        except (esptool.FatalError, OSError) as e:
            raise Unreachable(f"the connection ended in the middle of {doing}: {_first_line(e)}") from None


def _first_line(e: Exception) -> str:
    return (str(e).splitlines() or [type(e).__name__])[0].rstrip(".")


class _Quiet(TemplateLogger):
    """esptool's talk is dropped; its progress is that of the latest Connection."""

    show: Callable[[int, int], None]

    def progress_bar(
        self, cur_iter: int, total_iters: int, prefix: str = "", suffix: str = "", bar_length: int = 30
    ) -> None:
        self.show(cur_iter, total_iters)

    def print(self, *args: Any, **kwargs: Any) -> None:
        pass

    def note(self, message: str) -> None:
        pass

    def warning(self, message: str) -> None:
        pass

    def error(self, message: str) -> None:
        pass

    def stage(self, finish: bool = False) -> None:
        pass

    def set_verbosity(self, verbosity: str) -> None:
        pass


_QUIET = _Quiet()
log.set_logger(_QUIET)  # once: what is installed then can install no other
