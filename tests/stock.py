"""A small file in the form of MicroPython's firmware .bin: bootloader, partition table and app. It does nothing."""

import struct

from esptool.bin_image import ELFSection
from esptool.targets import CHIP_DEFS
from tosplus.build import partitions

# MicroPython 1.25's partitions-4MiB.csv. A newer one is without the last line, and makes that partition by itself.
TABLE = """\
nvs,      data, nvs,     0x9000,  0x6000
phy_init, data, phy,     0xf000,  0x1000
factory,  app,  factory, 0x10000, 0x1F0000
"""
VFS = "vfs, data, fat, 0x200000, 0x200000\n"
# Where an app's code may be loaded, by the chip's memory map.
_CODE = {"esp32": 0x40080000, "esp32s3": 0x40378000, "esp32c3": 0x40380000}


def image(mcu, code=b"\x13\x37" * 200):
    """One image as esptool writes it, with its checksum and hash."""
    made = CHIP_DEFS[mcu].BOOTLOADER_IMAGE(None)
    made.entrypoint = _CODE[mcu]
    made.flash_mode, made.flash_size_freq = 2, 0x20
    made.segments = [ELFSection(b".iram0.text", _CODE[mcu], code, 0)]
    return bytes(made.save(None))


def firmware(mcu, table=TABLE + VFS, app=None):
    base = CHIP_DEFS[mcu].BOOTLOADER_FLASH_OFFSET
    flash = bytearray(b"\xff" * (0x10000 - base))
    parts = [(base, image(mcu)), (0x8000, partitions.to_binary(partitions.from_csv(table)[0]))]
    for offset, data in parts:
        flash[offset - base : offset - base + len(data)] = data
    return bytes(flash) + (app or image(mcu, struct.pack("<I", 0xA9) * 3000))
