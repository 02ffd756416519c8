"""The simulated ROM bootloader is accepted by the unmodified esptool-js in Chromium, where web pages flash boards."""

import asyncio
import base64
import contextlib
import hashlib
from pathlib import Path

import chipware
import peers
import pytest
from newboard import kettle
from playwright.async_api import async_playwright
from tosplus.sim.device import Device
from web_serial import bridge

WEB = Path(__file__).parents[1] / "web"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-features=LocalNetworkAccessChecks"]  # the bridge is on loopback
PAGE = """<script type="module">
import {ESPLoader, Transport} from "/esptool.js";
import {Port} from "/serial.js";
Object.defineProperty(navigator, "serial", {value: {}});
window.flash = async (url, parts) => {
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const fileArray = parts.map(([address, text]) => ({address, data: bytes(text)}));
  const md5s = parts.map(([, , md5]) => md5);
  navigator.serial.requestPort = async () => new Port(url);
  const transport = new Transport(await navigator.serial.requestPort());
  const terminal = {clean() {}, writeLine() {}, write() {}};
  const loader = new ESPLoader({transport, baudrate: 115200, terminal});
  const chip = await loader.main();
  await loader.writeFlash({
    fileArray, flashSize: "keep", flashMode: "keep", flashFreq: "keep", eraseAll: false, compress: true,
    calculateMD5Hash: () => md5s.shift(),
  });
  await transport.setRTS(true);  // as esp-web-tools resets
  await new Promise(done => setTimeout(done, 100));
  await transport.setRTS(false);
  await transport.disconnect();
  return [chip, loader.IS_STUB];
};
window.isReady = true;
</script>"""


@pytest.fixture(scope="module")
def files():
    """What the page loads, by its path."""
    modules = peers.need_web()
    return {
        "/": ("text/html", PAGE),
        "/esptool.js": ("text/javascript", (modules / "esptool-js/bundle.js").read_text()),
        "/serial.js": ("text/javascript", (WEB / "serial.js").read_text()),
    }


@contextlib.asynccontextmanager
async def page_of(files):
    async def give(route):
        kind, body = files[route.request.url.removeprefix("http://board.invalid")]
        await route.fulfill(content_type=kind, body=body)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=peers.need("chromium"), args=FLAGS)
        page = await browser.new_page()
        await page.route("http://board.invalid/**", give)
        await page.goto("http://board.invalid/")
        await page.wait_for_function("window.isReady")
        yield page
        await browser.close()


async def flash(page, device, image):
    """-> what esptool-js calls the chip, whether its stub ran."""
    parts = [
        (at, base64.b64encode(data).decode(), hashlib.md5(data).hexdigest()) for at, data in chipware.runs(image)
    ]
    async with bridge(device) as url:
        return await page.evaluate("([url, parts]) => flash(url, parts)", [url, parts])


def test_a_page_flashes_boards_and_their_devices_start(tmp_path, files):
    async def main():
        async with page_of(files) as page:
            for chip, name in {"esp32": "ESP32-D0WD-V3", "esp32s3": "ESP32-S3", "esp32c3": "ESP32-C3"}.items():
                image = chipware.merged(chip, kettle(), app_b=50_000)
                async with Device("kettle", state_dir=tmp_path / chip, chip=chip, restart=False) as device:
                    found, is_stub = await flash(page, device, image)
                    assert found.startswith(name) and is_stub
                    # The device that starts then writes to its file system.
                    assert device.rom.nor.read(0, chipware.VFS[0]) == image[: chipware.VFS[0]]
                    await device.ready()

    asyncio.run(main())
