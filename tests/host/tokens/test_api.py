"""The HTTP API: scopes, idempotency keys, what is refused and how; and schemathesis over all of it."""

import asyncio
import json

import cbor2
import httpx
import pytest
import schemathesis
from hypothesis import Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tosplus.tokens import sales, tables
from tosplus.tokens.api import application
from tosplus.tokens.operations import OPERATIONS

from .bank import TERMS, Bank
from .clients import Client, Http, body, http
from .taps import cmac


def test_an_operator_opens_a_house_and_a_till_sells_in_it(bank, operator):
    assert operator.post("/merchants", {"id": "BAR", "currency": "EUR"}).status_code == 201
    hash = operator.post("/terms", {"id": "bar", "shares": [["platform", 1000], ["developer", 9000]]}).json()["hash"]
    agreed = {"hash": hash, "by": "Ann Bar, owner", "record": "contract 7 of 2026-11-01"}
    assert operator.post("/merchants/BAR/acceptances", agreed).json() == {}
    told = operator.post("/credentials", {"scope": "till", "merchant": "BAR", "terminal": "T1"}).json()
    till = Http(bank.app, told["secret"])
    assert operator.post("/accounts", {"id": "ann", "currency": "EUR"}).status_code == 201
    assert operator.post("/accounts/ann/topups", {"amount": 5000, "note": "cash"}).json() == {"posted": 5000}
    issued = operator.post("/tokens", {"account": "ann", "tap_most": 2000}).json()
    assert issued["state"] == "requested"
    card = bank.card(holder="ann")
    sale = till.post("/authorisations", body(tap := card.tap(1250, mid="BAR", tid="T1"))).json()
    assert sale["approved"] and sale["words"] == "approved"
    assert cmac(bank.keys.session(1, card.number, 1, 1, 1), tap.ac + bytes.fromhex(sale["csu"]) + b"\0")[:8].hex() == (
        sale["mac"]
    )
    assert till.get(f"/authorisations/{sale['number']}").json()["state"] == "held"
    bank.now += 60
    assert till.post("/settlements", {}).json() == {"captured": 1}
    bank.now += 60
    assert till.post(f"/authorisations/{sale['number']}/refunds", {"amount": 250}).json() == {"left": 1000}
    assert operator.get("/accounts").json() == [
        {"id": "ann", "currency": "EUR", "credit": 0, "posted": 4000, "held": 0}
    ]
    ledger = operator.get("/ledger?limit=2").json()
    assert sum(line["amount"] for line in ledger["balances"]) == 0
    assert [transfer["kind"] for transfer in ledger["transfers"]] == ["refund", "capture"]
    found = http(bank, "party", party="developer").get("/statements/developer?format=csv")
    assert found.headers["content-type"].startswith("text/csv") and found.text.count("\n") == 3
    [token, _] = operator.get("/tokens").json()
    assert token["id"] == issued["id"] and len(token["last"]) == 4
    operator.post(f"/tokens/{card.id}/suspend")
    assert till.post("/authorisations", body(card.tap(1, mid="BAR", tid="T1"))).json()["reason"] == 3
    whats = [line["what"] for line in operator.get("/audit?limit=3").json()]
    assert whats == ["authorise", "suspend", "add party"]


def test_each_operation_is_for_its_scopes_and_for_nobody_without_a_credential(bank, operator, till):
    party = http(bank, "party", party="developer")
    for path in ("/accounts", "/tokens", "/ledger", "/audit", "/merchants"):
        assert [who.get(path).status_code for who in (operator, till, party)] == [200, 403, 403]
    statement = "/statements/developer"
    assert [who.get(statement).status_code for who in (operator, till, party)] == [200, 403, 200]
    assert party.get("/statements/platform").status_code == 403
    tap = body(bank.card().tap(1))
    assert [who.post("/authorisations", tap).status_code for who in (operator, till, party)] == [403, 200, 403]
    for stranger in ("", "x", "tos_" + "A" * 43, "a b", "'--"):
        found = Http(bank.app, stranger).get("/accounts")
        assert found.status_code == 401 and found.headers["www-authenticate"] == "Bearer"
    assert Client(bank.app, {}).get("/v1/accounts", auth=("x", "y")).status_code == 401


def test_a_house_reads_suspends_and_resumes_and_may_nothing_else(bank, operator):
    house, card = http(bank, "house"), bank.card()
    bank.authorise(bank.main, "k", card.tap(700))
    may = {"accounts", "tokens", "merchants", "ledger", "suspend", "resume", "party_statement"}
    assert {one.name for one in OPERATIONS if "house" in one.scopes} == may
    told = [house.get(path) for path in ("/accounts", "/tokens", "/merchants", "/ledger", "/statements/developer")]
    assert [answer.status_code for answer in told] == [200] * 5
    assert not any(card.number in answer.text for answer in told) and told[1].json()[0]["last"] == card.number[-4:]
    for word, state in (("suspend", "suspended"), ("resume", "active")):
        assert house.post(f"/tokens/{card.id}/{word}").json() == {"id": card.id, "state": state}
    refused = []
    for one in OPERATIONS:
        if one.name not in may:
            path = one.path.format(number="x", account="x", token=card.id, merchant="CAMPUS", credential="x", party="x")
            headers = {"idempotency-key": "k", "content-type": "application/json"}
            refused.append(house.client.request(one.method, path, headers=headers, content=b"{}").status_code)
    assert len(refused) > 12 and set(refused) == {403}
    for path in ("auth", "reverse", "void", "refund"):
        headers = {"content-type": "application/cbor"}
        assert house.client.post(f"/y/{path}", content=b"\xa0", headers=headers).status_code == 403
    assert [line["who"][:5] for line in operator.get("/audit?limit=2").json()] == ["house", "house"]


def test_a_till_that_is_a_device_has_no_secret_and_no_way_in_by_http(bank, operator):
    def post(**device):
        till = {"scope": "till", "merchant": "CAMPUS", "terminal": "T1"}
        return operator.post("/credentials", {**till, "device": device})

    assert post(id="till-1").status_code == 404
    row = {"id": "till-1", "sealed": b"", "sent": 0, "kid": b"xy", "made_at": 0.0}
    bank.write(lambda c, now: c.execute(tables.devices.insert().values(**row)))
    for wrong in ({"offline_tap": 1}, {"offline_tap": 2, "offline_all": 1}, {"name": "ü" * 13}, {"country": 1000}):
        assert post(id="till-1", **wrong).status_code == 400, wrong
    told = post(id="till-1", name="Mensa", offline_tap=500, offline_all=2000).json()
    assert told["id"].startswith("till-") and told["secret"] is None
    assert post(id="till-1").status_code == 409
    for secret in ("None", "null", "", told["id"]):
        assert Http(bank.app, secret).post("/authorisations", {}).status_code == 401
    assert operator.post("/credentials", {"scope": "house", "device": {"id": "till-1"}}).status_code == 400
    assert operator.client.request("DELETE", f"/v1/credentials/{told['id']}").status_code == 200
    assert post(id="till-1").status_code == 201


def test_a_settlement_captures_all_that_is_held_however_much_there_is(bank, till, monkeypatch):
    monkeypatch.setattr(sales, "_AT_ONCE", 3)
    card = bank.card()
    for n in range(7):
        assert bank.authorise(bank.main, str(n), card.tap(100)).approved
    assert till.post("/settlements", {}).json() == {"captured": 7} and bank.has(card)[1] == 0


def test_each_thing_that_is_done_has_its_line_in_the_audit_log_and_who_did_it(bank, operator, till):
    bank_id, till_id = (bank.credential(one.client.headers["authorization"][7:]).id for one in (operator, till))
    card = bank.card()
    sold = [till.post("/authorisations", body(card.tap(100))).json()["number"] for _ in range(4)]
    before = len(operator.get("/audit?limit=1000").json())
    hash = operator.post("/terms", {"id": "bar", "shares": [["platform", 10000]]}).json()["hash"]
    operator.post("/merchants", {"id": "BAR", "currency": "EUR"})
    operator.post("/merchants/BAR/acceptances", {"hash": hash, "by": "Ann", "record": "7"})
    operator.post("/accounts", {"id": "491701234567", "currency": "EUR"})
    operator.post("/accounts/491701234567/topups", {"amount": 500, "note": ""})
    token = operator.post("/tokens", {"account": "491701234567"}).json()["id"]
    for what in ("suspend", "resume", "revoke"):
        operator.post(f"/tokens/{token}/{what}")
    made = operator.post("/credentials", {"scope": "operator"}).json()["id"]
    operator.client.request("DELETE", f"/v1/credentials/{made}")
    operator.post(f"/authorisations/{sold[0]}/void")
    till.post(f"/authorisations/{sold[1]}/void")
    till.post("/reversals", {"number": card.number, "atc": 3})
    till.post("/settlements", {})
    till.post(f"/authorisations/{sold[3]}/refunds", {"amount": 7})
    found = operator.get("/audit?limit=1000").json()[::-1][before:]
    lines = [(line["who"], line["what"]) for line in found]
    assert [line["subject"] for line in found[3:5]] == ["491701234567"] * 2  # which is no token's number
    by_operator = ["put terms", "add merchant", "accept terms", "open account", "top up", "issue"]
    by_operator += ["suspend", "resume", "revoke", "add operator", "end credential", "void"]
    assert lines == [(bank_id, what) for what in by_operator] + [
        (till_id, what) for what in ("void", "reverse", "settle", "refund")
    ]


def test_a_credential_that_was_ended_is_worth_nothing(bank, operator):
    told = operator.post("/credentials", {"scope": "party", "party": "developer"}).json()
    party, path = Http(bank.app, told["secret"]), f"/v1/credentials/{told['id']}"
    assert party.get("/statements/developer").status_code == 200
    assert operator.client.request("DELETE", path).status_code == 200
    assert party.get("/statements/developer").status_code == 401
    assert operator.client.request("DELETE", path).status_code == 404


def test_secrets_are_in_no_table_and_no_answer_but_one(bank, operator, url):
    told = operator.post("/credentials", {"scope": "till", "merchant": "CAMPUS", "terminal": "T9"}).json()
    card = bank.card()
    with bank._database.engine.connect() as connection:
        rows = [
            connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in ("credentials", "answers", "audit")
        ]
        luks = connection.exec_driver_sql("SELECT * FROM luks").all() + connection.exec_driver_sql(
            "SELECT * FROM imks"
        ).all()
    everything = repr(rows) + repr(luks)
    assert told["secret"] not in everything and repr(card.luk)[2:-1] not in everything
    assert card.luk.hex() not in everything and told["secret"] not in operator.get("/audit").text


def test_a_till_needs_a_key_and_a_key_is_for_one_request(bank, till, operator):
    tap = body(bank.card().tap(1250))
    without = till.client.post("/v1/authorisations", json=tap)
    assert without.status_code == 400 and "Idempotency-Key" in without.json()["error"]
    for wrong in ("", "x" * 65, "a b", "\u00e9"):
        headers = [(b"idempotency-key", wrong.encode())]
        assert till.client.post("/v1/authorisations", json=tap, headers=headers).status_code == 400
    both = [(b"idempotency-key", b"a"), (b"idempotency-key", b"b")]
    assert till.client.post("/v1/authorisations", json=tap, headers=both).status_code == 400
    first = till.post("/authorisations", tap, key="k").json()
    assert till.post("/authorisations", tap, key="k").json() == first
    assert till.post("/authorisations", {**tap, "cid": 0}, key="k").status_code == 422
    operator.post("/accounts", {"id": "x", "currency": "EUR"}, key="k")
    assert operator.post("/accounts", {"id": "y", "currency": "EUR"}, key="k").status_code == 422
    assert operator.post("/merchants", {"id": "x", "currency": "EUR"}, key="k").status_code == 422


@pytest.mark.parametrize(
    "change",
    [{"amount": 1}, {"merchant": "CAMPUS"}, {"ac": "zz" * 8}, {"ac": ""}, {"psn": "1"}, {"psn": 1.5}, {"cid": 256}]
    + [{"number": "1' OR '1'='1"}, {"number": "9" * 16 + "\n"}, {"number": None}, {"atc": "0000"}, {"pdol": "ff" * 56}],
)
def test_what_a_till_may_not_say(bank, till, change):
    tap = body(bank.card().tap(1250))
    answer = till.post("/authorisations", {**tap, **change})
    assert answer.status_code == 400 and answer.json()["error"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("id", "x'; DROP TABLE holders; --"), ("id", "a\r\nSet-Cookie: x"), ("id", "a\0"), ("id", "\ud800"), ("id", "")]
    + [("currency", "XXX"), ("credit", 10**30), ("credit", 1e3), ("credit", True), ("id", "é")],
)
def test_injections_into_the_database_and_headers_are_refused(bank, operator, name, value):
    told = json.dumps({"id": "x", "currency": "EUR", name: value})
    headers = {"idempotency-key": "k", "content-type": "application/json"}
    answer = operator.client.post("/v1/accounts", content=told, headers=headers)
    assert answer.status_code == 400 and "set-cookie" not in answer.headers
    assert bank.count(tables.holders) == 0


def test_bodies_are_json_and_short(bank, operator):
    def post(data, kind="application/json"):
        headers = {"idempotency-key": "k", "content-type": kind}
        return operator.client.post("/v1/accounts", content=data, headers=headers).status_code

    good = b'{"id": "x", "currency": "EUR"}'
    assert [post(good, kind) for kind in ("text/plain", "application/x-www-form-urlencoded")] == [415, 415]
    assert [post(data) for data in (b"", b"{", b"[]", b"\xff", b"[" * 10000, good + b"x")] == [400] * 6
    assert post(b" " * 20000 + good) == 413
    assert post(good) == 201


def test_queries_are_as_described(bank, operator):
    for query in ("limit=0", "limit=x", "limit=1&limit=2", "limit=1e2", "more=1", "before=-1", "limit=9" * 3):
        assert operator.get(f"/audit?{query}").status_code == 400, query
    for query in ("since=nan", "until=inf", "format=xml", "since=-1"):
        assert operator.get(f"/statements/x?{query}").status_code == 400, query
    assert operator.get("/statements/x'--").status_code == 404
    assert operator.get("/nothing").status_code == 404


def test_sixteen_http_clients_race_with_one_tap(bank, till):
    tap = body(bank.card().tap(1250))

    async def race():
        transport = httpx.ASGITransport(bank.app)
        headers = {"idempotency-key": "race", "authorization": till.client.headers["authorization"]}
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
            return await asyncio.gather(*[client.post("/v1/authorisations", json=tap) for _ in range(16)])

    answers = asyncio.run(race())
    assert {answer.status_code for answer in answers} == {200} and len({answer.text for answer in answers}) == 1


def test_a_till_behind_a_hub_speaks_cbor(bank, till):
    card = bank.card()
    tap = card.tap(1250)
    track = bytes.fromhex(f"{tap.number}d29122010000000f")
    asked = {0: b"k" * 16, 1: track, 2: 1, 3: tap.pdol, 4: tap.aip, 5: tap.atc, 6: tap.ac, 7: tap.ctq, 8: tap.iad}
    asked[9] = 128

    def post(path, told, kind="application/cbor"):
        data = told if isinstance(told, bytes) else cbor2.dumps(told)
        found = till.client.post(f"/y/{path}", content=data, headers={"content-type": kind})
        return cbor2.loads(found.content) if found.status_code == 200 else found.status_code

    heard = []  # what cards may know
    till.client.app = application(bank, heard.append)
    sale = post("auth", asked)
    assert [(result.transaction, result.atc, result.mac) for result in heard] == [(sale[4], 1, sale[3])]
    assert (sale[0], sale[1], len(sale[3]), len(sale[5])) == (True, 0, 8, 6) and post("auth", asked) == sale
    assert post("auth", {**asked, 9: 0}) == 422
    declined = post("auth", {**asked, 0: b"l" * 16, 6: bytes(8)})
    assert (declined[0], declined[1], declined[3]) == (False, 1, None) and 5 not in declined
    assert post("reverse", {0: b"r" * 16, 1: tap.number, 2: 1, 3: b"k" * 16}) == {0: True, 1: 0}
    assert post("void", {0: b"v" * 16, 1: sale[4]}) == {0: False, 1: 14}
    second = card.tap(700)
    asked |= {0: b"m" * 16, 3: second.pdol, 5: second.atc, 6: second.ac, 8: second.iad}
    number = post("auth", asked)[4]
    till.post("/settlements", {})
    assert post("refund", {0: b"f" * 16, 1: number, 2: 300}) == {0: True, 1: 0, 4: number}
    assert post("refund", {0: b"g" * 16, 1: number, 2: 401}) == {0: False, 1: 14}
    wrong = [b"", b"\xff", [], {}, {**asked, 10: 1}, {**asked, 0: b"k"}, {**asked, 1: b"\xaa" * 16}, {**asked, 2: True}]
    assert [post("auth", told) for told in wrong] == [400] * len(wrong)
    assert post("void", {0: b"v" * 16, 1: "1\0"}) == 400
    assert post("auth", asked, "application/json") == 415
    assert http(bank, "operator").client.post("/y/auth", content=b"").status_code == 403


def test_schemathesis_finds_nothing(tmp_path):
    """Each operation by a credential that may: what is described is taken, what is not is refused, as described."""
    bank = Bank(f"sqlite:///{tmp_path}/tokens.db")
    bank.set_up()
    bank.app = application(bank)
    by = {"operator": http(bank, "operator"), "till": http(bank, "till", merchant="CAMPUS", terminal="TILL-1")}
    schema = schemathesis.openapi.from_asgi("/openapi.json", bank.app)
    scopes = {one.name: one.scopes for one in OPERATIONS}
    for result in schema.get_all_operations():
        operation = result.ok()
        who = by["till" if "till" in scopes.pop(operation.definition.raw["operationId"]) else "operator"]
        ask(operation, {"Authorization": who.client.headers["authorization"]})
    assert not scopes
    bank.check()
    bank.close()


def ask(operation, headers):
    @settings(max_examples=12, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(case=operation.as_strategy())
    def holds(case):
        # An amount is an integer here, as it is written; 1.0 is one by JSON Schema only.
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    holds()


def test_the_terms_of_the_bank_are_those_of_the_api(bank, operator):
    told = operator.post("/terms", {"id": TERMS.id, "shares": [list(share) for share in TERMS.shares]}).json()
    assert told["hash"] == TERMS.hash
