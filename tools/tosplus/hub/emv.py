"""Data objects of cards in words: BER-TLV and lists (EMV 4.3 Book 3). Pure.

What is not known raises Unclear, and is not shown: it may have the number of a token in it. Numbers are masked by who
shows them, tapped.py.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .. import money


class Unclear(ValueError):
    """This is none of what we know."""


class Field(NamedTuple):
    """tag: as hex digits, or the key of a map. depth: in how many templates it is."""

    tag: str
    name: str
    value: str
    depth: int = 0


class Object(NamedTuple):
    """begin: where its tag stands. at, end: its value."""

    depth: int
    tag: int
    begin: int
    at: int
    end: int


class Tag(NamedTuple):
    """least, most: B of a value. told: the value -> words; raises Unclear."""

    name: str
    least: int
    most: int
    told: Callable[[bytes], str]


_TRACK = re.compile(r"([0-9]{12,19})d([0-9]{2})(0[1-9]|1[0-2])[0-9]{3,17}f?")
_NUMBER = re.compile(r"([0-9]{12,19})f?")
_IAD = re.compile(rb"\x0f\xa6(.)..(...)\0{8}\x0f(.{4})\0{11}", re.DOTALL)
_DEPTH = 6
_KINDS = {0x80: "ARQC: ask whether it is good", 0x40: "TC: approved", 0x00: "AAC: declined"}
KNOWN = {b"2PAY.SYS.DDF01": "the directory", b"\xf0TOS+PAY\x00\x01": "TOSPLUS PAY"}


def number(value: bytes) -> str:
    """The digits of 57 or 5A. Raises Unclear."""
    found = _TRACK.fullmatch(value.hex()) or _NUMBER.fullmatch(value.hex())
    if not found:
        raise Unclear("no number of a token")
    return found[1]


def _track(value: bytes) -> str:
    found = _TRACK.fullmatch(value.hex())
    if not found:
        raise Unclear("57 has another form")
    return f"{found[1]}, until 20{found[2]}-{found[3]}"


def hexed(value: bytes) -> str:
    return value.hex().upper()


def _text(value: bytes) -> str:
    if not re.fullmatch(rb"[ -~]+", value):
        raise Unclear("no text")
    return value.decode().rstrip()


def _digits(value: bytes) -> str:
    if not re.fullmatch("[0-9]+", value.hex(), re.ASCII):
        raise Unclear("no digits")
    return value.hex()


def _int(value: bytes) -> str:
    return str(int.from_bytes(value, "big"))


def _date(value: bytes) -> str:
    digits = _digits(value)
    return f"20{digits[:2]}-{digits[2:4]}-{digits[4:]}"


def _currency(value: bytes) -> str:
    found = money.BY_NUMBER.get(int(_digits(value)))
    return f"{found.code}, {value.hex()}" if found else value.hex()


def _name(value: bytes) -> str:
    if value not in KNOWN:
        raise Unclear("an application of others")
    return f"{KNOWN[value]}, {hexed(value)}"


def _cid(value: bytes) -> str:
    return _KINDS.get(value[0], hexed(value))


def _iad(value: bytes) -> str:
    found = _IAD.fullmatch(value)
    if not found:
        raise Unclear("9F10 has another form")
    checked = "checked" if value[4] & 8 else "not checked"
    return f"issuer key {value[2]}, token key {int.from_bytes(found[3], 'big')}, cardholder {checked}"


def _records(value: bytes) -> str:
    rows = [value[at : at + 4] for at in range(0, len(value), 4)]
    if any(len(row) < 4 or row[0] & 7 or not row[1] or row[2] < row[1] for row in rows):
        raise Unclear("94 has another form")
    return ", ".join(f"file {row[0] >> 3}, records {row[1]} to {row[2]}" for row in rows)


def _wanted(value: bytes) -> str:
    return ", ".join(f"{tag:X} {TAGS[tag].name}" for tag, _ in dol(value))


def _template(value: bytes) -> str:
    return ""


TAGS = {
    0x4F: Tag("Application", 5, 16, _name),
    0x50: Tag("Label", 1, 16, _text),
    0x57: Tag("Track 2 equivalent data", 8, 19, _track),
    0x5A: Tag("Number of the token", 6, 10, number),
    0x5F24: Tag("Good until", 3, 3, _date),
    0x5F2A: Tag("Currency", 2, 2, _currency),
    0x5F34: Tag("Sequence number of the number", 1, 1, _digits),
    0x61: Tag("Application template", 0, 255, _template),
    0x6F: Tag("File control information", 0, 255, _template),
    0x70: Tag("Record", 0, 255, _template),
    0x77: Tag("Answer", 0, 255, _template),
    0x82: Tag("Application interchange profile", 2, 2, hexed),
    0x84: Tag("Name of what was selected", 5, 16, _name),
    0x87: Tag("Priority", 1, 1, _int),
    0x94: Tag("Where its records are", 4, 16, _records),
    0x95: Tag("Terminal verification results", 5, 5, hexed),
    0x9A: Tag("Date", 3, 3, _date),
    0x9C: Tag("Type of transaction", 1, 1, hexed),
    0x9F02: Tag("Amount", 6, 6, _digits),
    0x9F03: Tag("Other amount", 6, 6, _digits),
    0x9F10: Tag("Issuer application data", 32, 32, _iad),
    0x9F16: Tag("Merchant", 15, 15, _text),
    0x9F19: Tag("Token requestor", 6, 6, _digits),
    0x9F1A: Tag("Country", 2, 2, _digits),
    0x9F1C: Tag("Terminal", 8, 8, _text),
    0x9F26: Tag("Cryptogram", 8, 8, hexed),
    0x9F27: Tag("Kind of cryptogram", 1, 1, _cid),
    0x9F36: Tag("Counter of taps (ATC)", 2, 2, _int),
    0x9F37: Tag("Unpredictable number", 4, 4, hexed),
    0x9F38: Tag("What it wants to know (PDOL)", 2, 64, _wanted),
    0x9F66: Tag("Terminal transaction qualifiers", 4, 4, hexed),
    0x9F6C: Tag("Card transaction qualifiers", 2, 2, hexed),
    0xA5: Tag("Of the application", 0, 255, _template),
    0xBF0C: Tag("Directory", 0, 222, _template),
}
TEMPLATES = (0x61, 0x6F, 0x70, 0x77, 0xA5, 0xBF0C)


def told(tag: int, value: bytes) -> str:
    """Words for a value. Raises Unclear."""
    about = TAGS.get(tag)
    if about is None or not about.least <= len(value) <= about.most:
        raise Unclear(f"{tag:X}")
    return about.told(value)


def _head(data: bytes, at: int) -> tuple[int, int]:
    """The tag at data[at], as it stands in the bytes -> (tag, where it ends). Raises Unclear."""
    begin = at
    at += 1
    if data[begin : begin + 1] and data[begin] & 0x1F == 0x1F:
        while data[at : at + 1] and data[at] & 0x80:
            at += 1
        at += 1
    if at > len(data) or at - begin > 3:
        raise Unclear("a tag is cut off")
    return int.from_bytes(data[begin:at], "big"), at


def objects(data: bytes, at: int = 0, end: int | None = None, depth: int = 0) -> Iterator[Object]:
    """A template before what is in it. Raises Unclear."""
    end = len(data) if end is None else end
    if depth > _DEPTH:
        raise Unclear("too deep")
    while at < end:
        begin = at
        tag, at = _head(data[:end], at)
        size = data[at] if at < end else 0x80
        at += 1
        if size & 0x80:
            width = size & 0x7F
            if width not in (1, 2) or at + width > end:
                raise Unclear("a length is cut off")
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        if at + size > end:
            raise Unclear("a value is cut off")
        yield Object(depth, tag, begin, at, at + size)
        if data[begin] & 0x20:
            yield from objects(data, at, at + size, depth + 1)
        at += size


def dol(value: bytes) -> list[tuple[int, int]]:
    """A data object list -> [(tag, B), ...], all of which we know. Raises Unclear."""
    found, at = [], 0
    while at < len(value):
        tag, at = _head(value, at)
        if at >= len(value) or tag not in TAGS or not TAGS[tag].least <= value[at] <= TAGS[tag].most:
            raise Unclear("a data object list of others")
        found.append((tag, value[at]))
        at += 1
    return found


def listed(value: bytes, wanted: Sequence[tuple[int, int]] | None, depth: int = 0) -> list[Field]:
    """Values without tags, in the order in which the card has asked for them. Raises Unclear."""
    if wanted is None or len(value) != sum(size for _, size in wanted):
        raise Unclear("not what was asked for")
    values, at = dict[int, bytes](), 0
    for tag, size in wanted:
        values[tag] = value[at : at + size]
        at += size
    words = {tag: told(tag, each) for tag, each in values.items()}
    for tag in (0x9F02, 0x9F03):
        if tag in words and 0x5F2A in values:
            words[tag] = amount(values[tag], values[0x5F2A])
    return [Field(f"{tag:X}", TAGS[tag].name, words[tag], depth) for tag in values]


def amount(digits: bytes, code: bytes) -> str:
    """9F02 and 5F2A -> "12.50 EUR". Raises Unclear."""
    minor, currency = int(_digits(digits)), money.BY_NUMBER.get(int(_digits(code)))
    return f"{money.words(minor, currency)} {currency.code}" if currency else f"{minor} of {code.hex()}"
