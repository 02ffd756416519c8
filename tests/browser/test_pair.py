"""Adding a device on the page: typed, by photo, by camera; who is paired with it; and what waits for a sleeper."""

import asyncio
import contextlib
import io
import threading

import peers
import pytest
import segno
from host.hub.secure_fake import PEER, Keys, SecureFake
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from soon import until

from .conftest import FLAGS
from .person import somebody


@contextlib.contextmanager
def lonely(hub, id="lonely-1"):
    """A device that nobody has paired, in a loop of its own; call(function) runs there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(function, *arguments):
        async def run():
            done = function(*arguments)
            return await done if asyncio.iscoroutine(done) else done

        return asyncio.run_coroutine_threadsafe(run(), loop).result(30)

    fake = SecureFake(id)
    call(fake.__aenter__)
    try:
        yield fake, call
    finally:
        if any(device["id"] == id for device in hub.devices().values()):
            hub.ask("DELETE", f"devices/{id}")
        call(fake.unbind)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@pytest.fixture
def device(hub):
    with lonely(hub) as (fake, call):
        yield fake, call


def picture(code):
    out = io.BytesIO()
    segno.make(code, error="m").save(out, kind="png", scale=8, border=4)
    return out.getvalue()


def adds(person, fake):
    """By the navigation; this test's device runs where nothing finds it."""
    person.opens()
    person.goes_to("Add device")
    page = person.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Add device")
    person.touches(page.get_by_text("It is not found by itself"))
    page.get_by_label("Address").fill(fake.address)
    return page


def is_there(person, fake):
    expect(person.page.get_by_role("heading", level=1)).to_have_text("kettle 3")
    expect(person.page.locator(".devicehead [data-link]")).to_have_text("live")
    assert list(fake.peers) == ["hub"]


def test_a_code_is_typed_and_what_is_wrong_with_it_is_said_meanwhile(person, device):
    fake, call = device
    page = adds(person, fake)
    field = page.get_by_label("Pairing code")
    field.fill(fake.code[:-5])
    expect(page.get_by_text("Group 6", exact=False)).to_be_visible()
    field.fill(fake.code[:12] + fake.code[12:].lower())
    expect(page.get_by_text("This is the code of lonely-1.")).to_be_visible()
    person.keeps_a_picture("add-device")
    person.touches(page.get_by_role("button", name="Add", exact=True))
    is_there(person, fake)
    person.opens()
    expect(person.card("kettle 3").link).to_have_text("live")
    assert fake.code[-20:] not in page.url


def test_a_photo_of_the_code_will_do(person, device):
    fake, call = device
    page = adds(person, fake)
    chosen = page.get_by_label("Choose a photo")
    nothing = {"name": "sky.png", "mimeType": "image/png", "buffer": picture("https://example.org")}
    chosen.set_input_files(nothing)
    expect(page.get_by_text("not a pairing code")).to_be_visible()
    chosen.set_input_files({"name": "code.png", "mimeType": "image/png", "buffer": picture(fake.code)})
    is_there(person, fake)


def test_who_is_somewhere_else_is_asked_for_the_address(person, device):
    fake, call = device
    person.opens("#/part/pair")
    page = person.page
    page.get_by_label("Pairing code").fill(fake.code)
    person.touches(page.get_by_role("button", name="Add", exact=True))
    expect(page.get_by_text("is not found here")).to_be_visible()
    expect(page.get_by_label("Address")).to_be_visible()


def test_the_camera_sees_the_code(hub, house, device, pictures, tmp_path):
    fake, call = device
    frame = Image.new("RGB", (640, 480), "grey")
    code = Image.open(io.BytesIO(picture(fake.code))).convert("RGB").resize((400, 400))
    frame.paste(code, (120, 40))
    film = tmp_path / "film.mjpeg"
    frame.save(tmp_path / "frame.jpg", quality=95)
    film.write_bytes((tmp_path / "frame.jpg").read_bytes() * 5)
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    flags += [f"--use-file-for-fake-video-capture={film}"]
    path = peers.need("chromium")
    ended = []

    def in_a_thread():  # there is one Playwright in this one already
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS + flags)
            with somebody(browser, hub, "phone", pictures) as person:
                page = adds(person, fake)
                person.touches(page.get_by_role("button", name="Use the camera"))
                is_there(person, fake)
            browser.close()
            ended.append(True)

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join(50)
    assert ended


def test_others_that_are_paired_are_listed_and_sent_away(person, device):
    fake, call = device
    hub = person.hub
    hub.ask("POST", "pair", code=fake.code, address=fake.address)
    call(fake.put_in, "till", PEER, Keys(bytes(16), b"", b"\x77", b"\x09"))
    person.opens_device("kettle 3")
    panel = person.page.get_by_role("region", name="Paired with")
    expect(panel.get_by_text("this hub")).to_be_visible()
    person.touches(panel.get_by_role("button", name="Revoke till"))
    person.touches(person.page.get_by_role("dialog").get_by_role("button", name="Revoke"))
    expect(panel.get_by_text("till")).to_have_count(0)
    assert list(fake.peers) == ["hub"]


def test_what_is_set_while_it_sleeps_waits_for_its_next_report(person, device):
    fake, call = device
    hub = person.hub
    hub.ask("POST", "pair", code=fake.code, address=fake.address)
    until(lambda: fake.told, "it is not told where to report")

    def sleep():
        return fake.report(_3=60_000, _4=True)

    call(sleep)
    person.opens()
    card = person.card("kettle 3")
    expect(card.link).to_have_text("asleep")
    person.touches(card.switch("power"))
    expect(card.root.get_by_text("waits for its next report")).to_be_visible()
    assert fake.values[1] is False
    person.keeps_a_picture("waits")
    call(sleep)
    assert fake.values[1] is True
    expect(card.root.get_by_text("waits for its next report")).to_be_visible()
    call(sleep)
    expect(card.root.get_by_text("waits for its next report")).to_have_count(0)
