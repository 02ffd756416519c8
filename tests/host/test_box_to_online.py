"""From a box to a device that is live in the hub, with the unmodified esp-web-tools in Chromium. See box.py."""

import asyncio

import pytest
from box import CAFE, HOME, box
from newboard import console

pytestmark = pytest.mark.timeout(240)
SSID, PASSWORD = HOME["ssid"], HOME["password"]


def way(folder, test):
    async def main():
        async with box(folder) as it:
            await it.opens_the_page()
            await asyncio.wait_for(test(it), 180)
            assert PASSWORD.encode() not in console(it.device)

    asyncio.run(main())


def test_a_new_board_is_flashed_given_wifi_paired_and_live(tmp_path):
    async def test(it):
        took_s, ours_s = await it.comes_online()
        assert 0 < ours_s < took_s  # how long it took is make bench's affair

    way(tmp_path, test)


def test_a_wrong_password_is_told_and_the_right_one_then_taken(tmp_path):
    async def test(it):
        await it.was_flashed()
        await it.asks_for_wifi()
        await it.gives_wifi(SSID, "wrong one")
        assert await it.complaint() == "Unable to connect"
        assert b" 381 2" in console(it.device)
        await it.gives_wifi(SSID, PASSWORD)
        await it.reads("Device connected to the network!")

    way(tmp_path, test)


def test_an_open_network_wants_no_password(tmp_path):
    async def test(it):
        await it.was_flashed()
        await it.asks_for_wifi()
        await it.gives_wifi(CAFE["ssid"], None)
        await it.reads("Device connected to the network!")

    way(tmp_path, test)


def test_a_cable_that_is_pulled_while_the_page_writes(tmp_path):
    async def test(it):
        it.device.rom.nor.cut_after = 1400  # in the application: erasing the chip is one sector after the other
        await it.installs()
        assert await it.failure()  # in esptool-js' words
        assert not it.device.is_plugged
        assert it.device.rom.nor.read(0x8000, 2) == b"\xaa\x50" and set(it.device.rom.nor.read(0x200000, 64)) == {0xFF}
        it.device.plug()
        await it.opens_the_page()
        await it.installs()
        await it.is_installed()
        await it.gives_wifi(SSID, PASSWORD)
        await it.reads("Device connected to the network!")
        await it.device.ready()

    way(tmp_path, test)
