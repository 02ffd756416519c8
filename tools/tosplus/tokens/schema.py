"""What the HTTP API takes and answers: a struct is the check of a body, and its JSON Schema. Amounts: minor units."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..money import BY_CODE, MOST
from .tills import GERMANY
from .wallet import Limits

# Python's $ allows one newline behind it, that of JSON Schema none.
_END = r"$(?!\n)"


def _hex(length: int) -> Any:
    return Annotated[str, Meta(pattern=f"^[0-9a-f]{{{2 * length}}}{_END}")]


_SIMPLE = r"[A-Za-z0-9][A-Za-z0-9._-]"
Amount = Annotated[int, Meta(ge=1, le=MOST)]
Name = Annotated[str, Meta(pattern=rf"^{_SIMPLE}{{0,63}}{_END}")]
Merchant = Annotated[str, Meta(pattern=rf"^{_SIMPLE}{{0,14}}{_END}")]
Terminal = Annotated[str, Meta(pattern=rf"^{_SIMPLE}{{0,7}}{_END}")]
Party = Annotated[str, Meta(pattern=rf"^[a-z][a-z0-9-]{{0,31}}{_END}")]
Currency = Annotated[str, Meta(pattern=f"^({'|'.join(BY_CODE)}){_END}")]
Words = Annotated[str, Meta(pattern=rf"^[\x20-\x7e\xa0-\ud7ff]{{0,200}}{_END}")]
Hash = _hex(32)
Key = Annotated[str, Meta(pattern=rf"^[\x21-\x7e]{{1,64}}{_END}")]


class Body(Struct, forbid_unknown_fields=True):
    """Of a request: closed."""


class TapBody(Body):
    """EMV values in hex, without tag and length; cid is 9F27."""

    number: Annotated[str, Meta(pattern=rf"^[0-9]{{12,19}}{_END}")]
    psn: Annotated[int, Meta(ge=0, le=99)]
    pdol: _hex(56)  # type: ignore[valid-type]
    aip: _hex(2)  # type: ignore[valid-type]
    atc: _hex(2)  # type: ignore[valid-type]
    ac: _hex(8)  # type: ignore[valid-type]
    ctq: _hex(2)  # type: ignore[valid-type]
    iad: _hex(32)  # type: ignore[valid-type]
    cid: Annotated[int, Meta(ge=0, le=255)]


class TapAnswer(Struct):
    """mac: null where there is no key to make it with. code: of an approval. number: of the transaction."""

    approved: bool
    reason: int
    words: str
    csu: str
    mac: str | None
    number: str
    code: str | None


class ReversalBody(Body):
    """key: that of the authorisation; another one with this counter then stays."""

    number: Annotated[str, Meta(pattern=rf"^[0-9]{{12,19}}{_END}")]
    atc: Annotated[int, Meta(ge=1, le=0xFFFF)]
    key: Key | None = None


class Reversed(Struct):
    """False: there was nothing yet, and nothing will come of it; or it was captured already."""

    reversed: bool


class Transaction(Struct):
    number: str
    state: str
    merchant: str
    terminal: str
    currency: str
    amount: int
    captured: int
    refunded: int
    at: float
    reason: int


class AmountBody(Body):
    amount: Amount


class Left(Struct):
    left: int


class SettlementBody(Body):
    """merchant: a till settles its own, whatever it says, or says nothing."""

    merchant: Merchant | None = None


class Settled(Struct):
    captured: int


class AccountBody(Body):
    id: Name
    currency: Currency
    credit: Annotated[int, Meta(ge=0, le=MOST)] = 0


class Account(Struct):
    id: str
    currency: str
    credit: int
    posted: int
    held: int


class TopupBody(Body):
    """A negative amount is paid out."""

    amount: Annotated[int, Meta(ge=-MOST, le=MOST)]
    note: Words = ""


class Balance(Struct):
    posted: int


class TokenBody(Body):
    account: Name
    device: Name | None = None
    tap_most: Annotated[int, Meta(ge=1, le=MOST)] = Limits().tap_most
    day_most: Annotated[int, Meta(ge=1, le=MOST)] = Limits().day_most
    hour_most: Annotated[int, Meta(ge=1, le=1000)] = Limits().hour_most
    check_above: Annotated[int, Meta(ge=0, le=MOST)] = Limits().check_above


class Token(Struct):
    """last: digits of its number; nobody but the device needs the others. left: uses of its keys."""

    id: str
    last: str
    account: str
    device: str | None
    state: str
    left: int


class State(Struct):
    id: str
    state: str


class MerchantBody(Body):
    id: Merchant
    currency: Currency


class MerchantAnswer(Struct):
    id: str
    currency: str
    terms: str | None


class TermsBody(Body):
    id: Party
    shares: Annotated[list[tuple[Party, Annotated[int, Meta(ge=0, le=10_000)]]], Meta(min_length=1, max_length=16)]


class TermsAnswer(Struct):
    id: str
    hash: str
    shares: list[tuple[str, int]]


class AcceptanceBody(Body):
    hash: Hash  # type: ignore[valid-type]
    by: Words
    record: Words


class TillBody(Body):
    """id: of the device. name: for receipts. country: ISO 3166-1. offline_tap, offline_all: both, or nothing is taken
    offline."""

    id: Name
    name: Annotated[str, Meta(pattern=rf"^[\x20-\x7e\xa0-\ud7ff]{{0,24}}{_END}")] = ""
    country: Annotated[int, Meta(ge=1, le=999)] = GERMANY
    offline_tap: Amount | None = None
    offline_all: Amount | None = None


class CredentialBody(Body):
    """scope: till, with merchant and terminal, and perhaps device; party, with party; operator; house."""

    scope: Annotated[str, Meta(pattern=f"^(till|party|operator|house){_END}")]
    merchant: Merchant | None = None
    terminal: Terminal | None = None
    party: Party | None = None
    device: TillBody | None = None


class Secret(Struct):
    """secret: told this once; null: it is the key with the device."""

    id: str
    secret: str | None


class PostingAnswer(Struct):
    account: str
    currency: str
    layer: str
    amount: int


class TransferAnswer(Struct):
    id: str
    kind: str
    at: float
    auth: str | None
    postings: list[PostingAnswer]


class Ledger(Struct):
    """balances: of all accounts, which sum up to zero; transfers: the latest, newest first."""

    balances: list[PostingAnswer]
    transfers: list[TransferAnswer]


class AuditLine(Struct):
    id: int
    at: float
    who: str
    what: str
    subject: str
    outcome: str


class Error(Struct):
    error: str


class Done(Struct):
    """Nothing more to say."""


def plain(struct: Any) -> Any:
    """As JSON has it."""
    return msgspec.to_builtins(struct)
