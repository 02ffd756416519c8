"""The house's money on the page: what there is, a token's brake, statements, and a tap message by message."""

import asyncio
import contextlib
import socket
import threading

import httpx
import pytest
import traced
from axe_playwright_python.sync_playwright import Axe
from host.hub.tills import Till
from host.tokens.bank import GENEROUS, TERMS
from host.tokens.taps import Card
from playwright.sync_api import expect
from soon import until
from tosplus import ports
from tosplus.tokens import authorise, parties, sales, wallet
from tosplus.tokens.recompute import read, recomputed
from tosplus.tokens.serve import Options, opened

from .around import Hub, _Process
from .person import SCREENS, somebody

XSS = "<img src=x onerror=document.title='owned'>"


class Tokens(_Process):
    """`tos tokens serve` with a merchant, an account with 50.00 EUR and a token, which pays past every device."""

    def __init__(self, folder):
        super().__init__(folder, "tokens.log")
        self.port = ports.free(socket.SOCK_STREAM)
        self.secret = folder / "secret"
        with self._service() as service:
            work = service.write
            work(lambda c, now: parties.add_merchant(c, "test", "CAMPUS", "EUR", now))
            work(lambda c, now: parties.put_terms(c, "test", TERMS, now))
            work(lambda c, now: parties.accept(c, "test", "CAMPUS", TERMS.hash, XSS, "paper 7", now))
            id, _ = work(lambda c, now: parties.add_till(c, "test", "CAMPUS", "TILL-1", now))
            self.till = authorise.Till(id, "CAMPUS", "TILL-1")
            self.secret.touch(0o600)
            self.secret.write_text(work(lambda c, now: parties.add_house(c, "test", now))[1])
            work(lambda c, now: wallet.open_holder(c, "test", XSS, "EUR", 0, now))
            work(lambda c, now: wallet.topup(c, "test", XSS, 5000, "", now))
            token = work(lambda c, now: wallet.issue(c, "test", XSS, "watch-1", GENEROUS, now)).id
            offer = work(lambda c, now: wallet.offer(c, service.keys, service.dki(), token, now))
            work(lambda c, now: wallet.delivered(c, token, offer.ki, now))
            work(lambda c, now: wallet.confirmed(c, token, offer.ki, 0, now))
            self.token, self.card = token, Card(offer.number, offer.luk, offer.ki, offer.dki, offer.psn)

    def start(self):
        ports = "--port", str(self.port), "--coap-port", "0"
        self._start("tokens", "--state", "tokens", "serve", *ports)
        health = f"http://127.0.0.1:{self.port}/health"
        until(lambda: answers(health), f"the token service does not start: {self.said()}")

    @contextlib.contextmanager
    def _service(self):
        service = opened(Options(self.folder / "tokens"))
        try:
            yield service
        finally:
            service.close()

    def pays(self, amount):
        """-> the answer that the till has"""
        with self._service() as service:
            tap = self.card.tap(amount)
            return service.authorise(self.till, f"key {self.card.atc}", tap)

    def settles(self):
        with self._service() as service:
            service.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now))


@pytest.fixture(scope="module")
def _shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    tokens = Tokens(folder)
    hub = Hub(
        folder,
        bench=folder / "bench",
        more=("--tokens", f"http://127.0.0.1:{tokens.port}", "--tokens-secret", "secret"),
    )
    till = Till(hub.coap_port, "till-1")
    with contextlib.ExitStack() as stack:
        stack.callback(thread.join)
        stack.callback(loop.call_soon_threadsafe, loop.stop)
        stack.callback(tokens.stop)
        tokens.start()
        stack.callback(hub.stop)
        hub.start()
        call(till.__aenter__())
        stack.callback(lambda: call(till.unbind()))
        till.do = lambda f, *a: loop.call_soon_threadsafe(f, *a)
        until(lambda: hub.devices().get("till", {}).get("link") == "live", "the till is not met")
        yield hub, tokens, till


@pytest.fixture(params=SCREENS)
def shop(request, chromium, _shop, pictures):
    """(a person, the token service, the till)"""
    hub, tokens, till = _shop
    with somebody(chromium, hub, request.param, pictures) as person:
        yield person, tokens, till


def answers(url):
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url).is_success


def panel(person, title):
    return person.page.get_by_role("region", name=title)


def test_who_paid_whom_is_seen_as_it_happens_and_a_token_is_braked(shop):
    person, tokens, _ = shop
    person.opens()
    person.goes_to("Money")
    expect(person.page.get_by_text("the ledger sums up to zero")).to_be_visible()
    assert tokens.pays(120).approved
    expect(panel(person, "Ledger").get_by_text(f"{XSS} pays CAMPUS 1.20 EUR").first).to_be_visible()
    tokens.settles()
    expect(panel(person, "Ledger").get_by_text(f"CAMPUS has 1.20 EUR of {XSS}: platform").first).to_be_visible()
    expect(panel(person, "Shares").get_by_text("developer")).to_be_visible()

    token = panel(person, "Tokens").get_by_role("listitem")
    expect(token.get_by_text(f"•••• {tokens.card.number[-4:]}")).to_be_visible()
    person.touches(token.get_by_role("button", name="Suspend"))
    expect(person.told("Suspended: its next tap is declined")).to_be_visible()
    expect(token.get_by_text("suspended", exact=True)).to_be_visible()
    expect(token.get_by_text("; its next tap is declined")).to_be_visible()
    assert tokens.pays(120).reason == 3
    person.touches(token.get_by_role("button", name="Resume"))
    expect(token.get_by_text("active", exact=True)).to_be_visible()
    assert tokens.pays(120).approved
    assert "owned" not in person.page.title()
    person.keeps_a_picture("money")
    person.page.evaluate(Axe().axe_script)
    found = person.page.evaluate("axe.run()")["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("shop", ["wide"], indirect=True)
def test_a_statement_is_taken_along_and_holds(shop, tmp_path):
    person, tokens, _ = shop
    assert tokens.pays(333).approved
    tokens.settles()
    person.opens("#/part/money")
    for kind in ("CSV", "JSON", "beancount"):
        with person.page.expect_download() as told:
            person.touches(panel(person, "Shares").get_by_role("link", name=f"developer, {kind}"))
        assert told.value.suggested_filename == f"developer.{kind.lower()}"
        told.value.save_as(tmp_path / told.value.suggested_filename)
        if kind != "beancount":
            [total] = recomputed(read(tmp_path / told.value.suggested_filename))
            assert total.merchant == "CAMPUS" and total.share > 0


def test_a_tap_is_drawn_message_by_message_and_opens_to_its_bytes(shop):
    person, tokens, till = shop
    page = person.page
    person.opens("#/part/money")
    taps = panel(person, "The latest taps")
    approved = traced.tapped(number=tokens.card.number, merchant="<i>CAMPUS</i>")
    approved[0] = traced.BEGAN + 10 * len(person.screen)
    till.do(till.sells, approved, "approved", f"{person.screen} 0.07 EUR approved")
    messages = taps.get_by_role("list", name="What was said").get_by_role("listitem")
    expect(messages).to_have_count(10)
    expect(messages.nth(9)).to_have_text("token service to till: approved, A1B2C399 ms")
    times = messages.locator("time").all_inner_texts()
    assert times == [f"{ms} ms" for ms in range(0, 110, 11)]
    for n, row in enumerate(messages.all()):
        ends = row.locator(".arrow").bounding_box()
        left, right = ends["x"], ends["x"] + ends["width"]
        middle = taps.locator(".messages").bounding_box()
        middle = middle["x"] + middle["width"] / 2
        assert (abs(right - middle) < 2) is (n < 8) and (abs(left - middle) < 2) is (n >= 8)
    shown = messages.nth(5).get_by_role("button")
    person.touches(shown)
    expect(shown).to_have_attribute("aria-expanded", "true")
    expect(messages.nth(5).get_by_text("Cryptogram", exact=False).first).to_be_visible()
    person.touches(messages.nth(4).get_by_role("button"))
    expect(messages.nth(4).get_by_text("<i>CAMPUS</i>")).to_be_visible()
    assert tokens.card.number not in page.content() and tokens.card.number[-4:] in page.content()
    person.keeps_a_picture("tap")
    page.evaluate(Axe().axe_script)
    found = page.evaluate("axe.run()")["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []

    began, rows = traced.torn()
    torn = [approved[0] + 1, rows]
    till.do(till.sells, [torn[0], rows[:-2]], "lost", f"{person.screen} 0.07 EUR lost")
    expect(messages.last).to_contain_text("the field is lost")
    expect(messages.last).to_have_attribute("data-kind", "lost")
    till.do(till.sells, torn, "", f"{person.screen} 0.07 EUR taken back")
    expect(messages.last).to_contain_text("taken back")
    expect(person.told("0.07 EUR, taken back")).to_be_visible()
    person.keeps_a_picture("tap-torn")
    which = taps.get_by_role("combobox", name="Tap")
    earlier = which.get_by_role("option", name="0.07 EUR, approved").first.inner_text()
    which.select_option(label=earlier)
    expect(messages).to_have_count(10)
    till.do(till.sells, [torn[0] + 1, rows], "lost", f"{person.screen} another one")
    expect(which.get_by_role("option")).to_have_count(3 if person.screen == "wide" else 6)
    expect(messages).to_have_count(10)  # who looks at one goes on looking at it


@pytest.mark.parametrize("shop", ["wide"], indirect=True)
def test_a_token_service_that_is_away_is_told_and_comes_back_by_itself(shop):
    person, tokens, _ = shop
    person.opens("#/part/money")
    expect(panel(person, "Accounts").get_by_text("EUR")).to_be_visible()
    tokens.stop()
    expect(person.told("The token service does not answer")).to_be_visible()
    expect(panel(person, "Accounts").get_by_text("EUR")).to_be_visible()
    tokens.start()
    expect(person.told("The token service does not answer")).not_to_be_attached()


@pytest.mark.parametrize("shop", ["wide"], indirect=True)
def test_the_page_of_money_is_fetched_when_it_is_opened(shop):
    person, _, _ = shop
    person.opens()
    expect(person.card("till").link).to_have_text("live")
    person.page.wait_for_load_state("networkidle")
    assert not [url for url in person.asked if "money" in url or "taps" in url]
    person.goes_to("Money")
    expect(person.page.get_by_role("heading", name="Ledger")).to_be_visible()
    names = sorted(url.rpartition("/")[2] for url in person.asked if "/page/" in url)
    assert {"money.js", "taps.js", "money.css"} <= set(names)
