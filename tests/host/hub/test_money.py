"""The house's money, through the hub: what the page is told, the brake of a token, statements, and the latest taps."""

import asyncio
import json
import logging

import pytest
import traced
from click.testing import CliRunner
from host.tokens.bank import GENEROUS
from soon import soon
from tosplus.cli import cli
from tosplus.errors import HostError, UsageFault
from tosplus.hub import taps
from tosplus.hub.books import balanced, transfer
from tosplus.hub.token_service import TokenService
from tosplus.tokens import sales
from tosplus.tokens.recompute import read, recomputed

from .running import heard, hub
from .tills import Till, house

DOTS = "••••"


def run(test):
    asyncio.run(asyncio.wait_for(test(), 240))


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(taps, "_LOOK_S", 0.02)


async def money(it):
    return (await it.http.get("/api/money")).json()


async def tapped(it, count):
    """The taps, newest first, once there are so many."""

    async def all_taps():
        return (await it.http.get("/api/money/taps")).json()

    async def are():
        return len(await all_taps()) == count

    await soon(are, f"there are not {count}")
    return await all_taps()


def test_what_there_is_is_told(tmp_path):
    async def test():
        async with house(tmp_path) as (it, the):
            card = the.bank.card(5000, GENEROUS)
            the.bank.now += 60
            the.pays(card, 1250)
            told = await money(it)
            assert told["tokens"] == [
                {"id": card.id, "account": card.holder, "device": None, "state": "active", "uses_left": 9}
                | {"number_masked": f"{DOTS} {card.number[-4:]}"}
            ]
            assert told["accounts"] == [
                {"id": card.holder, "currency": "EUR", "credit": 0, "posted": 5000, "held": -1250, "available": 3750}
            ]
            assert [(row["state"], row["words"]) for row in told["ledger"]] == [
                ("held", f"{card.holder} pays CAMPUS 12.50 EUR"),
                ("posted", f"{card.holder} pays in 50.00 EUR"),
            ]
            assert told["balanced"] is True and told["digits"] == {"EUR": 2} and told["shares"] == []
            assert [row["id"] for row in told["merchants"]] == ["CAMPUS"]
            assert card.number not in json.dumps(told)
            the.bank.now += 60
            the.bank.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now))
            told = await money(it)
            assert told["ledger"][0]["words"] == (
                f"CAMPUS has 12.50 EUR of {card.holder}: platform 0.38 EUR, manufacturer 0.87 EUR, developer 11.25 EUR"
            )
            assert [row["state"] for row in told["ledger"]] == ["posted"] * 3
            assert {row["party"]: row["total"] for row in told["shares"]} == {
                "platform": 38, "manufacturer": 87, "developer": 1125,
            }  # fmt: skip
            assert told["accounts"][0]["held"] == 0 and told["accounts"][0]["available"] == 3750

    run(test)


def test_every_kind_of_transfer_has_words():
    def words(kind, *postings):
        rows = [{"account": a, "currency": "EUR", "layer": "posted", "amount": n} for a, n in postings]
        told = transfer({"id": "1", "at": 1.5, "kind": kind, "auth": "7", "postings": rows}, {})
        assert told["at"] == 1.5 and told["transaction"] == "7"
        return told["state"], told["words"]

    assert words("topup", ("holder:ann", -500), ("bank", 500)) == ("posted", "ann takes out 5.00 EUR")
    held = ("holder:ann", 500), ("sales:BAR", -500)
    assert words("void", *held) == ("released", "BAR does not take 5.00 EUR of ann")
    assert words("reversal", *held) == ("released", "BAR lost the tap: ann keeps 5.00 EUR")
    back = ("holder:ann", 250), ("party:developer", -250)
    assert words("refund", *back) == ("posted", "ann gets 2.50 EUR back: developer -2.50 EUR")
    assert words("other", ("holder:ann", 1)) == ("posted", "other: holder:ann 0.01 EUR")


def test_a_ledger_that_does_not_sum_up_is_told():
    def row(amount, layer="posted", currency="EUR"):
        return {"account": "bank", "currency": currency, "layer": layer, "amount": amount}

    assert balanced([row(1), row(-1)]) and balanced([])
    assert not balanced([row(1), row(-1, "held")]) and not balanced([row(1), row(-1, currency="USD")])


def test_a_token_is_suspended_and_its_next_tap_declined_and_resumed(tmp_path):
    async def test():
        async with house(tmp_path) as (it, the), it.page() as page:
            card = the.bank.card(5000, GENEROUS)
            path = f"/api/money/tokens/{card.id}"
            assert (await it.http.post(f"{path}/suspend")).json() == {"id": card.id, "state": "suspended"}
            await heard(page, lambda message: message["type"] == "money")
            assert (await money(it))["tokens"][0]["state"] == "suspended"
            assert the.pays(card).reason == 3
            assert (await it.http.post(f"{path}/resume")).json()["state"] == "active"
            assert the.pays(card).approved
            for wrong in (f"{path}/revoke", f"{path}/..%2fx", "/api/money/tokens/none/suspend"):
                assert (await it.http.post(wrong)).status_code == 404
            assert (await it.http.get(f"{path}/suspend")).status_code == 405

    run(test)


def test_another_origin_suspends_nothing(tmp_path):
    async def test():
        async with house(tmp_path) as (it, the):
            card = the.bank.card(5000, GENEROUS)
            for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"host": "evil.example"}):
                answer = await it.http.post(f"/api/money/tokens/{card.id}/suspend", headers=headers)
                assert answer.status_code in (403, 421)
            form = {"origin": it.address, "content-type": "application/x-www-form-urlencoded"}
            answer = await it.http.post(f"/api/money/tokens/{card.id}/suspend", headers=form, content="a=b")
            assert answer.status_code == 415
            assert (await money(it))["tokens"][0]["state"] == "active"
            answer = await it.http.post(f"/api/money/tokens/{card.id}/suspend", headers={"origin": it.address})
            assert answer.status_code == 200

    run(test)


def test_a_statement_that_was_downloaded_is_recomputed(tmp_path):
    async def test():
        async with house(tmp_path) as (it, the):
            card = the.bank.card(50_000, GENEROUS)
            for amount in (1250, 333, 1):
                the.pays(card, amount)
            the.bank.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now))
            for kind, type in (("csv", "text/csv"), ("json", "application/json"), ("beancount", "text/plain")):
                answer = await it.http.get(f"/api/money/statements/developer?format={kind}")
                assert answer.status_code == 200 and answer.headers["content-type"].startswith(type)
                assert answer.headers["content-disposition"] == f'attachment; filename="developer.{kind}"'
                assert answer.headers["content-security-policy"].startswith("default-src 'self'")
                file = tmp_path / f"developer.{kind}"
                file.write_bytes(answer.content)
                if kind != "beancount":
                    [total] = recomputed(read(file))
                    assert total.amount == 1584 and total.share == 1426
            assert b"open Income:Sales" in file.read_bytes()
            for wrong in ("developer?format=xml", "De veloper", "..%2f..%2fledger", "a%0d%0ab", "x" * 33):
                assert (await it.http.get(f"/api/money/statements/{wrong}")).status_code == 404
            assert not [path for _, path, _ in the.heard if "ledger" in path]

    run(test)


def test_the_service_may_go_and_come_back(tmp_path):
    async def test():
        async with house(tmp_path) as (it, the):
            card = the.bank.card(5000, GENEROUS)
            assert (await money(it))["tokens"]
        async with hub(tmp_path / "hub", tokens=the.url, tokens_secret=the.secret) as it:
            for method, path in (
                ("GET", "/api/money"),
                ("POST", f"/api/money/tokens/{card.id}/suspend"),
                ("GET", "/api/money/statements/developer"),
            ):
                answer = await it.http.request(method, path)
                assert answer.status_code == 504, path
                assert answer.json() == {"error": "the token service does not answer (ConnectError)"}
            the.bank = type(the.bank)(f"sqlite:///{tmp_path}/tokens.db")
            async with the.served():
                assert (await money(it))["tokens"][0]["state"] == "active"
            the.bank.close()

    run(test)


def test_whatever_the_service_says_is_told_in_words(tmp_path):
    said = [
        (401, b"", 502, "does not take the hub's credential"),
        (403, b"{}", 502, "does not take the hub's credential"),
        (409, b'{"error": "it is revoked"}', 409, "it is revoked"),
        (404, b"[", 404, "the token service answers 404"),
        (500, b'{"error": "x"}', 502, "the token service answers 500"),
        (302, b"", 502, "the token service answers 302"),
        (200, b"<html>", 502, "cannot be understood"),
        (200, b"[]", 502, "cannot be understood"),
        (200, b'{"balances": 1}', 502, "cannot be understood"),
    ]

    async def test():
        async with house(tmp_path) as (it, the):
            for status, body, told, words in said:
                headers = [(b"location", b"http://127.0.0.1:9/")] if status == 302 else []
                the.answers = status, headers, body
                answer = await it.http.get("/api/money")
                assert answer.status_code == told and words in answer.json()["error"], body

    run(test)


def test_the_credential_is_in_no_log_and_no_answer(tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    secret = ""

    async def test():
        nonlocal secret
        async with house(tmp_path) as (it, the):
            secret = the.secret.read_text().strip()
            card = the.bank.card(5000, GENEROUS)
            answers = [await it.http.get("/api/money"), await it.http.get("/api/house")]
            answers.append(await it.http.post(f"/api/money/tokens/{card.id}/suspend"))
            assert not any(secret in answer.text for answer in answers)
            assert not any(secret in part for request in the.heard for part in request)

    run(test)
    assert secret and secret not in caplog.text + "".join(capfd.readouterr())


def test_without_a_token_service_there_is_no_money(tmp_path):
    async def test():
        async with hub(tmp_path) as it:
            assert "money" not in [page["name"] for page in (await it.house())["hub"]["pages"]]
            assert (await it.http.get("/api/money")).status_code == 404

    run(test)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:8689",
        "ftp://127.0.0.1",
        "127.0.0.1:8689",
        "http://u:p@127.0.0.1",
        "http://127.0.0.1/x",
        "https://",
    ]
    + ["http://127.0.0.1/?a=b", "http://[::1", "http://localhost.example"],
)
def test_an_address_that_would_tell_the_credential_is_refused(tmp_path, url):
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text("tos_" + "A" * 43)
    with pytest.raises(UsageFault, match="--tokens "):
        TokenService(url, secret)


def test_a_file_without_a_credential_is_refused_and_not_told(tmp_path):
    secret = tmp_path / "secret"
    secret.touch(0o600)
    for text in ("", "short", "tos_" + "A" * 43 + "\nHost: x", "tos_ü" + "A" * 40):
        secret.write_text(text)
        with pytest.raises(UsageFault, match="secret: it holds no credential") as refused:
            TokenService("http://127.0.0.1:1", secret)
        assert not text or text not in str(refused.value)
    secret.write_text("tos_" + "A" * 43)
    secret.chmod(0o604)
    with pytest.raises(HostError, match="can be read by others"):
        TokenService("http://127.0.0.1:1", secret)
    with pytest.raises(UsageFault, match="No such file"):
        TokenService("http://127.0.0.1:1", tmp_path / "none")
    for options in (["--tokens", "http://127.0.0.1:1"], ["--tokens-secret", str(secret)]):
        done = CliRunner().invoke(cli, ["hub", *options])
        assert done.exit_code == 2 and "go together" in done.output


def test_a_sale_at_a_till_becomes_a_tap_on_the_page(tmp_path):
    async def test():
        async with house(tmp_path) as (it, the), Till(it.coap) as till, it.page() as page:
            await it.live("till-1")
            till.sells(traced.tapped())
            message = await heard(page, lambda message: message["type"] == "tap")
            [tap] = await tapped(it, 1)
            assert message["tap"] == tap
            assert tap["till"] == "till-1" and tap["title"] == "0.07 EUR, approved, A1B2C3"
            assert [row["ms"] for row in tap["rows"]] == [*range(0, 110, 11)]
            assert traced.NUMBER not in json.dumps(tap)

    run(test)


def test_a_tap_that_goes_on_is_the_same_one(tmp_path):
    async def test():
        async with house(tmp_path) as (it, the), Till(it.coap) as till:
            await it.live("till-1")
            began, rows = traced.torn()
            till.sells([began, rows[:-1]], "lost", "TILL-1 0.07 EUR lost")
            [first] = await tapped(it, 1)
            till.sells([began, rows], "", "TILL-1 0.07 EUR taken back")

            async def longer():
                [tap] = await tapped(it, 1)
                return tap if len(tap["rows"]) > len(first["rows"]) else None

            tap = await soon(longer)
            assert tap["id"] == first["id"] and tap["at"] == first["at"] and tap["title"] == "0.07 EUR, taken back"
            till.sells([began + 60, rows], "lost", "TILL-1 0.07 EUR lost")
            assert [tap["id"] for tap in await tapped(it, 2)] == [2, 1]

    run(test)


def test_so_many_are_kept_and_those_of_a_till_that_was_forgotten_not(tmp_path, monkeypatch):
    assert taps._KEPT == 8
    monkeypatch.setattr(taps, "_KEPT", 2)

    async def test():
        async with house(tmp_path) as (it, the), Till(it.coap) as till:
            await it.live("till-1")
            for n in range(3):
                till.sells(traced.tapped(n + 1), receipt=f"receipt {n}")

                async def newest(id=n + 1):
                    found = (await it.http.get("/api/money/taps")).json()
                    return found if found and found[0]["id"] == id else None

                found = await soon(newest)
            assert [tap["id"] for tap in found] == [3, 2]
            await till.unbind()
            await it.http.delete("/api/devices/till-1")
            assert await tapped(it, 0) == []
            await till.bind()

    run(test)


def test_a_till_in_the_middle_of_a_tap_is_left_alone(tmp_path):
    async def test():
        async with house(tmp_path) as (it, the), Till(it.coap) as till:
            await it.live("till-1")
            await it.until(lambda _: till.asked == 1, id="till-1")
            for sale in ("tap", "asks"):
                till.sells(traced.tapped(), sale, "")
                await it.until(lambda device, s=sale: device["resources"][0]["value"] == s, id="till-1")
                await asyncio.sleep(5 * taps._LOOK_S)
                assert till.asked == 1
            till.sells(traced.tapped(), "approved")
            await tapped(it, 1)

    run(test)


def test_two_sales_that_end_alike_are_two_taps(tmp_path):
    async def test():
        async with house(tmp_path) as (it, the), Till(it.coap) as till:
            await it.live("till-1")
            await it.until(lambda _: till.asked == 1, id="till-1")
            began, rows = traced.torn()
            for n in range(2):
                till.sells([began + n, rows], "tap", "")
                await it.until(lambda device: device["resources"][0]["value"] == "tap", id="till-1")
                await asyncio.sleep(5 * taps._LOOK_S)
                till.sells([began + n, rows], "lost", "")
                await tapped(it, n + 1)
            assert (await it.device("till-1"))["warnings"] == []

    run(test)


def test_a_till_that_tells_nonsense_has_a_warning_until_it_tells_a_tap(tmp_path):
    async def test():
        async with house(tmp_path) as (it, the), Till(it.coap) as till:
            await it.live("till-1")
            for nonsense in ([None, [[0, 9, b""]]], {"x": 1}):
                till.answers["tap"] = nonsense
                till.sells(None, receipt=repr(nonsense))
                await it.until(lambda device: [w["kind"] for w in device["warnings"]] == ["tap"], id="till-1")
                del till.answers["tap"]
                till.sells(traced.tapped(), receipt=f"after {nonsense!r}")
                await it.until(lambda device: device["warnings"] == [], id="till-1")

    run(test)
