"""The operations of the HTTP API, as a table: who may, what comes in, what goes out, what is done."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from ..reasons import WORDS
from . import authorise, parties, sales, schema, statement, tills, views, wallet
from .parties import HOUSE, OPERATOR, PARTY, TILL, Credential
from .rows import Missing
from .service import Service
from .shares import terms
from .tap import Tap


class Forbidden(Exception):
    """Not with this credential."""


class Call(NamedTuple):
    """A request that was let in. path, query: checked by what the operation says of them. key: of idempotency."""

    service: Service
    operation: str
    who: Credential
    path: dict[str, str]
    query: dict[str, Any]
    body: Any
    key: str

    def once(self, work: Callable[[Any, float], Any]) -> Any:
        """work's answer, or the one that the same request with this key had."""
        asked = {"operation": self.operation, "path": self.path, "body": schema.plain(self.body)}
        return self.service.once(self.who.id, self.key, asked, work)

    def write(self, work: Callable[[Any, float], Any]) -> Any:
        return self.service.write(work)


class Operation(NamedTuple):
    """keyed: wants an Idempotency-Key. query: {name: (JSON Schema, default)}. raw: the answer is text, as it is."""

    method: str
    path: str
    scopes: tuple[str, ...]
    about: str
    run: Callable[[Call], Any]
    answer: Any
    body: Any = None
    keyed: bool = False
    query: dict[str, tuple[dict[str, Any], Any]] = {}
    status: int = 200
    raw: bool = False

    @property
    def name(self) -> str:
        return self.run.__name__


def authorise_tap(call: Call) -> Any:
    assert call.who.till
    b: schema.TapBody = call.body
    pdol, aip, atc, ac, ctq, iad = (bytes.fromhex(value) for value in (b.pdol, b.aip, b.atc, b.ac, b.ctq, b.iad))
    tap = Tap(b.number, b.psn, pdol, aip, atc, ac, ctq, iad, b.cid)
    return told(call.service.authorise(call.who.till, call.key, tap.check()))


def told(answer: authorise.Answer) -> schema.TapAnswer:
    mac = answer.mac.hex() if answer.mac else None
    csu, words = answer.csu.hex(), WORDS[answer.reason]
    return schema.TapAnswer(answer.approved, int(answer.reason), words, csu, mac, answer.number, answer.code)


def reverse(call: Call) -> Any:
    till, b = call.who.till, call.body
    assert till
    return {"reversed": call.once(lambda c, now: sales.reverse(c, till, b.number, b.atc, now, b.key))}


def void(call: Call) -> Any:
    def voiding(connection: Any, now: float) -> dict[str, str]:
        sales.void(connection, call.who.id, call.who.till, call.path["number"], now)
        return {"id": call.path["number"], "state": "voided"}

    return call.once(voiding)


def refund(call: Call) -> Any:
    who, number, amount = call.who, call.path["number"], call.body.amount
    return {"left": call.once(lambda c, now: sales.refund(c, who.id, who.till, number, amount, now))}


def transaction(call: Call) -> Any:
    return call.service.read(lambda c: views.transaction(c, call.who.till, call.path["number"]))


def settle(call: Call) -> Any:
    merchant = call.who.till.merchant if call.who.till else call.body.merchant
    if merchant is None:
        raise Missing("which merchant?")

    def settling(connection: Any, now: float) -> int:
        count = 0
        while captured := sales.settle(connection, call.who.id, merchant, now):
            count += len(captured)
        return count

    return {"captured": call.once(settling)}


def open_account(call: Call) -> Any:
    b = call.body

    def opening(connection: Any, now: float) -> dict[str, Any]:
        wallet.open_holder(connection, call.who.id, b.id, b.currency, b.credit, now)
        return {"id": b.id, "currency": b.currency, "credit": b.credit, "posted": 0, "held": 0}

    return call.once(opening)


def accounts(call: Call) -> Any:
    return call.service.read(views.accounts)


def top_up(call: Call) -> Any:
    who, id, b = call.who.id, call.path["account"], call.body
    return {"posted": call.once(lambda c, now: wallet.topup(c, who, id, b.amount, b.note, now))}


def issue(call: Call) -> Any:
    b = call.body
    limits = wallet.Limits(b.tap_most, b.day_most, b.hour_most, b.check_above)

    def issuing(connection: Any, now: float) -> dict[str, str]:
        row = wallet.issue(connection, call.who.id, b.account, b.device, limits, now)
        return {"id": row.id, "state": row.state}

    return call.once(issuing)


def tokens(call: Call) -> Any:
    return call.service.read(views.tokens)


def _become(what: Callable[[Any, str, str, float], None]) -> Callable[[Call], Any]:
    def run(call: Call) -> Any:
        def becoming(connection: Any, now: float) -> schema.State:
            what(connection, call.who.id, call.path["token"], now)
            return schema.State(call.path["token"], wallet.token(connection, call.path["token"]).state)

        return call.write(becoming)

    run.__name__ = what.__name__
    return run


def add_merchant(call: Call) -> Any:
    b = call.body

    def adding(connection: Any, now: float) -> dict[str, Any]:
        parties.add_merchant(connection, call.who.id, b.id, b.currency, now)
        return {"id": b.id, "currency": b.currency, "terms": None}

    return call.once(adding)


def merchants(call: Call) -> Any:
    return call.service.read(views.merchants)


def put_terms(call: Call) -> Any:
    about = terms(call.body.id, call.body.shares)
    hash = call.write(lambda c, now: parties.put_terms(c, call.who.id, about, now))
    return {"id": about.id, "hash": hash, "shares": about.shares}


def accept_terms(call: Call) -> Any:
    who, merchant, b = call.who.id, call.path["merchant"], call.body
    call.write(lambda c, now: parties.accept(c, who, merchant, b.hash, b.by, b.record, now))
    return {}


def add_credential(call: Call) -> Any:
    """Not kept for a key: the secret is told once, and is nowhere."""
    b, who = call.body, call.who.id
    wanted = {TILL: (b.merchant, b.terminal), PARTY: (b.party,)}.get(b.scope, ())
    given = [value for value in (b.merchant, b.terminal, b.party) if value is not None]
    if None in wanted or len(given) != len(wanted) or (b.device is not None and b.scope != TILL):
        raise ValueError("a till has merchant and terminal, a party has party, others nothing more")

    offline = (b.device.offline_tap, b.device.offline_all) if b.device is not None else (None, None)

    def adding(connection: Any, now: float) -> tuple[str, str | None]:
        if b.device is not None:
            about = tills.About(b.device.id, b.device.name, b.device.country, offline)
            return tills.add(connection, who, b.merchant, b.terminal, about, now), None
        if b.scope == TILL:
            return parties.add_till(connection, who, b.merchant, b.terminal, now)
        if b.scope == PARTY:
            return parties.add_party(connection, who, b.party, now)
        return {OPERATOR: parties.add_operator, HOUSE: parties.add_house}[b.scope](connection, who, now)

    id, secret = call.write(adding)
    return {"id": id, "secret": secret}


def end_credential(call: Call) -> Any:
    call.write(lambda c, now: parties.end(c, call.who.id, call.path["credential"], now))
    return {}


def ledger(call: Call) -> Any:
    return call.service.read(lambda c: views.ledger(c, call.query["limit"]))


def audit(call: Call) -> Any:
    return call.service.read(lambda c: views.audit(c, call.query["before"], call.query["limit"]))


def party_statement(call: Call) -> tuple[str, str]:
    """-> (type, text)"""
    party = call.path["party"]
    if call.who.scope == PARTY and call.who.party != party:
        raise Forbidden
    span = call.query["since"], call.query["until"]
    kind, write = statement.FORMATS[call.query["format"]]
    found = call.service.read(lambda c: statement.statement(c, party, *span))
    return kind, write(json.loads(json.dumps(found)))


_LIMIT = {"limit": ({"type": "integer", "minimum": 1, "maximum": 1000}, 100)}
_TIME: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1e11}
_BEFORE: dict[str, tuple[dict[str, Any], Any]] = {"before": ({"type": "integer", "minimum": 0, "maximum": 2**53}, None)}
_SPAN: dict[str, tuple[dict[str, Any], Any]] = {"since": (_TIME, 0.0), "until": (_TIME, 1e11)}
_FORMAT: dict[str, tuple[dict[str, Any], Any]] = {"format": ({"enum": list(statement.FORMATS)}, "json")}
_T, _O, _P, _TO, _OH = (TILL,), (OPERATOR,), (OPERATOR, PARTY, HOUSE), (TILL, OPERATOR), (OPERATOR, HOUSE)
_A, _S = "/v1/authorisations", schema

OPERATIONS = [
    Operation("POST", _A, _T, "Authorise a tap", authorise_tap, _S.TapAnswer, _S.TapBody, keyed=True),
    Operation("GET", _A + "/{number}", _TO, "A transaction", transaction, _S.Transaction),
    Operation("POST", _A + "/{number}/void", _TO, "Void what is held", void, _S.State, keyed=True),
    Operation("POST", _A + "/{number}/refunds", _TO, "Refund a part", refund, _S.Left, _S.AmountBody, keyed=True),
    Operation("POST", "/v1/reversals", _T, "Take a tap back", reverse, _S.Reversed, _S.ReversalBody, keyed=True),
    Operation("POST", "/v1/settlements", _TO, "Capture", settle, _S.Settled, _S.SettlementBody, keyed=True),
    Operation("POST", "/v1/accounts", _O, "Open", open_account, _S.Account, _S.AccountBody, keyed=True, status=201),
    Operation("GET", "/v1/accounts", _OH, "Accounts", accounts, list[_S.Account]),
    Operation("POST", "/v1/accounts/{account}/topups", _O, "Pay in", top_up, _S.Balance, _S.TopupBody, keyed=True),
    Operation("POST", "/v1/tokens", _O, "Issue a token", issue, _S.State, _S.TokenBody, keyed=True, status=201),
    Operation("GET", "/v1/tokens", _OH, "Tokens", tokens, list[_S.Token]),
    Operation("POST", "/v1/tokens/{token}/suspend", _OH, "Suspend", _become(wallet.suspend), _S.State),
    Operation("POST", "/v1/tokens/{token}/resume", _OH, "Resume", _become(wallet.resume), _S.State),
    Operation("POST", "/v1/tokens/{token}/revoke", _O, "Revoke", _become(wallet.revoke), _S.State),
    Operation(
        "POST", "/v1/merchants", _O, "Add", add_merchant, _S.MerchantAnswer, _S.MerchantBody, keyed=True, status=201
    ),
    Operation("GET", "/v1/merchants", _OH, "Merchants", merchants, list[_S.MerchantAnswer]),
    Operation("POST", "/v1/terms", _O, "Put terms", put_terms, _S.TermsAnswer, _S.TermsBody),
    Operation(
        "POST", "/v1/merchants/{merchant}/acceptances", _O, "Accept terms", accept_terms, _S.Done, _S.AcceptanceBody
    ),
    Operation("POST", "/v1/credentials", _O, "Make", add_credential, _S.Secret, _S.CredentialBody, status=201),
    Operation("DELETE", "/v1/credentials/{credential}", _O, "End", end_credential, _S.Done),
    Operation("GET", "/v1/ledger", _OH, "Balances and transfers", ledger, _S.Ledger, query=_LIMIT),
    Operation("GET", "/v1/audit", _O, "Who did what", audit, list[_S.AuditLine], query={**_LIMIT, **_BEFORE}),
    Operation(
        "GET", "/v1/statements/{party}", _P, "A party's share, line by line", party_statement, None,
        query={**_SPAN, **_FORMAT}, raw=True,
    ),
]  # fmt: skip
