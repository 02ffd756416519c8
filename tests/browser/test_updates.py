"""The wall of a rollout: people see how far each device is, why one came back, and hold it or halt it."""

import asyncio
import contextlib
import threading

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from host.hub.updating import Toy, toy
from playwright.sync_api import expect
from soon import until
from updated import CONFIRMED, PUBLIC, ROLLED_BACK

_SEQUENCE = {"wide": 2, "phone": 3}


@pytest.fixture
def fleet(hub, house):
    """Four toys that the hub calls kettle 3 to kettle 6."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    devices = [Toy(hub.coap_port, f"wall-{n}", outcome=None) for n in range(4)]
    try:
        for n, device in enumerate(devices):
            call(device.__aenter__())
            until(lambda name=f"kettle {n + 3}": hub.devices().get(name, {}).get("link") == "live", "not met")
        yield devices
    finally:
        for device in devices:
            call(device.unbind())
            with contextlib.suppress(OSError):
                hub.ask("DELETE", f"devices/{device.id}")
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def begun(hub, sequence):
    """A rollout that is paused."""
    hub.ask("POST", "updates/keys", key=PUBLIC.hex())
    headers = {"content-type": "application/octet-stream"}
    url = f"{hub.address}/api/updates/bundles"
    bundle = httpx.post(url, content=toy(sequence).dumps(), headers=headers).json()["id"]
    hub.ask("POST", "updates/rollouts", bundle=bundle, waves=["3", "100%"], halt_at=0.5, paused=True)


def test_a_rollout_is_seen_square_by_square_and_halted(person, fleet):
    page, sequence = person.page, _SEQUENCE[person.screen]
    begun(person.hub, sequence)
    person.opens()
    person.goes_to("Updates")
    wall = page.get_by_role("region", name=f"kettle 1.{sequence}")
    expect(wall.get_by_role("link")).to_have_count(4)
    expect(wall.get_by_role("link", name="kettle 3: waiting")).to_be_visible()
    expect(wall.get_by_text("paused")).to_be_visible()

    person.touches(wall.get_by_role("button", name="Resume"))
    expect(wall.get_by_role("link", name="kettle 3: downloading, 20 %")).to_be_visible()
    fleet[0].outcome = (CONFIRMED, 0)
    expect(wall.get_by_role("link", name="kettle 3: confirmed")).to_be_visible()
    fleet[1].outcome = (ROLLED_BACK, 435)
    reason = "kettle 4: rolled back: three starts of the update crashed, hung or failed their self-test"
    expect(wall.get_by_role("listitem").get_by_text(reason)).to_be_visible()
    expect(wall.get_by_text("wave 1 of 2")).to_be_visible()
    person.keeps_a_picture("updates")

    page.evaluate(Axe().axe_script)
    found = page.evaluate("axe.run()")["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []

    person.touches(wall.get_by_role("button", name="Halt"))
    person.touches(page.get_by_role("dialog").get_by_role("button", name="Halt it"))
    expect(wall.get_by_text("Halted: by a person.")).to_be_visible()
    expect(wall.get_by_role("link", name="kettle 5: waiting")).to_be_visible()
    until(lambda: fleet[2].aborted == 1, "it downloads on")


def test_the_wall_is_as_it_was_when_the_hub_comes_back(person, fleet):
    page, sequence = person.page, _SEQUENCE[person.screen] + 10
    begun(person.hub, sequence)
    person.opens("#/part/updates")
    wall = page.get_by_role("region", name=f"kettle 1.{sequence}")
    person.touches(wall.get_by_role("button", name="Resume"))
    expect(wall.get_by_role("link", name="kettle 3: downloading, 20 %")).to_be_visible()
    person.hub.kill()
    expect(person.banner).to_be_visible()
    for device in fleet:
        device.outcome = (CONFIRMED, 0)
    person.hub.start()
    expect(wall.get_by_role("link", name="kettle 6: confirmed")).to_be_visible()
    expect(wall.get_by_text("done")).to_be_visible()
