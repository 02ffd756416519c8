"""A person at a screen, for tests that read as what they do: opens, touches, sees. Playwright drives Chromium."""

import contextlib
import re
from typing import NamedTuple

from playwright.sync_api import expect
from soon import until

expect.set_options(timeout=100_000)

SCREENS = {
    "wide": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "dark",
        "is_mobile": True,
        "has_touch": True,
    },
}
# What Chromium itself says when a hub is gone, and when it says no.
_EXPECTED = re.compile(
    r"Failed to load resource: (net::ERR_\w+|the server responded with a status of (400|401|404|409|422|504) .*)"
    r"|WebSocket connection to '[^']+' failed: .*"
)


def number(reading):
    """What it shows, without its unit; None while that is no number."""
    try:
        return float(reading.inner_text().split("\u00a0")[0])
    except ValueError:
        return None


def rises(reading, above):
    until(lambda: (number(reading) or above) > above, f"{reading.inner_text()} stays")
    return number(reading)


class Card(NamedTuple):
    """A device in the house view."""

    root: object

    def value(self, path):
        return self.root.locator(f'[data-path="{path}"]')

    def switch(self, name):
        return self.root.get_by_role("switch", name=name)

    @property
    def link(self):
        return self.root.locator("[data-link]")


class Person:
    """page: Playwright's, for what has no verb here. screen: "wide" or "phone". asked: each address that the page asked
    for; wrong: each error that it told the console."""

    def __init__(self, page, hub, screen, pictures):
        self.page, self.hub, self.screen, self._pictures = page, hub, screen, pictures
        self.asked, self.wrong = [], []

    # Where to

    def opens(self, view=""):
        """The hub's address, as if typed."""
        self.page.goto(f"{self.hub.address}/{view}")

    def goes_to(self, title):
        """By the page's navigation."""
        self.touches(self.page.get_by_role("navigation").get_by_role("link", name=title))

    def opens_device(self, name):
        self.opens(f"#/device/{self.hub.devices()[name]['id']}")
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)

    # What is there

    def card(self, name):
        return Card(self.page.get_by_role("article", name=name, exact=True))

    def lever(self, title, of):
        """On the page of the world."""
        return self.page.get_by_role("region", name=f"The world around {of}", exact=True).get_by_label(title)

    def button(self, title, of):
        return self.page.get_by_role("region", name=f"The world around {of}", exact=True).get_by_role(
            "button", name=title
        )

    def told(self, words):
        """A message for a person, read aloud where somebody listens."""
        return self.page.get_by_role("status").get_by_text(words)

    @property
    def banner(self):
        return self.told("The hub does not answer")

    def sideways_px(self):
        """By how much the page is wider than the screen."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    # What to do

    def touches(self, what):
        if self.screen == "phone":
            what.tap()
        else:
            what.click()

    def walks_to(self, what):
        """By the Tab key alone."""
        expect(what).to_be_enabled()
        for _ in range(100):
            if what.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError("Tab does not get there")

    def keeps_a_picture(self, name):
        self.page.screenshot(path=f"{self._pictures}/{name}-{self.screen}.png")


@contextlib.contextmanager
def somebody(chromium, hub, screen, pictures):
    """A new person. Whatever they did, the page spoke to nobody but its hub, and broke nothing."""
    context = chromium.new_context(**SCREENS[screen], timezone_id="UTC", locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(100_000)
    person = Person(page, hub, screen, pictures)
    context.on("request", lambda request: person.asked.append(request.url))
    page.on("websocket", lambda socket: person.asked.append(socket.url.replace("ws", "http", 1)))
    page.on("pageerror", lambda error: person.wrong.append(str(error)))
    page.on("console", lambda message: person.wrong.append(message.text) if message.type == "error" else None)
    try:
        yield person
        assert person.sideways_px() == 0, "the page is wider than the screen"
    finally:
        context.close()
    assert [url for url in person.asked if not url.startswith(hub.address + "/")] == []
    assert [text for text in person.wrong if not _EXPECTED.fullmatch(text)] == []
