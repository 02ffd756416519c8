"""One browser, one house and one hub for all tests of this folder; each test finds them as if nobody had been there."""

import os

import peers
import pytest
from desk import desk
from playwright.sync_api import sync_playwright
from soon import until

from .around import House, Hub
from .person import SCREENS, somebody

_DEVICES = {"kettle": "kettle", "office": "kettle", "fridge": "fridge", "watch": "watch", "tv": "tv"}
_HOUSE = "[world]\nrate = 30\n" + "".join(
    f'[[device]]\napp = "{app}"\nname = "{name}"\n' for name, app in _DEVICES.items()
)
FLAGS = ["--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="package")
def chromium():
    path = peers.need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def pictures(tmp_path_factory):
    """The folder for pictures of the page; TOS_SCREENSHOTS names another."""
    return os.environ.get("TOS_SCREENSHOTS") or tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="package")
def _running(tmp_path_factory):
    folder = desk(tmp_path_factory.mktemp("browser"))
    (folder / "villa.toml").write_text(_HOUSE)
    hub = Hub(folder, bench=folder / "bench")
    house = None
    try:
        hub.start()
        house = House(folder, folder / "villa.toml", hub.coap_port)
        until(lambda: len(hub.devices()) == 5, "not all devices report")
        yield hub, house
    finally:
        if house:
            house.stop()
        hub.stop()


@pytest.fixture
def hub(_running):
    hub, house = _running
    hub.start()
    return hub


@pytest.fixture
def house(_running, hub):
    """All plugged in and sound, kettles cold and off, the fridge cold and shut, no rule but the makers'."""
    house = _running[1]
    house.mend()
    kettles = ("kettle", "kettle 2")
    until(lambda: all(hub.devices()[name]["link"] == "live" for name in kettles), "a kettle stays away")
    for name in kettles:
        kettle = hub.devices()[name]
        if kettle["rules"]:
            hub.ask("PUT", f"devices/{kettle['id']}/rules", rules=[])
        hub.ask("PUT", f"devices/{kettle['id']}/s/power", value=False)
        house.put(kettle["id"], "water_c", 20)
    house.put(hub.devices()["fridge"]["id"], "inside_c", 4)
    return house


@pytest.fixture(params=SCREENS)
def person(request, chromium, hub, house, pictures):
    with somebody(chromium, hub, request.param, pictures) as person:
        yield person
