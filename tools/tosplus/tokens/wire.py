"""What a till says through its hub: /y/auth, /y/reverse, /y/void and /y/refund, maps of CBOR, small integer keys."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import cbor2

from ..reasons import Reason
from . import sales
from .authorise import NOT_COUNTED, Till
from .rows import Missing, Refused
from .service import Service
from .tap import Tap

PATHS = ("/y/auth", "/y/reverse", "/y/void", "/y/refund")
_TRACK = re.compile(r"([0-9]{12,19})d[0-9]+f?")  # 57, as hex digits
_ID = re.compile(r"[0-9a-f]{1,64}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{12,19}", re.ASCII)

# Keys of the maps: what stands there, and its type.
_AUTH = {0: bytes, 1: bytes, 2: int, 3: bytes, 4: bytes, 5: bytes, 6: bytes, 7: bytes, 8: bytes, 9: int}
_REVERSE = {0: bytes, 1: str, 2: int}
_VOID = {0: bytes, 1: str}
_REFUND = {0: bytes, 1: str, 2: int}


class Result(NamedTuple):
    """Of a tap, as its card may know it: [tap_result] of the link, and which token and transaction it is of."""

    transaction: str
    number: str
    atc: int
    mac: bytes
    csu: bytes
    data: bytes


def answer(
    service: Service, till: Till, path: str, data: bytes, tell: Callable[[Result], None] = lambda result: None
) -> bytes:
    """tell: hears of a tap's result, before the till does. Raises ValueError: what is said cannot be understood;
    Missing, Repeated."""
    told = _loaded(data)
    if path == "/y/auth":
        return cbor2.dumps(_auth(service, till, told, tell))
    do = {"/y/reverse": _reverse, "/y/void": _void, "/y/refund": _refund}[path]
    return cbor2.dumps(do(service, till, told))


def _loaded(data: bytes) -> Any:
    try:
        return cbor2.loads(data)
    except Exception as e:  # of a decoder, whatever it meets
        raise ValueError("no CBOR") from e


def _fields(told: Any, wanted: dict[int, Any], maybe: dict[int, Any] | None = None) -> list[Any]:
    known = {**wanted, **(maybe or {})}
    if not isinstance(told, dict) or not wanted.keys() <= told.keys() <= known.keys():
        raise ValueError("other keys than are known")
    if any(type(value) is not known[key] for key, value in told.items()):
        raise ValueError("something is of another type")
    if len(told[0]) != 16:
        raise ValueError("a key has 16 bytes")
    return [told[key] for key in wanted]


def _auth(service: Service, till: Till, told: Any, tell: Callable[[Result], None]) -> dict[int, Any]:
    key, track, psn, pdol, aip, atc, ac, ctq, iad, cid = _fields(told, _AUTH)
    found = _TRACK.fullmatch(track.hex())
    if not found:
        raise ValueError("57 has another form")
    tap = Tap(found[1], psn, pdol, aip, atc, ac, ctq, iad, cid).check()
    a = service.authorise(till, key.hex(), tap)
    if a.mac is not None and a.reason not in NOT_COUNTED:
        tell(Result(a.number, tap.number, tap.counter, a.mac, a.csu, bytes([a.reason])))
    more = {5: a.code} if a.code else {}
    return {0: a.approved, 1: int(a.reason), 2: a.csu, 3: a.mac, 4: a.number, **more}


def _reverse(service: Service, till: Till, told: Any) -> dict[int, Any]:
    key, number, atc = _fields(told, _REVERSE, {3: bytes})
    if not _NUMBER.fullmatch(number) or not 1 <= atc <= 0xFFFF:
        raise ValueError("no tap")
    of = told[3].hex() if 3 in told else None
    asked = ["reverse", number, atc, of]

    def reversing(connection: Any, now: float) -> bool:
        return sales.reverse(connection, till, number, atc, now, of)

    done = service.once(till.credential, key.hex(), asked, reversing)
    return {0: done, 1: int(Reason.APPROVED)}


def _void(service: Service, till: Till, told: Any) -> dict[int, Any]:
    key, number = _fields(told, _VOID)

    def voiding(connection: Any, now: float) -> None:
        sales.void(connection, till.credential, till, number, now)

    return _told(service, till, key, ["void", number], voiding)


def _refund(service: Service, till: Till, told: Any) -> dict[int, Any]:
    key, number, amount = _fields(told, _REFUND)

    def refunding(connection: Any, now: float) -> int:
        return sales.refund(connection, till.credential, till, number, amount, now)

    return _told(service, till, key, ["refund", number, amount], refunding)


def _told(service: Service, till: Till, key: bytes, asked: list[Any], work: Any) -> dict[int, Any]:
    """A refusal is an answer, for a person at the till."""
    number = asked[1]
    if not _ID.fullmatch(number):
        raise ValueError("no transaction has such a number")
    try:
        service.once(till.credential, key.hex(), asked, work)
    except (Refused, Missing):
        return {0: False, 1: int(Reason.ACCOUNT)}
    return {0: True, 1: int(Reason.APPROVED), 4: number}
