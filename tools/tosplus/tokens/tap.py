"""A tap, as a till hands it on: EMV values, of which the cryptogram binds each. Pure."""

import re
from typing import NamedTuple

ARQC = 0x80
_ASKED_FOR_ARQC = 0xA0  # the first byte of CVR
_CHECKED = 0x08  # in its second one: the cardholder was, on the device
_LENGTHS = {"pdol": 56, "aip": 2, "atc": 2, "ac": 8, "ctq": 2, "iad": 32}
_IAD = re.compile(rb"\x0f\xa6.{6}\0{8}\x0f.{4}\0{11}", re.DOTALL)


class BadTap(ValueError):
    """It is no tap, whatever its cryptogram says."""


class Tap(NamedTuple):
    """number, psn: of the token. cid: 9F27. The others are values without tag and length: pdol, aip 82, atc 9F36,
    ac 9F26, ctq 9F6C, iad 9F10."""

    number: str
    psn: int
    pdol: bytes
    aip: bytes
    atc: bytes
    ac: bytes
    ctq: bytes
    iad: bytes
    cid: int

    def check(self) -> "Tap":
        """Raises BadTap."""
        if not re.fullmatch(r"[0-9]{12,19}", self.number, re.ASCII) or not 0 <= self.psn <= 99:
            raise BadTap("no number of a token")
        for name, length in _LENGTHS.items():
            if len(getattr(self, name)) != length:
                raise BadTap(f"{name} has {length} bytes")
        if not _IAD.fullmatch(self.iad):
            raise BadTap("9F10 has another form")
        if not self.counter:
            raise BadTap("the counter is 0")
        if not (self.pdol[4:10] + self.pdol[23:25]).hex().isdecimal():
            raise BadTap("amount and currency are decimal")
        return self

    @property
    def bound(self) -> bytes:
        """What the cryptogram is of."""
        return self.pdol + self.aip + self.atc + self.ctq + self.iad

    @property
    def counter(self) -> int:
        return int.from_bytes(self.atc, "big")

    @property
    def amount(self) -> int:
        return int(self.pdol[4:10].hex())

    @property
    def currency(self) -> int:
        """The number, ISO 4217."""
        return int(self.pdol[23:25].hex())

    @property
    def merchant(self) -> bytes:
        return self.pdol[33:48]

    @property
    def terminal(self) -> bytes:
        return self.pdol[48:56]

    @property
    def dki(self) -> int:
        return self.iad[2]

    @property
    def ki(self) -> int:
        return int.from_bytes(self.iad[17:21], "big")

    @property
    def is_arqc(self) -> bool:
        return self.cid == ARQC and self.iad[3] == _ASKED_FOR_ARQC

    @property
    def checked(self) -> bool:
        return bool(self.iad[4] & _CHECKED)
