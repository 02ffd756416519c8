"""What a till and a card say to one another, in words: commands and answers (ISO/IEC 7816-4). Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from .emv import KNOWN, TAGS, TEMPLATES, Field, Unclear, dol, hexed, listed, number, objects, told

_CARRIES = {0x6F: "what it is", 0x77: "a cryptogram", 0x70: "a record"}
_STATUS = {
    0x9000: "done",
    0x6700: "wrong length",
    0x6884: "no chaining",
    0x6985: "not armed",
    0x6986: "the cardholder has to be checked first",
    0x6A80: "wrong data",
    0x6A82: "not here",
    0x6A83: "no such record",
    0x6A86: "wrong parameters",
    0x6D00: "no such command",
    0x6E00: "no such class",
}


class Said(NamedTuple):
    """One message. clear: where in it bytes were understood, [(from, to), ...]. dol: which values the card wants to
    know, where it says so. numbers: of tokens, in the clear, wherever they were understood."""

    title: str
    fields: list[Field]
    clear: list[tuple[int, int]]
    dol: list[tuple[int, int]] | None = None
    numbers: tuple[str, ...] = ()


def command(capdu: bytes, wanted: Sequence[tuple[int, int]] | None) -> Said:
    """A command in the short form. Raises Unclear."""
    size = len(capdu)
    if size < 4 or (size > 5 and size not in (5 + capdu[4], 6 + capdu[4])):
        raise Unclear("no command")
    head, data = capdu[:4], capdu[5 : 5 + capdu[4]] if size > 5 else b""
    whole = [(0, size)]
    if head == b"\x00\xa4\x04\x00" and data in KNOWN:
        return Said(f"SELECT {KNOWN[data]}", [Field("", "Name", told(0x84, data))], whole)
    if head == b"\x80\xa8\x00\x00" and data[:2] == bytes((0x83, max(0, len(data) - 2))):
        return Said("GET PROCESSING OPTIONS", [Field("83", "Values", ""), *listed(data[2:], wanted, 1)], whole)
    if head[:2] == b"\x00\xb2" and head[3] & 7 == 4 and not data:
        return Said(f"READ RECORD {head[2]} of file {head[3] >> 3}", [], whole)
    return Said(f"a command of others, {hexed(head)}", [], [(0, 5)])


def answer(rapdu: bytes) -> Said:
    """Raises Unclear."""
    if len(rapdu) < 2:
        raise Unclear("no answer")
    status = int.from_bytes(rapdu[-2:], "big")
    said = Said("", [], [(len(rapdu) - 2, len(rapdu))])
    wanted, first, numbers = None, "", list[str]()
    for depth, tag, begin, at, end in objects(rapdu[:-2]):
        first = first or _CARRIES.get(tag, "")
        try:
            words = told(tag, rapdu[at:end])
        except Unclear:
            said.fields.append(Field(f"{tag:X}", "not known", f"{end - at} B", depth))
            continue
        said.fields.append(Field(f"{tag:X}", TAGS[tag].name, words, depth))
        said.clear.append((begin, at if tag in TEMPLATES else end))
        if tag == 0x9F38:
            wanted = dol(rapdu[at:end])
        if tag in (0x57, 0x5A):
            numbers.append(number(rapdu[at:end]))
    title = f"{first + ', ' if first else ''}{_STATUS.get(status, 'refused')} ({status:04X})"
    return said._replace(title=title, dol=wanted, numbers=tuple(numbers))
