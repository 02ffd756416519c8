"""Wi-Fi of a whole device: it comes back, it is asked over the link, and it tells nobody a password."""

import asyncio

import pytest
from tosplus.link.client import Client, LinkError
from tosplus.sim.device import Device

HOME = {"ssid": "home", "password": "right one", "rssi_dbm": -50}
PROVISIONED = 3


def device(tmp_path, test, rate=0):
    async def main():
        state = tmp_path / "den" / "kettle"
        async with Device("kettle", state_dir=state, rate=rate, access_points=(HOME,), plain=True) as kettle:
            await kettle.ready()
            async with Client(*kettle.link) as client:
                await test(kettle, client)

    asyncio.run(main())


async def online(kettle, client, within_ms, step_ms=500):
    """Device time until it is on its network."""
    for ms in range(0, within_ms + 1, step_ms):
        if (await client.read("n"))[0] == PROVISIONED:
            return ms
        await kettle.control("advance", ms=step_ms)
    raise AssertionError(f"not back after {within_ms} ms")


def test_it_is_back_within_thirty_seconds_of_its_access_point_twenty_times(tmp_path):
    async def test(kettle, client):
        await client.write("n", {0: "home", 1: "right one"})
        await online(kettle, client, 5000)
        for n in range(20):
            await kettle.control("access_points", list=[])
            await kettle.control("advance", ms=20000 + 37777 * n)
            assert (await client.read("n"))[0] != PROVISIONED
            await kettle.control("access_points", list=[HOME])
            await online(kettle, client, 30000)

    device(tmp_path, test)


def test_a_network_over_the_link_is_tried_told_of_and_forgotten(tmp_path):
    async def test(kettle, client):
        await client.write("n", {0: "home", 1: "wrong one"})
        await kettle.control("advance", ms=2000)
        assert (await client.read("n"))[4] == 2
        await client.write("n", {0: "home", 1: "right one"})
        await online(kettle, client, 5000)
        assert await client.read("n") == {0: PROVISIONED, 1: ["home"], 2: "127.0.0.1", 3: -50, 4: 0}
        await client.write("n", {0: "home"})
        assert (await client.read("n"))[1] == []
        with pytest.raises(LinkError):
            await client.write("n", {0: "s" * 33, 1: ""})

    device(tmp_path, test)


def test_a_password_is_in_the_config_and_nowhere_else(tmp_path):
    async def test(kettle, client):
        await client.write("n", {0: "home", 1: "wrong one"})
        await kettle.control("advance", ms=2000)
        await client.write("n", {0: "home", 1: "right one"})
        await online(kettle, client, 5000)
        told = [await client.read("n"), await client.log(), await client.core(), await client.identity()]
        for secret in ("right one", "wrong one"):
            assert secret not in repr(told)
            assert secret not in (kettle.state_dir / "console.log").read_text()
        flash = (kettle.state_dir / "flash.bin").read_bytes()
        assert b"right one" in flash and b"wrong one" not in flash

    device(tmp_path, test)
