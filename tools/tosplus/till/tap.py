"""A terminal's side of a tap, docs/payments.md: what the card is asked, and what of its answers goes to the service.

Written apart from lib/toscore, so that card and terminal do not share a mistake. Pure: bytes in, bytes out.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..words import WORDS

_PPSE = b"2PAY.SYS.DDF01"
_AID = bytes.fromhex("F0544F532B5041590001")
_PDOL = bytes.fromhex("9F66049F02069F03069F1A0295055F2A029A039C019F37049F160F9F1C08")
_TTQ = "36004000"  # contactless EMV, online, cardholder verified on the device
_COUNTRY = "0276"  # bound by the cryptogram; nobody decides by it
_ARQC = 0x80
_RECORDS = 8
_SIZES = {0x82: 2, 0x9F36: 2, 0x9F26: 8, 0x9F6C: 2, 0x9F10: 32, 0x9F27: 1, 0x5F34: 1}

_OTHER_CARD, _TOKEN_EXPIRED, _CARD_DECLINED = 253, 254, 255
_STATUS = {0x6985: 251, 0x6986: 252, 0x6A82: _OTHER_CARD}  # not armed, confirm first

Send = Callable[[bytes], bytes]


class Refused(Exception):
    """The card cannot pay like this; str() is for the customer."""

    def __init__(self, code: int) -> None:
        word = WORDS[code]
        super().__init__(word.text + (f"; {word.hint}" if word.hint else ""))


class Malformed(Exception):
    """It is none of our cards' answers."""


class Cryptogram(NamedTuple):
    """request: of POST /y/auth, without its key 0. token: its number. records: [(record, file), ...] to be read."""

    token: str
    atc: int
    request: dict[int, bytes | int]
    records: list[tuple[int, int]]


def pdol(merchant: str, terminal: str, amount: int, currency: int, date: str, number: bytes) -> bytes:
    """What the cryptogram binds of what the terminal says, 56 B. amount: minor units. currency: ISO 4217's number.
    date: "YYMMDD". number: 4 random bytes."""
    text = f"{_TTQ}{amount:012}{0:012}{_COUNTRY}{0:010}{currency:04}{date}00"
    return bytes.fromhex(text) + number + merchant.ljust(15).encode() + terminal.ljust(8).encode()


def choose(send: Send) -> None:
    """Our application. Raises Refused, Malformed."""
    if _objects(_asked(send, 0x00A40400, _PPSE)).get(0x4F) != _AID:
        raise Refused(_OTHER_CARD)
    if _objects(_asked(send, 0x00A40400, _AID)).get(0x9F38) != _PDOL:
        raise Refused(_OTHER_CARD)


def ask(send: Send, pdol: bytes) -> Cryptogram:
    """From here on a cryptogram may exist. Raises Refused, Malformed."""
    found = _objects(_asked(send, 0x80A80000, bytes((0x83, len(pdol))) + pdol))
    if any(len(found.get(tag, b"")) != size for tag, size in _SIZES.items()):
        raise Malformed("GET PROCESSING OPTIONS")
    track, psn = found.get(0x57, b""), found[0x5F34].hex()
    token, _, rest = track.hex().partition("d")
    atc = int.from_bytes(found[0x9F36], "big")
    if not (token.isdecimal() and 12 <= len(token) <= 19 and rest and psn.isdecimal() and atc):
        raise Malformed("57")
    if found[0x9F27][0] != _ARQC:
        raise Refused(_CARD_DECLINED)
    request: dict[int, bytes | int] = {1: track, 2: int(psn), 3: pdol, 9: found[0x9F27][0]}
    for key, tag in ((4, 0x82), (5, 0x9F36), (6, 0x9F26), (7, 0x9F6C), (8, 0x9F10)):
        request[key] = found[tag]
    return Cryptogram(token, atc, request, _records(found.get(0x94, b"")))


def check(send: Send, made: Cryptogram, date: str) -> None:
    """The records say the same token, and until when. Raises Refused, Malformed."""
    found: dict[int, bytes] = {}
    for record, file in made.records:
        found |= _objects(_asked(send, 0x00B20000 | record << 8 | file << 3 | 4, b""))
    if found.get(0x5A, b"").hex().rstrip("f") != made.token:
        raise Malformed("5A")
    if found.get(0x5F24, b"").hex() < date:
        raise Refused(_TOKEN_EXPIRED)


def _asked(send: Send, head: int, data: bytes) -> bytes:
    """head: CLA INS P1 P2. -> what is in front of 9000."""
    answer = send(head.to_bytes(4, "big") + (bytes((len(data),)) + data if data else b"") + b"\0")
    if answer[-2:] == b"\x90\x00":
        return answer[:-2]
    if (code := _STATUS.get(int.from_bytes(answer[-2:], "big"))) is not None:
        raise Refused(code)
    raise Malformed(answer[-2:].hex())


def _objects(data: bytes) -> dict[int, bytes]:
    """All data objects, those in templates too, by tag; the first one of a tag counts."""
    found: dict[int, bytes] = {}
    for tag, value in _walk(data):
        found.setdefault(tag, value)
    return found


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    """BER-TLV, EMV 4.3 Book 3 Annex B: tags of one or two bytes, lengths of one or two. Raises Malformed."""
    at = 0
    while at < len(data):
        begin, two = at, data[at] & 0x1F == 0x1F
        at += 1 + two
        size, at = int.from_bytes(data[at : at + 1], "big"), at + 1
        if size == 0x81:
            size, at = int.from_bytes(data[at : at + 1], "big"), at + 1
        elif size > 0x7F:
            raise Malformed("length")
        value = data[at : at + size]
        if at > len(data) or len(value) != size:
            raise Malformed("data objects")
        yield int.from_bytes(data[begin : begin + 1 + two], "big"), value
        if data[begin] & 0x20:
            yield from _walk(value)
        at += size


def _records(afl: bytes) -> list[tuple[int, int]]:
    """The application file locator, EMV 4.3 Book 3 section 10.2."""
    rows = [
        (record, afl[at] >> 3)
        for at in range(0, len(afl) - 3, 4)
        for record in range(afl[at + 1], min(afl[at + 2], afl[at + 1] + _RECORDS) + 1)
    ]
    if len(afl) % 4 or not 0 < len(rows) <= _RECORDS:
        raise Malformed("94")
    return rows
