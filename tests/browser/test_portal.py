"""A person on a phone gives a new device its Wi-Fi, on the portal of the device's own access point."""

import re

import pytest
from desk import desk
from playwright.sync_api import expect
from soon import until

from .around import _Process
from .person import SCREENS

_HOUSE = """
[world]
rate = 4
[[access_point]]
ssid = "home <b>"
password = "right one"
[[access_point]]
ssid = "caf\u00e9"
rssi_dbm = -85
[[device]]
app = "kettle"
"""


class Kettle(_Process):
    """`tos sim --house`: one kettle that nobody has given a network."""

    def __init__(self, folder):
        super().__init__(folder, "kettle.log")
        (folder / "alone.toml").write_text(_HOUSE)
        self._start("sim", "--house", "alone.toml", "--hub", "")

    def portal(self):
        return until(lambda: re.search(r"portal (http://\S+/)", self.said()), "no access point")[1]


@pytest.fixture
def kettle(tmp_path):
    kettle = Kettle(desk(tmp_path))
    try:
        yield kettle
    finally:
        kettle.stop()


@pytest.mark.parametrize("screen", SCREENS)
def test_a_person_gives_a_wrong_password_tries_again_and_is_told(kettle, chromium, pictures, screen):
    address = kettle.portal()
    context = chromium.new_context(**SCREENS[screen])
    page = context.new_page()
    wrong = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(address + "generate_204")  # as the phone does
    expect(page).to_have_url(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("kettle")
    page.get_by_label("home <b> good").check()
    page.get_by_label("Password").fill("wrong one")
    page.screenshot(path=f"{pictures}/portal-{screen}.png")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("status")).to_contain_text("It tries home <b>")
    expect(page.get_by_role("alert")).to_have_text("home <b>: the password is wrong.")
    expect(page.get_by_label("home <b> good")).to_be_checked()
    expect(page.get_by_label("Password")).to_have_value("")
    page.get_by_label("Password").fill("right one")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("status")).to_contain_text("kettle is on home <b> now")
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width == 0 and [text for text in wrong if "favicon" not in text] == []
    context.close()


def test_a_network_that_hides_is_typed(kettle, chromium):
    address = kettle.portal()
    context = chromium.new_context()
    page = context.new_page()
    page.goto(address)
    page.get_by_label("Another one, or one that hides").fill("attic")
    page.get_by_label("Password").fill("whatever")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("alert")).to_contain_text("attic: there is no such network here")
    expect(page.get_by_label("Another one, or one that hides")).to_have_value("attic")
    page.get_by_label("Another one, or one that hides").fill("")
    page.get_by_label("caf\u00e9 weak, open").check()
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("status")).to_contain_text("kettle is on caf\u00e9 now")
    context.close()
