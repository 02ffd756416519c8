"""`make pictures`: docs/dashboard.png and docs/dashboard-phone.png, of the demo house after a minute of life."""

import sys
import tempfile
import time
from pathlib import Path

import peers
from playwright.sync_api import sync_playwright
from soon import until
from tosplus.paths import ROOT

from .around import House, Hub
from .conftest import FLAGS
from .person import SCREENS, somebody

# (second, what happens, the device and what it is told)
LIFE = [
    (1, "set", "kettle", "power", True),
    (4, "set", "tv", "power", True),
    (5, "set", "tv", "now_showing", "The Third Man"),
    (9, "pull", "till", "keys", "4"),
    (10, "pull", "till", "keys", "2"),
    (11, "pull", "till", "keys", "0"),
    (18, "pull", "fridge", "door", True),
    (22, "pull", "fridge", "door", False),
    (24, "put", "kettle", "water_c", 24),
    (26, "pull", "tv", "keys", "up"),
    (44, "pull", "watch", "button_a", None),
    (45, "set", "kettle", "power", True),
    (43, "set", "tv", "volume", 35),
    (48, "pull", "tv", "keys", "ok"),
    (53, "end"),
]


def live(hub, house):
    """A minute in the house, told in the hub's own API."""
    began = time.monotonic()
    for second, act, *told in LIFE:
        time.sleep(max(0, began + second - time.monotonic()))
        if act == "end":
            return
        name, what, value = told
        id = hub.devices()[name]["id"]
        if act == "put":
            house.put(id, what, value)
        elif act == "set":
            hub.ask("PUT", f"devices/{id}/s/{what}", value=value)
        else:
            hub.ask("POST", f"bench/{id}/{what}", value=value)


def draw(folder, docs):
    hub = Hub(folder, bench=folder / "bench")
    house = House(folder, ROOT / "houses" / "demo.toml", hub.coap_port)
    try:
        fridge = next(id for id, name in house.names.items() if name == "fridge")
        house.put(fridge, "inside_c", 7.5)
        time.sleep(2)  # until it has been seen: the line begins here
        hub.start()
        until(lambda: [device["link"] for device in hub.devices().values()].count("live") == 5, "not all are live")
        live(hub, house)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=peers.program("chromium"), args=FLAGS)
            for screen, name in zip(SCREENS, ("dashboard", "dashboard-phone"), strict=True):
                with somebody(chromium, hub, screen, docs) as person:
                    person.opens()
                    person.page.wait_for_load_state("networkidle")
                    person.page.wait_for_timeout(2000)  # what has just happened glows for a moment
                    person.page.screenshot(path=f"{docs}/{name}.png")
    finally:
        house.stop()
        hub.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder), Path(sys.argv[1]))
