"""The trace of a tap, as a till tells it (GET /y/tap), in words: who said what to whom, and when. Pure.

The number of a token has only its last four digits, wherever it stands: in fields, in hex, as BCD and as text. What is
not understood is dots.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import cbor2

from ..link.cbordiag import NotCbor, load
from ..reasons import WORDS
from . import apdu, emv
from .apdu import Said
from .emv import Field, Unclear

_ROWS, _ROW_B = 24, 300
_HIDDEN = "\u2022"
_CSU = {"00800000": "approved", "00000000": "declined", "00200000": "declined, and the token is blocked"}
_BOUND = {4: 0x82, 5: 0x9F36, 6: 0x9F26, 7: 0x9F6C, 8: 0x9F10}  # keys of a request, by tag

Wanted = Sequence[tuple[int, int]] | None


class Kind(NamedTuple):
    """frm, to: device, till or service."""

    name: str
    frm: str
    to: str
    read: Callable[[bytes, Wanted], Said]


def decoded(told: Any) -> dict[str, Any]:
    """{"began", "title", "last", "rows": [{"ms", "kind", "from", "to", "title", "hex", "fields": [{"tag", "name",
    "value", "depth"}]}]}

    began: s since 1970 or null. ms: since then. last: four digits of the token's number, or null. kind: command,
    answer, request, reply, reversal, reversed, lost. Raises ValueError for what is no trace.
    """
    began, rows = _checked(told)
    wanted: Wanted = None
    said: list[Said] = []
    for _, kind, data in rows:
        said.append(_read(KINDS[kind], data, wanted))
        wanted = said[-1].dol or wanted
    numbers = list(dict.fromkeys(digits for one in said for digits in one.numbers))
    shown = [_row(row, one, numbers) for row, one in zip(rows, said, strict=True)]
    last = numbers[0][-4:] if numbers else None
    return {"began": began, "title": _summary(shown, said), "last": last, "rows": shown}


def _checked(told: Any) -> tuple[float | None, list[tuple[int, int, bytes]]]:
    if not isinstance(told, list) or len(told) != 2 or not isinstance(told[1], list) or len(told[1]) > _ROWS:
        raise ValueError("no trace of a tap")
    began = told[0]
    if began is not None and (type(began) not in (int, float) or not math.isfinite(began) or not 0 <= began < 1e11):
        raise ValueError("no time at which it began")
    for row in told[1]:
        if not isinstance(row, list) or [type(each) for each in row] != [int, int, bytes]:
            raise ValueError("no row of a trace")
        if not 0 <= row[0] < 1 << 32 or not 0 <= row[1] < len(KINDS) or len(row[2]) > _ROW_B:
            raise ValueError("no row of a trace")
    return began, [(ms, kind, data) for ms, kind, data in told[1]]


def _read(kind: Kind, data: bytes, wanted: Wanted) -> Said:
    try:
        return kind.read(data, wanted)
    except Unclear:
        return Said("what cannot be understood", [], [])


def _row(row: tuple[int, int, bytes], said: Said, numbers: Iterable[str]) -> dict[str, Any]:
    ms, kind, data = row
    digits = list(_HIDDEN * 2 * len(data))
    for begin, end in said.clear:
        digits[2 * begin : 2 * end] = data[begin:end].hex()
    fields = [{**field._asdict(), "value": _swept(field.value, numbers)} for field in said.fields]
    about = KINDS[kind]
    return {
        "ms": ms,
        "kind": about.name,
        "from": about.frm,
        "to": about.to,
        "title": _swept(said.title, numbers),
        "hex": _swept("".join(digits), numbers),
        "fields": fields,
    }


def _swept(text: str, numbers: Iterable[str]) -> str:
    """As long as before, with the numbers masked, as they are and as text in hex, also where one begins in another."""
    shown = list(text)
    for digits in numbers:
        ascii = digits.encode().hex()
        for spelled, kept in ((digits, 4), (ascii, 8), (ascii.upper(), 8)):
            for found in re.finditer(f"(?={spelled})", text):
                begin, end = found.start(), found.start() + len(spelled) - kept
                shown[begin:end] = _HIDDEN * (end - begin)
    return "".join(shown)


# What goes to the token service and comes from it: maps of CBOR, docs/payments.md


def _map(data: bytes) -> dict[Any, Any]:
    """As short as can be: what could be written in another way could hide something. Raises Unclear."""
    try:
        found = load(data)
        if not isinstance(found, dict) or cbor2.dumps(found) != data:
            raise Unclear("no map")
    except (NotCbor, TypeError, ValueError, RecursionError):
        raise Unclear("no CBOR") from None
    return found


def _has(found: dict[Any, Any], types: dict[int, Any], maybe: dict[int, Any] | None = None) -> None:
    known = {**types, **(maybe or {})}
    if not types.keys() <= found.keys() <= known.keys():
        raise Unclear("other keys")
    for key, value in found.items():
        if not isinstance(value, known[key]) or isinstance(value, bool) is not (known[key] is bool):
            raise Unclear("another type")


def _digits(told: Any) -> str:
    if not isinstance(told, str) or not told.isascii() or not told.isdecimal() or not 12 <= len(told) <= 19:
        raise Unclear("no number of a token")
    return told


def _key(value: bytes) -> Field:
    if len(value) != 16:
        raise Unclear("a key has 16 bytes")
    return Field("0", "Key of this request", value.hex().upper())


def _request(data: bytes, wanted: Wanted) -> Said:
    found = _map(data)
    _has(found, {0: bytes, 1: bytes, 2: int, 3: bytes, **dict.fromkeys(_BOUND, bytes), 9: int})
    if not 0 <= found[2] <= 99 or not 0 <= found[9] <= 255:
        raise Unclear("too large")
    terminal = emv.listed(found[3], wanted, 1)
    fields = [_key(found[0]), Field("1", emv.TAGS[0x57].name, emv.told(0x57, found[1]))]
    fields += [Field("2", emv.TAGS[0x5F34].name, f"{found[2]:02}"), Field("3", "Values", ""), *terminal]
    fields += [Field(str(key), emv.TAGS[tag].name, emv.told(tag, found[key])) for key, tag in _BOUND.items()]
    fields.append(Field("9", emv.TAGS[0x9F27].name, emv.told(0x9F27, bytes((found[9],)))))
    amount = next((field.value for field in terminal if field.tag == "9F02"), "")
    return Said(f"may it pay {amount}?", fields, [(0, len(data))], numbers=(emv.number(found[1]),))


def _reply(data: bytes, wanted: Wanted) -> Said:
    found = _map(data)
    _has(found, {0: bool, 1: int, 2: bytes, 3: (bytes, type(None))}, {4: str, 5: str})
    if len(found[2]) != 4 or (found[3] is not None and len(found[3]) != 8) or not 0 <= found[1] <= 255:
        raise Unclear("no answer")
    words = _words(found[1])
    fields = [Field("0", "Approved", "yes" if found[0] else "no"), Field("1", "Reason", f"{found[1]}, {words}")]
    fields.append(Field("2", "Card status update", _CSU.get(found[2].hex(), found[2].hex().upper())))
    fields.append(Field("3", "For the device: MAC", found[3].hex().upper() if found[3] else "none"))
    fields += [Field(str(key), name, _text(found[key])) for key, name in _NAMES.items() if key in found]
    code = f", {_text(found[5])}" if 5 in found else ""
    return Said(f"approved{code}" if found[0] else f"declined: {words}", fields, [(0, len(data))])


_NAMES = {4: "Transaction", 5: "Approval code"}


def _reversal(data: bytes, wanted: Wanted) -> Said:
    found = _map(data)
    _has(found, {0: bytes, 1: str, 2: int}, {3: bytes})
    if not 0 < found[2] < 1 << 16:
        raise Unclear("no counter")
    fields = [_key(found[0]), Field("1", emv.TAGS[0x5A].name, _digits(found[1]))]
    fields.append(Field("2", emv.TAGS[0x9F36].name, str(found[2])))
    if 3 in found:
        fields.append(_key(found[3])._replace(tag="3", name="Key of what is taken back"))
    return Said("take it back", fields, [(0, len(data))], numbers=(_digits(found[1]),))


def _reversed(data: bytes, wanted: Wanted) -> Said:
    found = _map(data)
    _has(found, {0: bool, 1: int})
    if not 0 <= found[1] <= 255:
        raise Unclear("no answer")
    fields = [Field("0", "Something was reversed", "yes" if found[0] else "no")]
    fields.append(Field("1", "Reason", f"{found[1]}, {_words(found[1])}"))
    return Said("taken back" if found[0] else "there was nothing to take back", fields, [(0, len(data))])


def _lost(data: bytes, wanted: Wanted) -> Said:
    return Said("the field is lost", [], [])


def _words(reason: int) -> str:
    return WORDS.get(reason, "another reason")  # type: ignore[call-overload]


def _text(told: str) -> str:
    if not told.isprintable() or len(told) > 64:
        raise Unclear("no text")
    return told


KINDS = (
    Kind("command", "till", "device", apdu.command),
    Kind("answer", "device", "till", lambda data, wanted: apdu.answer(data)),
    Kind("request", "till", "service", _request),
    Kind("reply", "service", "till", _reply),
    Kind("reversal", "till", "service", _reversal),
    Kind("reversed", "service", "till", _reversed),
    Kind("lost", "device", "till", _lost),
)


def _summary(rows: list[dict[str, Any]], said: list[Said]) -> str:
    """How much, and what became of it."""
    amount = next((field.value for one in said for field in one.fields if field.tag == "9F02"), "")
    outcome = ""
    for row in rows:
        match row["kind"]:
            case "answer" if not row["hex"].endswith("9000") and not outcome:
                outcome = "refused by the device: " + row["title"]
            case "reply" | "reversed":
                outcome = row["title"]
            case "lost":
                outcome = "lost"
            case "reversal":
                outcome = "being taken back"
    return ", ".join(part for part in (amount, outcome or "not finished") if part)
