"""Somebody who is let in and means ill, or a clock that does: by HTTP and by CoAP, each on what the other one holds."""

import logging
from logging.handlers import BufferingHandler

import cbor2
import httpx
import pytest
import sqlalchemy as sa
from aiocoap.numbers import codes
from tosplus.reasons import Reason
from tosplus.tokens import courier, sales, statement, tables, wallet
from tosplus.tokens.device import Declined
from tosplus.tokens.recompute import recomputed
from tosplus.tokens.serve import LOGGERS
from tosplus.tokens.wallet import Limits

from .bank import VAULT, Bank
from .clients import body, http
from .test_courier import Wallet
from .test_till import asked, on_one

_SQL = ("1' OR '1'='1", "x'; DROP TABLE tokens; --", "1) UNION SELECT sealed FROM imks --", "%", "_" * 28)
_CRLF = ("a\r\nSet-Cookie: x=1", "a\nLocation: http://x", "a\0b")
_HEADERS = {"cache-control", "content-length", "content-type", "referrer-policy", "x-content-type-options"}


def cbor(credential, path, told):
    found = credential.client.post(
        f"/y/{path}", content=cbor2.dumps(told), headers={"content-type": "application/cbor"}
    )
    return cbor2.loads(found.content) if found.status_code == 200 else found.status_code


def subjects(bank):
    a = tables.audit.c
    return bank.read(lambda c: c.execute(sa.select(a.who, a.what, a.outcome).order_by(a.id)).all())


def test_by_http_a_till_that_uses_the_terminal_of_another_is_declined_and_audited(bank, till):
    other = http(bank, "till", merchant="CAMPUS", terminal="TILL-2")
    card = bank.card()
    tap, second = card.tap(1250), card.tap(800)
    answer = other.post("/authorisations", body(tap)).json()
    assert (answer["approved"], answer["reason"]) == (False, 11) and "another" in answer["words"]
    assert cbor(other, "auth", asked(second))[1] == 11
    mine = till.post("/authorisations", body(tap), key="mine").json()
    assert mine["approved"] and cbor(till, "auth", asked(second, b"m" * 16))[0]  # nothing of them was spent
    path = f"/authorisations/{mine['number']}"
    assert [other.post(path + "/void").status_code, other.get(path).status_code] == [404, 404]
    assert other.post(path + "/refunds", {"amount": 1}).status_code == 404
    assert cbor(other, "void", {0: b"v" * 16, 1: mine["number"]}) == {0: False, 1: 14}
    assert cbor(other, "refund", {0: b"f" * 16, 1: mine["number"], 2: 1}) == {0: False, 1: 14}
    assert other.post("/reversals", {"number": tap.number, "atc": 1}).json() == {"reversed": False}
    assert bank.has(card) == (100_000, -2050)
    told = [(what, outcome) for who, what, outcome in subjects(bank) if who == bank.auth(answer["number"]).request[:13]]
    assert told == [("authorise", "terminal")] * 2 + [("refused", "no such transaction")] * 4 + [
        ("reverse", "nothing to reverse")
    ]


@on_one
async def test_by_coap_a_till_neither_voids_nor_refunds_what_another_sold_and_that_is_audited(h):
    card, _ = h.bank.card(), h.till("TILL-2")
    sale = h.bank.authorise(h.bank.till("TILL-1"), "k", card.tap(900))
    assert (await h.ask("y/void", {0: b"v" * 16, 1: sale.number}))[1] == {0: False, 1: 14}
    h.bank.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now))
    assert (await h.ask("y/refund", {0: b"f" * 16, 1: sale.number, 2: 900}))[1] == {0: False, 1: 14}
    assert (await h.ask("y/reverse", {0: b"r" * 16, 1: card.number, 2: 1}))[1] == {0: False, 1: 0}
    assert h.bank.audited("refused") == ["no such transaction"] * 2
    assert h.bank.audited("reverse") == ["nothing to reverse"] and h.bank.has(card) == (99_100, 0)


def test_by_http_what_is_said_of_the_database_or_in_a_header_is_data(bank, till, operator):
    card = bank.card()
    sale = bank.authorise(bank.main, "k", card.tap(100))
    for text in (*_SQL, *_CRLF):
        for answer in (
            operator.client.post(httpx.URL("http://x/v1/authorisations/x/void", raw_path=_raw(f"{text}/void"))),
            operator.client.get("/v1/statements/platform", params={"since": text}),
            operator.client.get("/v1/ledger", params={text: "1"}),
            operator.client.get("/v1/audit", headers={"authorization": b"Bearer " + text.encode()}),
            operator.post("/tokens", {"account": text}),
            operator.post("/merchants", {"id": text, "currency": "EUR"}),
            operator.post("/terms", {"id": text, "shares": [["platform", 10000]]}),
            operator.post("/credentials", {"scope": "till", "merchant": text, "terminal": "T"}),
            till.post("/reversals", {"number": text, "atc": 1}),
            till.post("/authorisations", body(card.tap(1, mid=text[:15], tid=text[:8]))),
        ):
            assert set(answer.headers) <= {*_HEADERS, "www-authenticate"} and answer.status_code < 500, text
            assert answer.status_code >= 400 or answer.json()["reason"] == Reason.TERMINAL
    for text in _SQL:  # where words may stand
        operator.post(f"/accounts/{card.holder}/topups", {"amount": 1, "note": text}, key=text.replace(" ", "_"))
    notes = bank.read(lambda c: c.execute(sa.select(tables.transfers.c.note)).scalars().all())
    assert set(_SQL) <= set(notes) and bank.auth(sale.number).state == "held"
    assert bank.count(tables.tokens) == 1 and bank.count(tables.merchants) == 1


def _raw(text):
    return b"/v1/authorisations/" + "".join(f"%{byte:02x}" for byte in text.encode()).encode()


@on_one
async def test_by_coap_what_is_said_of_the_database_is_data(h):
    h.till()
    card = h.bank.card()
    sale = h.bank.authorise(h.bank.till(), "k", card.tap(100))
    for n, text in enumerate((*_SQL, *_CRLF, "é", "")):
        key = bytes([n]) * 16
        for path, more in (("void", {}), ("refund", {2: 1}), ("reverse", {2: 1})):
            assert (await h.ask(f"y/{path}", {0: key, 1: text, **more}))[0] is codes.BAD_REQUEST, (path, text)
        assert (await h.ask(f"y/{text}", {0: key, 1: "00"}))[0] is codes.NOT_FOUND
        tap = card.tap(1, mid=text[:15], tid=text[:8]) if text.isascii() else card.tap(1, tid="x")
        assert (await h.ask("y/auth", asked(tap, key)))[1][1] == Reason.TERMINAL
    assert (await h.ask("y/void", {0: b"'; DROP TABLE x;", 1: sale.number}))[1][0]
    assert h.bank.count(tables.tokens) == 1


def test_a_reversal_by_json_may_name_its_authorisation_and_leaves_another_alone(bank, till):
    card = bank.card()
    tap = card.tap(1250)
    assert till.post("/authorisations", body(tap), key="a_b").json()["approved"]
    about = {"number": tap.number, "atc": 1}
    for other in ("x", "axb", "a%b", "_b" * 3):
        assert till.post("/reversals", {**about, "key": other}).json() == {"reversed": False}
    assert till.post("/reversals", {**about, "key": "a b"}).status_code == 400
    assert bank.has(card)[1] == -1250
    assert till.post("/reversals", {**about, "key": "a_b"}).json() == {"reversed": True} and bank.has(card)[1] == 0


def test_with_its_clock_set_back_a_day_at_noon_a_business_day_goes_on_and_its_statements_hold(bank, url):
    generous, usual = bank.card(), bank.card(limits=Limits(hour_most=4))
    asked = iter(range(1000))

    def sell(at, card, amount=200):
        return at.authorise(bank.main, str(next(asked)), card.tap(amount))

    morning = [sell(bank, generous) for _ in range(3)] + [sell(bank, usual) for _ in range(2)]
    noon = bank.now
    bank.now -= 86400
    afternoon = [sell(bank, generous) for _ in range(3)] + [sell(bank, usual) for _ in range(2)]
    assert all(answer.approved for answer in morning + afternoon)
    assert sell(bank, usual).reason is Reason.OFTEN  # an hour of a clock that stands has no end: it errs on that side
    bank.write(lambda c, now: sales.void(c, "test", None, afternoon[0].number, now))
    restarted = Bank(url, bank.now)
    captured = restarted.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now))
    assert len(captured) == 9 and restarted.clock.now() == noon
    restarted.write(lambda c, now: sales.refund(c, "test", None, morning[0].number, 50, now))
    restarted.close()
    assert bank.audited("clock") == ["86400 s"] * 2  # by each process, once
    bank.now = noon + 3700
    assert sell(bank, usual).approved
    bank.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now))
    told = bank.read(lambda c: statement.statement(c, "developer", 0, 1e12))
    times = [line["at"] for line in told["books"][0]["lines"]]
    assert times == sorted(times) == [noon] * 10 + [noon + 3700]
    assert recomputed(told)[0].share == bank.balances()["party:developer", "posted"]
    parts = [bank.read(lambda c, s=s: statement.statement(c, "developer", *s)) for s in ((0, noon), (noon, 1e12))]
    assert parts[0]["books"] == [] and parts[1] == told


def test_no_key_secret_or_number_is_in_a_log_an_answer_an_error_or_the_audit(bank, operator, till, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    card = bank.card()
    secrets = [card.luk, bank._imks()[1], bytes(range(32))]
    hidden = [secret.hex() for secret in secrets] + [repr(secret)[2:-1] for secret in secrets]
    hidden += [http.client.headers["authorization"].split()[1] for http in (operator, till)] + [card.number]
    tap = body(card.tap(1250))
    number = till.post("/authorisations", tap, key="k").json()["number"]
    answers = [till.post("/authorisations", tap, key="k"), till.post("/authorisations", tap)]
    wrong = [{"ac": "0" * 16}, {"cid": 999}, {"number": card.number + "x"}, {"atc": "0000"}, {"x": 1}, {"psn": 7}]
    for change in wrong:
        answers.append(till.post("/authorisations", {**tap, **change}))
    for told in ({"number": card.number, "atc": 9}, {"number": card.number, "atc": 0}, {"number": card.number}):
        answers.append(till.post("/reversals", told, key=f"r{len(answers)}"))
    answers += [till.post(f"/authorisations/{card.number}/void"), operator.post(f"/tokens/{card.number}/suspend")]
    answers += [operator.post(f"/authorisations/{number}/refunds", {"amount": 9}), operator.post("/tokens/x/suspend")]
    answers += [operator.get(f"/{what}") for what in ("audit", "tokens", "ledger", "accounts", "merchants", "x")]
    operator.client.headers = {"authorization": "Bearer tos_wrong"}
    answers.append(operator.get("/audit"))

    def broken(*about):
        raise RuntimeError(f"{card.number} {card.luk.hex()}")

    bank.authorise = broken
    answers.append(till.post("/authorisations", tap))
    assert answers[-1].status_code == 500
    rows = bank.read(lambda c: c.execute(sa.select(tables.audit)).all())
    said = [answer.text + repr(answer.headers) for answer in answers] + [repr(row) for row in rows]
    logged = [one for one in caplog.records if not one.name.startswith("http")]  # that is the test's own client
    said += [logging.Formatter().format(one) for one in logged] + [*capfd.readouterr()]
    said += [repr(one) for one in (bank, bank.keys, bank.vault, VAULT, bank._database, bank.contexts, card)]
    found = [(secret, text) for secret in hidden for text in said if secret in text]
    assert found == []
    assert any(card.number[-4:] in repr(row) for row in rows)  # which operators may tell it by
    assert len(rows) > 15


@on_one
async def test_no_key_or_number_is_logged_where_devices_are_asked_and_ask(h):
    root, logged = logging.getLogger(), BufferingHandler(1 << 20)
    levels = {name: logging.getLogger(name).level for name in ("", *LOGGERS)}
    root.addHandler(logged)
    try:
        for name, least in {**LOGGERS, "": logging.DEBUG}.items():
            logging.getLogger(name).setLevel(least)
        h.till()
        h.fake.context.serversite._inner_site.add_resource(["y", "token"], purse := Wallet())
        h.bank.write(lambda c, now: wallet.open_holder(c, "test", "ann", "EUR", 0, now))
        h.bank.write(lambda c, now: wallet.topup(c, "test", "ann", 5000, "", now))
        row = h.bank.write(lambda c, now: wallet.issue(c, "test", "ann", "fake-1", wallet.Limits(), now))
        assert await courier.bring(h.bank, h.devices, "fake-1", row.id)
        card = purse.card()
        for tap in (card.tap(700), card.tap(800, tid="TILL-2"), card.tap(900)._replace(ac=bytes(8)), card.tap(9000)):
            assert (await h.ask("y/auth", asked(tap, tap.ac * 2)))[0] is codes.CHANGED
        assert (await h.ask("y/auth", asked(tap)[1]))[0] is codes.BAD_REQUEST
        assert (await h.ask("y/reverse", {0: bytes(16), 1: card.number, 2: 1}))[1][0]
        assert (await h.ask("y/void", {0: bytes(16), 1: card.number}))[0] is codes.UNPROCESSABLE_ENTITY
        with pytest.raises(Declined) as e:
            await h.devices.ask("fake-1", codes.PUT, "y/token/x", {7: card.luk})
        await h.results.settled()
    finally:
        root.removeHandler(logged)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    a = tables.audit
    said = [logging.Formatter().format(record) for record in logged.buffer] + [repr(e.value), repr(h.devices)]
    said += [repr(row) for row in h.bank.read(lambda c: c.execute(sa.select(a)).all())]
    keys = [card.luk, h.bank._imks()[1], *(bytes.fromhex(text) for text in h.paired()[:1])]
    for secret in [card.number, *(key.hex() for key in keys), *(repr(key)[2:-1] for key in keys)]:
        assert not [text for text in said if secret in text]
    assert len(said) > 20
