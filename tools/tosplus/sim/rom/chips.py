"""What a flasher can read of a chip: identity, fuses, and the flash chip behind its SPI registers.

Addresses are those of the chips' technical reference manuals. A register that is not named here reads 0 until it is
written, and then what was written.
"""

from collections.abc import Callable
from dataclasses import dataclass

# SPI controller, the same for all: bits of CMD, of USER2, and the commands that flash chips know (JEDEC).
_RUN_USER_COMMAND = 1 << 18
_READ_ID, _READ_SFDP = 0x9F, 0x5A
_WINBOND = 0xEF
_SFDP = 0x50444653  # "SFDP", which flash chips begin their self-description with

_MAC_TAIL = b"\xc0\xff\xee"


@dataclass(frozen=True)
class Spi:
    """Registers of the controller at `base`, by their offsets. is_left: the address is in the upper 24 bits."""

    base: int
    address: int
    user2: int
    data: int
    is_left: bool


@dataclass(frozen=True)
class Chip:
    """chip_id is that of images and of GET_SECURITY_INFO, which the ESP32 lacks.

    fuses: what is burnt, by address; uart: the register of the baud rate's divider; boot_offset: of the bootloader.
    download, run, why: what the ROM prints for download mode, for a boot from flash, and before either.
    """

    name: str
    chip_id: int
    tells_id: bool
    flash_mb: int
    boot_offset: int
    uart: int
    spi: Spi
    fuses: dict[int, int]
    hello: str
    run: str
    download: str


def _mac_fuses(base: int, chip_id: int) -> dict[int, int]:
    """The MAC address with a prefix of Espressif's, in two words."""
    mac = bytes((0x24, 0x0A, 0xC4 ^ chip_id)) + _MAC_TAIL
    return {base: int.from_bytes(mac[2:], "big"), base + 4: int.from_bytes(mac[:2], "big")}


CHIPS = {
    chip.name: chip
    for chip in (
        Chip(
            name="esp32",  # ESP32-D0WD-V3, revision 3.1
            chip_id=0,
            tells_id=False,
            flash_mb=4,
            boot_offset=0x1000,
            uart=0x3FF40014,
            spi=Spi(0x3FF42000, 0x04, 0x24, 0x80, True),
            fuses={
                0x40001000: 0x00F01D83,  # a word of the ROM by which this chip is known
                **_mac_fuses(0x3FF5A004, 0),
                0x3FF5A00C: 1 << 15 | 1 << 9,  # revision and package
                0x3FF5A014: 1 << 24 | 1 << 20,  # revision
                0x3FF6607C: 1 << 31,  # revision
                0x3FF5A010: 100,  # MHz * 12.5 of the internal oscillator, and how often it fits into the crystal
                0x3FF5F06C: 1024 << 7,
            },
            hello="ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET)",
            run="boot:0x13 (SPI_FAST_FLASH_BOOT)",
            download="boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))",
        ),
        Chip(
            name="esp32s3",  # QFN56, revision 0.2
            chip_id=9,
            tells_id=True,
            flash_mb=8,
            boot_offset=0,
            uart=0x60000014,
            spi=Spi(0x60002000, 0x04, 0x20, 0x58, False),
            fuses={**_mac_fuses(0x60007044, 9), 0x60007050: 2 << 18},
            hello="ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021\r\nrst:0x1 (POWERON)",
            run="boot:0x8 (SPI_FAST_FLASH_BOOT)",
            download="boot:0x0 (DOWNLOAD(USB/UART0))",
        ),
        Chip(
            name="esp32c3",  # QFN32, revision 0.4
            chip_id=5,
            tells_id=True,
            flash_mb=4,
            boot_offset=0,
            uart=0x60000014,
            spi=Spi(0x60002000, 0x04, 0x20, 0x58, False),
            fuses={**_mac_fuses(0x60008844, 5), 0x60008850: 4 << 18},
            hello="ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\nrst:0x1 (POWERON)",
            run="boot:0xc (SPI_FAST_FLASH_BOOT)",
            download="boot:0x4 (DOWNLOAD(USB/UART0/1))",
        ),
    )
}


class Registers:
    """The chip's address space, as far as READ_REG and WRITE_REG reach."""

    def __init__(self, chip: Chip, baud: Callable[[], int]) -> None:
        self._chip = chip
        self._baud = baud
        self._words: dict[int, int] = {}

    def read(self, address: int) -> int:
        if address == self._chip.uart:
            return 40_000_000 // self._baud()
        return self._chip.fuses.get(address, self._words.get(address, 0))

    def write(self, address: int, value: int, mask: int) -> None:
        spi = self._chip.spi
        self._words[address] = self._words.get(address, 0) & ~mask | value & mask
        if address == spi.base and value & _RUN_USER_COMMAND:
            self._words[spi.base + spi.data] = self._ask_flash(self._words.get(spi.base + spi.user2, 0) & 0xFF)
            self._words[address] = 0  # done at once

    def _ask_flash(self, command: int) -> int:
        """What the flash chip shifts back, up to four bytes, the first in the lowest."""
        spi = self._chip.spi
        if command == _READ_ID:
            return _WINBOND | 0x40 << 8 | (self._chip.flash_mb * 1024 * 1024).bit_length() - 1 << 16
        if command == _READ_SFDP:
            address = self._words.get(spi.base + spi.address, 0) >> (8 if spi.is_left else 0)
            return _SFDP if address == 0 else 0xFFFFFFFF
        return 0
