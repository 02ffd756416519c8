"""Firmware for a simulated chip, in the formats of the real one: made by esptool and littlefs, not by our own code.

Its application is noise with a valid header: on the simulated chip, MicroPython's Unix port stands in for it.
"""

import hashlib
import random
import struct
import tempfile
from pathlib import Path

from esptool.bin_image import ELFSection, ESP32C3FirmwareImage, ESP32FirmwareImage, ESP32S3FirmwareImage
from littlefs import LittleFS

NVS, VFS = (0x9000, 0x6000), (0x200000, 0x200000)
APP = (0x10000, 0x1F0000)
# chip: image class, addresses of constants in flash and of code in RAM, offset of the bootloader, flash size
CHIPS = {
    "esp32": (ESP32FirmwareImage, 0x3F400020, 0x40080000, 0x1000),
    "esp32s3": (ESP32S3FirmwareImage, 0x3C000020, 0x40378000, 0),
    "esp32c3": (ESP32C3FirmwareImage, 0x3C000020, 0x40380000, 0),
}


def image(chip, size_b=20000, words=b""):
    """A bootloader or an application, of about this size. words: it begins with them."""
    kind, constants, code, _ = CHIPS[chip]
    noise = random.Random(size_b)
    made = kind()
    made.entrypoint = code
    made.segments = [ELFSection(b".iram", code, (words + noise.randbytes(4096))[:4096], 0)]
    if size_b > 8192:
        # Half of it compresses well, as code does.
        half = (size_b - 4096) // 2
        made.segments.append(ELFSection(b".rodata", constants, words + noise.randbytes(half) + bytes(half), 0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        made.save(str(path))
        return path.read_bytes()


def table():
    """The partition table of stock MicroPython."""
    rows = [
        ("nvs", 1, 2, *NVS),
        ("phy_init", 1, 1, 0xF000, 0x1000),
        ("factory", 0, 0, *APP),
        ("vfs", 1, 0x81, *VFS),
    ]
    entries = b"".join(
        struct.pack("<HBBII16sI", 0x50AA, type, subtype, offset, size, name.encode(), 0)
        for name, type, subtype, offset, size in rows
    )
    return (entries + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(entries).digest()).ljust(0xC00, b"\xff")


def firmware(chip, app_b=200000):
    """As micropython.org has it: from the bootloader on -> (offset in flash, bytes)."""
    offset = CHIPS[chip][3]
    parts = {offset: image(chip, 8000), 0x8000: table(), APP[0]: image(chip, app_b)}
    whole = bytearray(b"\xff" * (max(parts) + len(parts[APP[0]])))
    for at, part in parts.items():
        whole[at : at + len(part)] = part
    return offset, bytes(whole[offset:])


def file_system(files):
    """{path: bytes} -> the LFS2 image of the vfs partition."""
    # As MicroPython's vfs.VfsLfs2.
    shape = {"block_size": 4096, "read_size": 32, "prog_size": 32, "cache_size": 128, "lookahead_size": 32}
    fs = LittleFS(block_count=VFS[1] // 4096, disk_version=0x00020000, **shape)
    for path, content in files.items():
        fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        with fs.open(path, "wb") as file:
            file.write(content)
    return bytes(fs.context.buffer)


def runs(whole):
    """What is not erased in an image, as [(offset, bytes)]."""
    found = []
    for at in range(0, len(whole), 4096):
        sector = whole[at : at + 4096]
        if sector.strip(b"\xff"):
            if found and found[-1][0] + len(found[-1][1]) == at:
                found[-1] = (found[-1][0], found[-1][1] + sector)
            else:
                found.append((at, sector))
    return found


def merged(chip, files, app_b=200000):
    """One file for the whole flash, from address 0."""
    offset, stock = firmware(chip, app_b)
    whole = bytearray(b"\xff" * sum(VFS))
    whole[offset : offset + len(stock)] = stock
    whole[VFS[0] :] = file_system(files)
    return bytes(whole)
