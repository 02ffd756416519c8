"""When the hub goes: killed, stopped, locked. The page says so, and finds back by itself."""

import time

import pytest
from playwright.sync_api import expect
from soon import until
from tosplus.hub import password

from .around import Hub
from .person import SCREENS, number, rises, somebody


def stays(person):
    """From here on nobody has loaded the page again."""
    person.page.evaluate("window.stayed = true")


def has_stayed(person):
    return person.page.evaluate("window.stayed")


def test_a_hub_that_is_killed_is_missed_and_the_line_goes_on_when_it_is_back(person):
    hub, id = person.hub, person.hub.devices()["kettle"]["id"]
    person.opens()
    stays(person)
    kettle = person.card("kettle")
    began = time.time()
    person.touches(kettle.switch("power"))
    rises(kettle.value("temp"), 22)
    hub.kill()
    expect(person.banner).to_be_visible()
    expect(kettle.switch("power")).to_be_disabled()
    before = number(kettle.value("temp"))
    killed = time.time()
    hub.start()
    expect(person.banner).to_be_hidden()
    expect(kettle.link).to_have_text("live")
    rises(kettle.value("temp"), before)
    expect(kettle.switch("power")).to_be_enabled()
    assert has_stayed(person)
    points = hub.ask("GET", f"devices/{id}/history/temp?since={began}")["points"]
    times = [at for at, value in points]
    assert times == sorted(times) and min(times) < killed < max(times)
    assert all(a != b for (_, a), (_, b) in zip(points, points[1:]))


def test_a_hub_that_hangs_is_missed_too(person):
    person.page.clock.install()
    person.opens()
    stays(person)
    expect(person.card("kettle").switch("power")).to_be_enabled()
    person.hub.suspend()
    person.page.clock.fast_forward(11_000)
    expect(person.card("kettle").switch("power")).to_be_enabled()
    person.page.clock.fast_forward(2_000)
    expect(person.banner).to_be_visible()
    person.hub.resume()
    person.page.clock.fast_forward(13_000)
    expect(person.banner).to_be_hidden()
    expect(person.card("kettle").link).to_have_text("live")
    assert has_stayed(person)


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("locked")
    (folder / "hub").mkdir()
    password.store(folder / "hub", "correct horse")
    hub = Hub(folder)
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture(params=SCREENS)
def stranger(request, chromium, locked, pictures):
    with somebody(chromium, locked, request.param, pictures) as person:
        yield person


def test_who_knows_the_password_enters(stranger):
    page = stranger.page
    stranger.opens("#/events")
    expect(page.get_by_role("heading", level=1)).to_have_text("This house is locked")
    expect(page.get_by_role("navigation")).to_be_hidden()
    expect(page.get_by_label("Password")).to_be_focused()
    stranger.keeps_a_picture("locked")
    page.keyboard.type("battery staple")
    stranger.touches(page.get_by_role("button", name="Open"))
    expect(page.get_by_role("alert")).to_contain_text("wrong password")
    page.get_by_label("Password").fill("correct horse")
    until(lambda: enters(stranger), "it waits for longer than after one wrong password")
    expect(page.get_by_role("heading", level=1)).to_have_text("Events")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Events")
    stranger.touches(page.get_by_role("button", name="Lock"))
    expect(page.get_by_role("heading", level=1)).to_have_text("This house is locked")


def enters(stranger):
    """Whether the door opens; wrong words make it wait a moment."""
    with stranger.page.expect_response("**/api/login") as answer:
        stranger.page.keyboard.press("Enter")
    return answer.value.ok
