"""What the manifests say of when a module takes heap, beside what a device has loaded: `tos build` adds up by it."""

import asyncio

import pytest
from tosplus.build import manifest
from tosplus.build import product as build
from tosplus.sim.device import Device
from trust import Asking, credentials, pair_with

AROUND = ({"ssid": "home", "password": "right one", "rssi_dbm": -50},)
NETWORKS = {"networks": [["home", "right one"]]}
NEVER = "no"
NO_RADIO = {"tos.ble"}  # a simulated device has one for BLE only where a test gives it one
FOLDERS = {"tos.drivers"}
ASKED = {"toscore.mdns"}  # whoever else is on this machine may ask for it; tests/device/test_announce.py sees it go


async def loaded(device):
    """The modules of the core that it has in memory, as paths in lib/."""
    told = (await device.control("modules"))["modules"]
    ours = {name for name in told if name.split(".")[0] in ("tos", "toscore")}
    return {name for name in ours if not name.startswith("tos.ports.unix")} - ASKED - FOLDERS


def declared(app, *when):
    modules = [m for m in build.build(app, "UNIX").loads(*when) if m.feature and m.target.startswith("a/")]
    names = [m.target.removeprefix("a/lib/").removesuffix(".mpy").replace("/", ".") for m in modules]
    names = [name.removesuffix(".__init__") for name in names]
    return {name for name in names if not name.startswith("tos.ports.unix")} - NO_RADIO - ASKED


def run(tmp_path, app, test):
    """Run test(device), which has joined Wi-Fi, with a clock that is the bench's."""

    async def main():
        about = {"rate": 0, "wall": 1_800_000_000, "access_points": AROUND}  # a hub says what time it is
        async with Device(app, state_dir=tmp_path / "den" / app, **about) as device:
            await device.ready()
            await device.control("config", changes=NETWORKS)
            await device.control("advance", ms=60_000, timeout_s=30)
            await test(device)

    asyncio.run(main())


@pytest.mark.parametrize("app", ["kettle", "lamp", "fridge", "tv", "till"])
def test_a_device_that_nobody_owns_has_loaded_what_is_always_loaded(tmp_path, app):
    async def test(device):
        assert await loaded(device) == declared(app, manifest.ALWAYS, manifest.BY_APP)

    run(tmp_path, app, test)


def test_a_device_with_a_hub_has_loaded_what_is_loaded_when_paired(tmp_path):
    async def test(device):
        key = {"secret": "11" * 16, "salt": "22" * 8}
        for n, (name, role) in enumerate((("phone", 1), ("hub", 4))):
            ids = {"sender_id": "64", "recipient_id": f"7{n}"}
            await device.control("peer", name=name, role=role, **key, **ids)
        await device.control("config", changes={"hub": "127.0.0.1:9", "hub_peer": "hub"})
        await device.control("advance", ms=60_000, timeout_s=30)
        assert await loaded(device) == declared("kettle", manifest.ALWAYS, manifest.PAIRED)

    run(tmp_path, "kettle", test)


def test_what_passes_is_loaded_when_it_is_asked_for_and_is_gone_afterwards(tmp_path):
    async def test(device):
        rest = await loaded(device)
        context = await pair_with(device)
        async with Asking(device, credentials(context, tmp_path)) as asking:
            await asking.get("p")
        seen = await loaded(device) - rest
        stays = declared("kettle", manifest.STAYS)
        assert "tos.trust" in seen and seen <= declared("kettle", manifest.PASSES) | stays
        await device.control("advance", ms=60_000, timeout_s=30)
        assert await loaded(device) - stays == rest

    run(tmp_path, "kettle", test)


def test_what_an_app_does_not_use_is_shipped_and_costs_it_nothing():
    kettle, tv = build.build("kettle", "UNIX"), build.build("tv", "UNIX")
    chip = {"toscore.pn532", "tos.drivers.pn532", "tos.drivers.pn532_bus"}
    pays = {f"tos.{name}" for name in ("owned", "pay", "pin", "taps", "wallet")}
    pays |= {f"toscore.{name}" for name in ("apdu", "card", "cmac", "emv", "tlv")}
    chip |= {"tos.tag", "toscore.ndef", "toscore.type4", "toscore.wsc"}
    rare = {"tos.sleep", "tos.carried", "tos.till"} | chip | pays
    assert {"tos.pad", "toscore.packed_viper"} | rare == declared("kettle", NEVER)
    assert rare == declared("tv", NEVER)
    assert {m.target for m in kettle.modules} == {m.target for m in tv.modules}
