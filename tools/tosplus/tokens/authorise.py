"""Authorising taps, several in one transaction: cryptogram, counter, limits, ledger, answer.

The token's row is locked first, then its holder's: whatever else acts on one of them waits, in each process.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..money import BY_NUMBER
from ..reasons import Reason
from . import ledger, reading, state
from .crypto import Keys, response_mac, right
from .rows import audited, entries, new_id
from .tap import Tap

USES = 10  # accepted ones, of a key
_TRIES = 128  # of a key, accepted or not
_LAST_ATC = 0xF000
_DAY_S, _HOUR_S = 86400.0, 3600.0
_CSU_APPROVED, _CSU_DECLINED, _CSU_BLOCKED = b"\0\x80\0\0", bytes(4), b"\0\x20\0\0"
NOT_COUNTED = (Reason.TERMINAL, Reason.NO_ARQC, Reason.USED)  # somebody else's till, or doing; the tap may still come
_BLOCKED = (Reason.SUSPENDED, Reason.REVOKED)


class Till(NamedTuple):
    """As its credential says."""

    credential: str
    merchant: str
    terminal: str


class Asked(NamedTuple):
    """key: the same when it is asked again."""

    till: Till
    key: str
    tap: Tap

    @property
    def request(self) -> str:
        return f"{self.till.credential}:{self.key}"

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr((self.till, self.tap)).encode()).hexdigest()


class Answer(NamedTuple):
    """number: of the transaction. mac: None where there is no key to make it with. code: of an approval."""

    reason: Reason
    csu: bytes
    mac: bytes | None
    number: str
    code: str | None

    @property
    def approved(self) -> bool:
        return self.reason is Reason.APPROVED


class Conflict(NamedTuple):
    """The key of another request, used again."""

    request: str


class _Luk:
    """A key of a token as it is in the database; changed: it is not any more."""

    def __init__(self, row: Any) -> None:
        self.number, self.ki, self.dki, self.state, self.accepted = row.number, row.ki, row.dki, row.state, row.accepted
        self.until, self.last, self.changed = row.until, row.last, False
        self.used = {int.from_bytes(row.used[i : i + 2], "big"): None for i in range(0, len(row.used), 2)}

    def is_good(self, atc: int, now: float) -> bool:
        held = self.state in (state.DELIVERED, state.ACTIVE) or (self.last is not None and atc <= self.last)
        return held and self.accepted < USES and len(self.used) <= _TRIES and now < self.until

    def row(self) -> dict[str, Any]:
        used = b"".join(atc.to_bytes(2, "big") for atc in self.used)
        key = {"b_number": self.number, "b_ki": self.ki}
        return {**key, "state": self.state, "accepted": self.accepted, "used": used, "last": self.last}


class Batch:
    """What a number of requests need to know, read at once; each is answered with what those before it did."""

    def __init__(self, connection: sa.Connection, keys: Keys, asked: Sequence[Asked], now: float) -> None:
        self._connection, self._keys, self._now = connection, keys, now
        numbers = sorted({one.tap.number for one in asked})
        self._tokens = {row.number: row for row in self._rows(reading.TOKENS, numbers)}
        luks = self._rows(reading.LUKS, numbers, kis=sorted({one.tap.ki for one in asked}))
        self._luks = {(row.number, row.ki): _Luk(row) for row in luks}
        earlier = self._rows(reading.EARLIER, [one.request for one in asked])
        self._earlier = {row.request: (row.digest, _answer(row)) for row in earlier}
        spent = self._rows(reading.SPENT, numbers, day=now - _DAY_S, hour=now - _HOUR_S)
        self._spent = {row.number: (row.amount, row.taps) for row in spent}
        holders = sorted({token.holder for token in self._tokens.values()})
        self._holders = {row.id: row for row in self._rows(reading.HOLDERS, holders)}
        self._held: dict[str, int] = {}
        reversals = [reversal(one.till, one.tap.number, one.tap.counter) for one in asked]
        self._reversed = {row.id for row in self._rows(reading.REVERSALS, reversals)}
        merchants = sorted({one.till.merchant for one in asked})
        self._merchants = {row.id: row for row in self._rows(reading.MERCHANTS, merchants)}
        self._begun: list[dict[str, str]] = []
        self._auths: list[dict[str, Any]] = []
        self._transfers: list[dict[str, Any]] = []
        self._postings: list[dict[str, Any]] = []
        self._audit: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Answer | Conflict:
        request, digest = asked.request, asked.digest
        earlier = self._earlier.get(request)
        if earlier is None:
            self._earlier[request] = earlier = digest, self._done(asked, digest, *self._decide(asked))
        return earlier[1] if earlier[0] == digest else Conflict(request)

    def _decide(self, asked: Asked) -> tuple[bytes | None, Reason]:
        """-> the key of the tap when its cryptogram is right, and what comes of it."""
        tap, till, now = asked.tap, asked.till, self._now
        token = self._tokens.get(tap.number)
        if token is None:
            return None, Reason.UNKNOWN
        luk = self._luks.get((tap.number, tap.ki))
        if luk is None or luk.state == state.OFFERED or luk.dki != tap.dki or token.psn != tap.psn:
            return None, Reason.CRYPTOGRAM
        sk = self._keys.session(luk.dki, tap.number, tap.psn, tap.ki, tap.counter)
        if not right(sk, tap.bound, tap.ac):
            return None, Reason.CRYPTOGRAM
        if not tap.is_arqc:
            return sk, Reason.NO_ARQC
        if tap.merchant != till.merchant.ljust(15).encode() or tap.terminal != till.terminal.ljust(8).encode():
            return sk, Reason.TERMINAL
        if tap.counter in luk.used:
            return sk, Reason.USED
        return sk, self._allowed(token, luk, asked, now)

    def _allowed(self, token: Any, luk: _Luk, asked: Asked, now: float) -> Reason:
        tap, till = asked.tap, asked.till
        holder, merchant = self._holders[token.holder], self._merchants.get(till.merchant)
        currency = BY_NUMBER.get(tap.currency)
        spent, taps = self._spent.get(tap.number, (0, 0))
        if token.state == state.REVOKED:
            return Reason.REVOKED
        if token.state == state.SUSPENDED:
            return Reason.SUSPENDED
        if now >= token.expires or tap.counter >= _LAST_ATC:
            return Reason.EXPIRED
        if reversal(till, tap.number, tap.counter) in self._reversed:
            return Reason.REVERSED
        if not luk.is_good(tap.counter, now):
            return Reason.KEY
        if merchant is None or merchant.terms is None:
            return Reason.TERMS
        if currency is None or not currency.code == holder.currency == merchant.currency:
            return Reason.CURRENCY
        if tap.amount > token.check_above and not tap.checked:
            return Reason.CHECK
        if not 0 < tap.amount <= token.tap_most or tap.amount + spent > token.day_most:
            return Reason.AMOUNT
        if taps >= token.hour_most:
            return Reason.OFTEN
        if holder.posted + self._held.get(holder.id, holder.held) - tap.amount < -holder.credit:
            return Reason.ACCOUNT
        return Reason.APPROVED

    def _done(self, asked: Asked, digest: str, sk: bytes | None, reason: Reason) -> Answer:
        tap, till, now = asked.tap, asked.till, self._now
        csu = _CSU_BLOCKED if reason in _BLOCKED else _CSU_DECLINED if reason else _CSU_APPROVED
        mac = response_mac(sk, tap.ac, csu, bytes([reason])) if sk else None
        code = None if reason else f"{secrets.randbelow(10**6):06}"
        answer = Answer(reason, csu, mac, new_id(now), code)
        counted = sk is not None and reason not in NOT_COUNTED
        token, merchant = self._tokens.get(tap.number), self._merchants.get(till.merchant)
        currency = BY_NUMBER[tap.currency].code if tap.currency in BY_NUMBER else ""
        if counted:
            self._count(tap, reason)
        if reason:
            self._audit.append(audited(now, till.credential, "authorise", answer.number, reason.name.lower()))
        else:
            assert token is not None
            self._hold(answer.number, token.holder, till.merchant, currency, tap.amount)
            spent, taps = self._spent.get(tap.number, (0, 0))
            self._spent[tap.number] = spent + tap.amount, taps + 1
        self._auths.append(
            {
                "id": answer.number, "request": asked.request, "digest": digest, "number": tap.number,
                "ki": tap.ki, "atc": tap.counter, "counted": counted, "merchant": till.merchant,
                "terminal": till.terminal, "holder": token.holder if token else None,
                "terms": merchant.terms if merchant else None, "currency": currency, "amount": tap.amount, "at": now,
                "reason": int(reason), "code": code, "csu": csu, "mac": mac,
                "state": state.DECLINED if reason else state.HELD, "captured": 0, "refunded": 0,
            }
        )  # fmt: skip
        return answer

    def _count(self, tap: Tap, reason: Reason) -> None:
        """Its ATC is spent. A first use of a new key is the device's word that it has it."""
        luk = self._luks[tap.number, tap.ki]
        luk.changed, luk.used[tap.counter] = True, None
        luk.accepted += reason is Reason.APPROVED
        if luk.state == state.DELIVERED:
            luk.state = state.ACTIVE
            self._begun.append({"b_number": tap.number})
            for other in self._luks.values():
                if other.number == tap.number and other.ki < tap.ki and other.state != state.RETIRED:
                    other.state, other.last, other.changed = state.RETIRED, tap.counter - 1, True

    def _hold(self, id: str, holder: str, merchant: str, currency: str, amount: int) -> None:
        postings = ledger.hold(ledger.holder(holder), merchant, currency, amount)
        transfer, rows = entries(id, "hold", postings, self._now, id)
        self._transfers.append(transfer)
        self._postings += rows
        self._held[holder] = self._held.get(holder, self._holders[holder].held) - amount

    def save(self) -> None:
        """Into the transaction; nothing is answered before it is committed."""
        self._many(reading.BEGIN, self._begun)
        self._many(reading.SPEND, [luk.row() for luk in self._luks.values() if luk.changed])
        self._many(reading.HOLD, [{"b_id": id, "b_held": held} for id, held in sorted(self._held.items())])
        self._many(reading.AUTHS, self._auths)
        self._many(reading.TRANSFERS, self._transfers)
        self._many(reading.POSTINGS, self._postings)
        self._many(reading.AUDIT, self._audit)

    def _rows(self, query: sa.Executable, among: Sequence[str], **more: Any) -> Iterable[Any]:
        return self._connection.execute(query, {"among": among, **more}).all() if among else ()

    def _many(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(statement, rows)


def many(connection: sa.Connection, keys: Keys, asked: Sequence[Asked], now: float) -> list[Answer | Conflict]:
    batch = Batch(connection, keys, asked, now)
    answers = [batch.answer(one) for one in asked]
    batch.save()
    return answers


def reversal(till: Till, number: str, atc: int) -> str:
    return f"{till.merchant}|{till.terminal}|{number}|{atc}"


def _answer(row: Any) -> Answer:
    return Answer(Reason(row.reason), row.csu, row.mac, row.id, row.code)
