"""ESP-IDF's partition tables, as CSV and as the chip reads them (ESP-IDF Programming Guide, "Partition Tables")."""

import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import HostError

TABLE_OFFSET = 0x8000  # where the bootloader looks for it, on every chip
TABLE_B = 0x1000
_MAX_B = 0xC00  # of that, entries and checksum
_ENTRY = struct.Struct("<2sBBLL16sL")
_MAGIC = b"\xaa\x50"
_MD5_MAGIC = b"\xeb\xeb" + b"\xff" * 14
_END = b"\xff" * _ENTRY.size
_SECTOR_B = 0x1000
_APP_ALIGN_B = 0x10000  # the chip maps an app's code in pages of 64 KB

_TYPES = {"app": 0, "data": 1}
_SUBTYPES = {
    0: {"factory": 0, "test": 0x20} | {f"ota_{n}": 0x10 + n for n in range(16)},
    1: {"ota": 0, "phy": 1, "nvs": 2, "coredump": 3, "nvs_keys": 4, "efuse": 5, "undefined": 6}
    | {"esphttpd": 0x80, "fat": 0x81, "spiffs": 0x82, "littlefs": 0x83},
}
_FLAGS = {"encrypted": 1, "readonly": 2}
APP, DATA = _TYPES["app"], _TYPES["data"]
OTA_DATA = _SUBTYPES[DATA]["ota"]


class Partition(NamedTuple):
    """offset and size in bytes. line: of the CSV, 0 when read from a binary table."""

    name: str
    type: int
    subtype: int
    offset: int
    size: int
    flags: int = 0
    line: int = 0

    @property
    def end(self) -> int:
        return self.offset + self.size


class Fault(NamedTuple):
    """What is wrong. line 0: the table as a whole. field: of the CSV, after the partition's name where it has one."""

    line: int
    field: str
    text: str


def from_csv(text: str) -> tuple[list[Partition], list[Fault]]:
    """The partitions that can be understood, in order, and what cannot. An offset left out follows the one before."""
    found: list[Partition] = []
    faults: list[Fault] = []
    end = TABLE_OFFSET + TABLE_B
    for line, row in enumerate(text.splitlines(), 1):
        if row.strip() and not row.lstrip().startswith("#"):
            try:
                found.append(_row(row, line, end))
                end = found[-1].end
            except _Bad as e:
                faults.append(Fault(line, *e.args))
    return found, faults


class _Bad(Exception):
    """args: field, what is wrong with it."""


def _row(row: str, line: int, end: int) -> Partition:
    name, kind, sub, at, size, flags, *more = [field.strip() for field in row.split(",")] + [""] * 6
    if not 0 < len(name.encode()) <= 15:
        raise _Bad(name or "Name", "a name has 1 to 15 bytes")
    if any(more):
        raise _Bad(name, f"there are more than six fields: {', '.join(filter(None, more))}")
    type_ = _number(kind, f"{name}.Type", _TYPES, 254)
    if type_ == APP and not sub:
        raise _Bad(f"{name}.SubType", "an app needs one")
    subtype = _number(sub or "undefined", f"{name}.SubType", _SUBTYPES.get(type_, {"undefined": 6}), 254)
    align_b = _APP_ALIGN_B if type_ == APP else _SECTOR_B
    offset = _number(at, f"{name}.Offset") if at else -(-end // align_b) * align_b
    size_b = _number(size, f"{name}.Size", lowest=-(2**32))
    if size_b < 0:  # up to this address
        size_b = -size_b - offset
    if size_b <= 0:
        raise _Bad(f"{name}.Size", "nothing is left for it")
    bits = 0
    for flag in filter(None, flags.split(":")):
        if flag not in _FLAGS:
            raise _Bad(f"{name}.Flags", f"there is no flag {flag}; there are {', '.join(_FLAGS)}")
        bits |= _FLAGS[flag]
    return Partition(name, type_, subtype, offset, size_b, bits, line)


def _number(
    text: str, field: str, names: dict[str, int] | None = None, highest: int = 2**32 - 1, lowest: int = 0
) -> int:
    if names and text in names:
        return names[text]
    scale = {"k": 1024, "m": 1024 * 1024}.get(text[-1:].lower(), 1) if names is None else 1
    try:
        value = int(text[:-1] if scale > 1 else text, 0) * scale
    except ValueError:
        known = f" or one of {', '.join(names)}" if names else ""
        raise _Bad(field, f"{text or 'nothing'} is not a number{known}") from None
    if not lowest <= value <= highest:
        raise _Bad(field, f"{text} is out of range")
    return value


def check(table: list[Partition], flash_b: int) -> Iterator[Fault]:
    """What the bootloader, or a flash of this size, would not take."""
    names: set[str] = set()
    for part in table:
        if part.name in names:
            yield Fault(part.line, part.name, "there are two of this name")
        names.add(part.name)
        align_b = _APP_ALIGN_B if part.type == APP else _SECTOR_B
        if part.offset % align_b:
            yield Fault(part.line, f"{part.name}.Offset", f"{part.offset:#x} is no multiple of {align_b // 1024} KB")
        if part.size % _SECTOR_B:
            yield Fault(part.line, f"{part.name}.Size", f"{part.size:#x} is no multiple of {_SECTOR_B // 1024} KB")
        if part.end > flash_b:
            yield Fault(part.line, f"{part.name}.Size", f"it ends at {part.end:#x}, the flash at {flash_b:#x}")
        if part.type == DATA and part.subtype == OTA_DATA and part.size != 2 * _SECTOR_B:
            yield Fault(part.line, f"{part.name}.Size", "otadata has two sectors, 0x2000, one for each of its copies")
    before = Partition("the partition table", DATA, 0, TABLE_OFFSET, TABLE_B)
    for part in sorted(table, key=lambda part: part.offset):
        if part.offset < before.end:
            yield Fault(
                part.line, f"{part.name}.Offset", f"{part.offset:#x} is in {before.name}, up to {before.end:#x}"
            )
        before = max(before, part, key=lambda part: part.end)
    if sum(part.type == DATA and part.subtype == OTA_DATA for part in table) > 1:
        yield Fault(0, "otadata", "there may be one only")
    if (len(table) + 1) * _ENTRY.size > _MAX_B - _ENTRY.size:
        yield Fault(0, "entries", f"a table holds {_MAX_B // _ENTRY.size - 2} of them, not {len(table)}")


def to_binary(table: list[Partition]) -> bytes:
    entries = b"".join(
        _ENTRY.pack(_MAGIC, part.type, part.subtype, part.offset, part.size, part.name.encode(), part.flags)
        for part in table
    )
    return (entries + _MD5_MAGIC + hashlib.md5(entries).digest()).ljust(_MAX_B, b"\xff")


def from_binary(data: bytes) -> list[Partition]:
    """Raises HostError: it is cut short, is no table, or its checksum is wrong."""
    table: list[Partition] = []
    for offset in range(0, min(len(data), _MAX_B) - _ENTRY.size + 1, _ENTRY.size):
        entry = data[offset : offset + _ENTRY.size]
        if entry == _END:
            return table
        if entry.startswith(_MD5_MAGIC):
            if entry[16:] != hashlib.md5(data[:offset]).digest():
                raise HostError("its partition table is damaged: the checksum is wrong")
            continue
        magic, type_, subtype, at, size, name, flags = _ENTRY.unpack(entry)
        if magic != _MAGIC:
            raise HostError(f"there is no partition table where it should be, but {magic.hex()}")
        label = name.split(b"\0")[0].decode(errors="replace")
        table.append(Partition(label, type_, subtype, at, size, flags))
    raise HostError("its partition table has no end")
