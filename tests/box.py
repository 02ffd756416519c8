"""The way from a box to a device that is live in a hub: esp-web-tools in Chromium, a simulated board, `tos hub`.

A person's way, with the page that `tos build` makes and the unmodified esp-web-tools; only navigator.serial is ours.
"""

import asyncio
import contextlib
import http.server
import threading
import time
from functools import partial
from pathlib import Path

import chipware
import peers
from browser.around import Hub
from newboard import console, kettle
from playwright.async_api import Error, async_playwright, expect
from playwright.async_api import TimeoutError as NotYet
from tosplus.build import flasher
from tosplus.build.product import build
from tosplus.sim.device import Device
from web_serial import Waits, bridge

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-features=LocalNetworkAccessChecks"]  # the bridge is on loopback
HOME = {"ssid": "home", "password": "right one", "rssi_dbm": -50}
CAFE = {"ssid": "cafe", "password": None, "rssi_dbm": -40}  # the strongest is what the dialog proposes
LONG_MS = 60_000
AGAIN_MS = 5_000


def page_for(folder):
    """-> the folder with the page and all that it loads, as `tos build` leaves it.

    Of the image only the file system is not what was built: where the chip is simulated a tree for UNIX starts.
    """
    stock = folder / "stock.bin"
    stock.write_bytes(chipware.firmware("esp32")[1])
    # Not by the command: what an app costs a board is test_build's affair.
    report = build("kettle", "ESP32_GENERIC", folder / "tree")
    flasher.write(report, folder / "flash", stock, peers.need_web() / "esp-web-tools/dist/web")
    merged = folder / "flash/merged.bin"
    start, size = chipware.VFS
    whole = merged.read_bytes()
    assert len(whole) == start + size
    merged.write_bytes(whole[:start] + chipware.file_system(kettle()))
    return merged.parent


@contextlib.contextmanager
def served(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


class Box:
    """A board, the page that flashes it, and a hub. device: simulated; hub: browser.around's; page: Playwright's.

    spans: when a person or a program waited for what is ours, as (began, ended).
    """

    def __init__(self, device, hub, browser, address, image, waits):
        self.device, self.hub = device, hub
        self.page = None
        self._browser, self._address, self._waits = browser, address, waits
        self._image = image
        self._began = 0.0
        self._own = []

    async def opens_the_page(self):
        self.page = await self._browser.new_page()
        await self.page.goto(self._address)
        await self.page.wait_for_function("!!customElements.get('esp-web-install-button')")

    async def installs(self):
        """From the page's button to the first byte that is written."""
        self._began = time.monotonic()
        page = self.page
        await page.get_by_role("button", name="Install").click()
        await page.get_by_text("Install TOS+ kettle on ESP32_GENERIC").click()
        await page.get_by_role("checkbox").check()
        await self._presses("Next")
        await page.get_by_text("Do you want to install").wait_for()
        await page.locator("ew-text-button", has_text="Install").click()

    async def is_installed(self):
        await self.reads("Installation complete!")
        await self._presses("Next")

    async def was_flashed(self):
        """Instead of all that: the bytes are in the flash, and the board is on."""
        self.device.rom.nor.program(0, self._image.read_bytes())
        self.device.rom.reset()
        await self.device.ready()

    async def asks_for_wifi(self):
        """For a board that is known, from the page's button. Who is told of no Wi-Fi closes the dialog and tries again:
        esp-web-tools waits 1.5 s for the board's answer."""
        self._began = time.monotonic()
        wifi, anyhow = self.page.get_by_text("Connect to Wi-Fi"), self.page.get_by_text("Logs & Console")
        await self.page.get_by_role("button", name="Install").click()
        await anyhow.wait_for()
        while not await wifi.is_visible():
            await self.page.locator("ewt-install-dialog ew-icon-button").click()
            await self.page.locator("ewt-install-dialog").wait_for(state="detached")
            await self.page.get_by_role("button", name="Install").click()
            await anyhow.wait_for()
        await wifi.click()

    async def failure(self):
        await self.page.get_by_text("Installation failed").wait_for()
        return await self.page.locator("ewt-page-message").evaluate("element => element.label")

    async def complaint(self):
        return await self.page.locator("p.error").inner_text()

    async def gives_wifi(self, ssid, password):
        """By the list of networks, until the dialog has an answer, whatever it is."""
        page = self.page
        await page.get_by_role("combobox", name="Network").click()
        await page.locator("ew-select-option", has_text=ssid).click()
        if password is not None:
            await page.locator("ew-filled-text-field[name=password] input").fill(password)
        progress, begins = page.locator("ewt-page-progress"), False
        with self._ours():
            while not begins:  # on a busy machine the page may lose a press, and a person presses again
                await page.locator("ew-text-button", has_text="Connect").click()
                with contextlib.suppress(NotYet):
                    await progress.wait_for(state="attached", timeout=AGAIN_MS)
                    begins = True
            await progress.wait_for(state="detached")

    async def reads(self, message):
        await self.page.locator(f'ewt-page-message[label="{message}"]').wait_for(state="attached")

    async def _presses(self, name):
        await self.page.locator("ew-dialog ew-text-button", has_text=name).click()

    async def adds_it(self):
        """On the hub's page, with the code from the board's console."""
        code = await self.device.code()
        page = await self._browser.new_page()
        await page.goto(f"{self.hub.address}/#/part/pair")
        await page.get_by_text("It is not found by itself").click()
        await page.get_by_label("Address").fill("{}:{}".format(*self.device.link))
        await page.get_by_label("Pairing code").fill(code)
        with self._ours():
            await page.get_by_role("button", name="Add", exact=True).click()
            await expect(page.locator(".devicehead [data-link]")).to_have_text("live", timeout=LONG_MS)

    async def comes_online(self):
        """The whole way, from the page -> (seconds, our share of them)."""
        await self.installs()
        await self.is_installed()
        await self.gives_wifi("home", HOME["password"])
        await self.reads("Device connected to the network!")
        await self.adds_it()
        return self.took_s()

    async def shows(self):
        """What a person sees: the pages, in words, and the last lines of the board's console."""
        pages = [f"{page.url}\n{await page.locator('body').aria_snapshot()}" for page in self._browser.pages]
        return "\n\n".join([*pages, console(self.device)[-1500:].decode(errors="replace")])

    def took_s(self):
        """(since the page's button was pressed, our share of it)"""
        spans = sorted(self._own + [span for span in self._waits.spans if span[0] >= self._began])
        share, until = 0.0, 0.0
        for began, ended in spans:
            share += max(0.0, ended - max(began, until))
            until = max(until, ended)
        return time.monotonic() - self._began, share

    @contextlib.contextmanager
    def _ours(self):
        began = time.monotonic()
        yield
        self._own.append((began, time.monotonic()))


@contextlib.asynccontextmanager
async def box(folder: Path):
    """-> a Box with a new board, whose flash is empty."""
    chromium, page = peers.need("chromium"), page_for(folder)
    waits, hub = Waits(), Hub(folder)
    script = (Path(__file__).parent / "web/serial.js").read_text().replace("export class", "class")
    async with contextlib.AsyncExitStack() as stack:
        address = stack.enter_context(served(page))
        stack.callback(hub.stop)
        await asyncio.to_thread(hub.start)
        device = Device("kettle", state_dir=folder / "den/board", chip="esp32", access_points=(HOME, CAFE), hub=None)
        await stack.enter_async_context(device)
        url = await stack.enter_async_context(bridge(device, waits))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        stack.push_async_callback(browser.close)
        context = await browser.new_context()
        ask = f'{{ requestPort: async () => new Port("{url}") }}'
        await context.add_init_script(f'{script}\nObject.defineProperty(navigator, "serial", {{ value: {ask} }});')
        context.set_default_timeout(LONG_MS)
        it = Box(device, hub, context, address, page / "merged.bin", waits)
        try:
            yield it
        except (Error, AssertionError, TimeoutError, asyncio.TimeoutError) as e:
            raise AssertionError(f"{e or 'it took too long'}\n\n{await it.shows()}") from e


async def box_to_online(folder):
    """The whole way, for make bench -> (seconds, our share of them)."""
    async with box(folder) as it:
        await it.opens_the_page()
        return await it.comes_online()
