"""Improv over a device's Bluetooth, by py-improv-ble-client with bleak, over a virtual link of bumble's."""

import asyncio

import peers
import pytest
from soon import soon
from tosplus.link.client import Client
from tosplus.sim.device import Device
from wifi import AROUND, DO_NOT_WORK, WIDE_PASSWORD, WIDE_SSID, WORK, joined, told

OWNER = {
    "name": "phone", "secret": "11" * 16, "salt": "22" * 8, "sender_id": "00", "recipient_id": "01", "role": 1,
}  # fmt: skip

# The standard's numbers.
SERVICE = "00467768-6228-2272-4663-2774782680%02d"
STATE, ERROR, COMMAND, RESULT = 1, 2, 3, 4
AUTHORIZED, PROVISIONING, PROVISIONED = 2, 3, 4
INVALID, UNKNOWN_COMMAND, UNABLE_TO_CONNECT, NOT_AUTHORIZED = 1, 2, 3, 4


@pytest.fixture(scope="session", autouse=True)
def packages():
    for package in ("bumble", "bleak", "bleak_retry_connector", "improv_ble_client"):
        peers.need(package)


@pytest.fixture
def phone_of(monkeypatch):
    """phone_of(air, most_mtu): awaitable -> the client, as Home Assistant has it, on a phone of its own."""

    async def make(air, most_mtu=517):
        import ble
        import improv_ble_client.client
        from improv_ble_client import ImprovBLEClient

        phone = await air.phone(most_mtu)
        monkeypatch.setattr(improv_ble_client.client, "BleakClientWithServiceCache", air.client_class(phone))
        found = await air.scanned(phone)
        client = ImprovBLEClient(ble.ble_device())
        client.found = found
        await client.ensure_connected()
        return client

    return make


def in_air(tmp_path, test, app="kettle", plain=True, rate=20):
    """Run test(air, device)."""
    import ble

    async def main():
        async with (
            ble.Air() as air,
            Device(
                app,
                state_dir=tmp_path / "den" / "it",
                rate=rate,
                access_points=AROUND,
                plain=plain,
                bluetooth=air.port,
            ) as device,
        ):
            await device.ready()
            await test(air, device)

    asyncio.run(asyncio.wait_for(main(), 240))


async def refused(client, ssid, password):
    """-> the error that the client had of the device."""
    from improv_ble_client import errors

    with pytest.raises(errors.ProvisioningFailed) as e:
        await client.provision(ssid, password, None)
    return e.value.error


def written(*strings):
    """The command that gives a network, by the standard's table."""
    data = b"".join(bytes((len(s),)) + s for s in strings)
    body = bytes((1, len(data))) + data
    return body + bytes((sum(body) & 255,))


async def raw(client, *parts):
    """Writes to the command, as they are."""
    await client.ensure_connected()
    for part in parts:
        await client._client.write_gatt_char(SERVICE % COMMAND, part, True)


def test_what_a_phone_sees_before_it_connects(tmp_path, phone_of):
    from bumble.core import AdvertisingData
    from improv_ble_client import device_filter, protocol

    async def test(air, device):
        client = await phone_of(air)
        data = client.found.data
        about = data.get(AdvertisingData.SERVICE_DATA_16_BIT_UUID)
        uuids = data.get(AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS)
        assert str(uuids[0]).lower().split(" ")[0] == protocol.SERVICE_UUID
        assert about[0] == 0x4677 or str(about[0]).endswith("4677")
        said = protocol.ImprovServiceData.from_bytes(about[1])
        assert said.state == AUTHORIZED and said.capabilities == 6  # a kettle has nothing to blink

        class Advertisement:
            service_uuids = [protocol.SERVICE_UUID]
            service_data = {protocol.SERVICE_DATA_UUID: about[1]}

        assert device_filter(Advertisement)
        assert not await client.need_authorization()

    in_air(tmp_path, test)


def test_a_client_learns_who_it_is_and_what_is_around(tmp_path, phone_of):
    async def test(air, device):
        client = await phone_of(air)
        about = await client.get_device_info()
        assert (about.firmware_name, about.firmware_version, about.hardware_chip) == (b"kettle", b"0.1.0", b"UNIX")
        assert about.device_name == b"kettle-" + device.uid.encode()
        assert (await client.scan_wifi()).networks == [
            (b"cafe", b"-40", b"NO"),
            (b"home", b"-50", b"YES"),
            (WIDE_SSID.encode(), b"-70", b"YES"),
            (b"broken", b"-80", b"YES"),
        ]
        assert len([kind for kind, _ in air.notified if kind == RESULT]) == 2  # one notification for each
        assert not client.can_set_hostname and not client.can_identify

    in_air(tmp_path, test)


@pytest.mark.parametrize(("ssid", "password"), WORK, ids=["home", "open", "hidden", "wide"])
@pytest.mark.parametrize("most_mtu", [517, 23])
def test_a_network_that_works_is_kept_and_the_radio_goes_off(tmp_path, phone_of, ssid, password, most_mtu):
    async def test(air, device):
        client = await phone_of(air, most_mtu)
        states = []
        assert await client.provision(ssid, password, states.append) is None
        assert states == [PROVISIONING, PROVISIONED]
        assert (await told(device))[:2] == (3, [ssid])
        await soon(lambda: not air.is_on)
        assert air.advertised is None
        await device.kill()
        await device.restarted()
        await joined(device, ssid)
        assert not air.is_on

    in_air(tmp_path, test)
    log = (tmp_path / "den" / "it" / "console.log").read_bytes()
    assert not password or password.encode() not in log


@pytest.mark.parametrize(("ssid", "password", "reason"), DO_NOT_WORK)
def test_a_network_that_does_not_work_is_refused_with_its_reason_and_not_kept(
    tmp_path, phone_of, ssid, password, reason
):
    async def test(air, device):
        client = await phone_of(air)
        assert await refused(client, ssid, password) == UNABLE_TO_CONNECT
        assert await told(device) == (1, [], [reason])
        await client.provision("home", "right one", None)  # straight after
        assert await told(device) == (3, ["home"], [reason])

    in_air(tmp_path, test)


def test_after_a_failure_the_same_connection_may_try_again(tmp_path, phone_of):
    async def test(air, device):
        client = await phone_of(air)
        await raw(client, written(b"home", b"wrong one"))
        await soon(lambda: (ERROR, b"\x03") in air.notified)
        await raw(client, written(b"home", b"right one"))
        await soon(lambda: (STATE, b"\x04") in air.notified)
        assert [data for kind, data in air.notified if kind == STATE][-4:] == [b"\x03", b"\x02", b"\x03", b"\x04"]

    in_air(tmp_path, test)


def test_a_transfer_that_is_cut_is_not_continued_by_the_next_client(tmp_path, phone_of):
    async def test(air, device):
        whole = written(b"home", b"right one")
        client = await phone_of(air, 23)
        for n in (1, 2, 3, 8, 16):
            await raw(client, whole[:n])
            await client._execute_disconnect(None)
            await soon(lambda: air.advertised)
        await client.provision("home", "right one", None)
        assert await told(device) == (3, ["home"], [])

    in_air(tmp_path, test)


def test_a_command_may_come_in_several_writes_or_several_in_one(tmp_path, phone_of):
    async def test(air, device):
        client = await phone_of(air, 23)
        whole = written(WIDE_SSID.encode(), WIDE_PASSWORD.encode())
        await raw(client, *(whole[n : n + 20] for n in range(0, len(whole), 20)))
        await soon(lambda: (STATE, b"\x04") in air.notified)
        assert (await told(device))[1] == [WIDE_SSID]

    in_air(tmp_path, test)


def test_garbage_is_answered_and_the_next_command_counts(tmp_path, phone_of):
    async def test(air, device):
        client = await phone_of(air)
        damaged = bytearray(written(b"home", b"right one"))
        damaged[4] ^= 1
        cut = b"\x01\x05\x04home"  # says five bytes, and they are no network
        unknown = b"\x09\x00\x09"
        for garbage, error in (
            (bytes(damaged), INVALID),
            (cut + bytes((sum(cut) & 255,)), INVALID),
            (unknown, UNKNOWN_COMMAND),
            (b"\x05\x00\x05", UNKNOWN_COMMAND),
        ):
            air.notified.clear()
            await raw(client, garbage)
            await soon(lambda e=error: (ERROR, bytes((e,))) in air.notified)
        await raw(client, b"\xff" * 200)  # the start of something long
        await asyncio.sleep(0.3)  # 6 s of the device
        assert (await told(device))[1] == []
        await client.provision("home", "right one", None)
        assert (await told(device))[1] == ["home"]

    in_air(tmp_path, test)


def test_a_client_with_small_packets_gets_what_fits_and_can_read_the_rest(tmp_path, phone_of):
    from improv_ble_client import protocol

    async def test(air, device):
        client = await phone_of(air, 23)
        assert (await client.scan_wifi()).networks == [(b"cafe", b"-40", b"NO")]
        await raw(client, b"\x03\x00\x03")
        await soon(lambda: (ERROR, b"\xff") in air.notified)
        said = await client._client.read_gatt_char(SERVICE % RESULT)
        assert protocol.parse_result(bytes(said)).firmware_name == b"kettle"
        assert all(len(data) <= 20 for _, data in air.notified)
        assert len([kind for kind, _ in air.notified if kind == RESULT]) == 1  # never a part of one
        async with Client(*device.link) as link:
            assert (await link.log()).counts[398] == 1

    in_air(tmp_path, test)


def test_one_with_an_owner_wants_its_button_pressed(tmp_path, phone_of):
    async def test(air, device):
        await device.control("peer", **OWNER)
        client = await phone_of(air)
        assert await client.need_authorization()
        assert (await client.get_device_info()).firmware_name == b"kettle"  # that much anybody may know
        assert await refused(client, "home", "right one") == NOT_AUTHORIZED
        await soon(lambda: air.advertised)  # the client hangs up after an error
        client = await phone_of(air)
        states = []
        await client.subscribe_state_updates(states.append)
        await device.press("button", 500)
        await soon(lambda: AUTHORIZED in states)
        await client.provision("home", "right one", None)
        await soon(lambda: not air.is_on)
        assert " 397 " in (device.state_dir / "console.log").read_text()

    in_air(tmp_path, test, plain=False)


def test_its_button_lets_an_owner_change_the_network_of_one_that_has_one(tmp_path, phone_of):
    async def test(air, device):
        await (await phone_of(air)).provision("home", "right one", None)
        await soon(lambda: not air.is_on)
        await device.control("peer", **OWNER)
        await asyncio.sleep(0.2)
        assert not air.is_on
        await device.press("button", 500)
        await soon(lambda: air.advertised)
        client = await phone_of(air)
        assert not await client.need_authorization()
        await client.provision("cafe", "", None)
        await soon(lambda: not air.is_on)
        await asyncio.sleep(0.2)
        assert not air.is_on  # one press, one change

    in_air(tmp_path, test, plain=False)


def test_one_that_finds_its_network_has_no_radio_on(tmp_path, phone_of):
    async def test(air, device):
        async def passes(ms):
            await device.control("advance", ms=ms)
            await asyncio.sleep(0.1)  # what it says of its radio has come

        await device.control("config", changes={"networks": [["home", "right one"]]})
        await passes(30_000)
        assert not air.is_on
        await device.kill()
        await device.restarted()
        for _ in range(12):
            await passes(5000)
            assert not air.is_on
        await device.control("access_points", list=[])
        await passes(25_000)
        assert not air.is_on  # it is given time
        await passes(35_000)
        await soon(lambda: air.advertised)

    in_air(tmp_path, test, rate=0)


def test_one_that_can_shows_itself(tmp_path, phone_of):
    app = tmp_path / "candle.py"
    app.write_text("from tos import App\napp = App('candle', needs=('led',))\n")

    async def test(air, device):
        client = await phone_of(air)
        assert client.can_identify
        await client.identify()
        async with asyncio.timeout(60):
            while (await device.control("get"))["signals"]["led_percent"] != 100:
                pass

    in_air(tmp_path, test, app=str(app), rate=1)


def test_what_bluetooth_takes_is_given_back(tmp_path, phone_of):
    async def test(air, device):
        client = await phone_of(air)
        on = await device.control("heap")
        await client.provision("home", "right one", None)
        await soon(lambda: not air.is_on)
        off = await device.control("heap")
        print(on, off)
        assert off["alloc_b"] < on["alloc_b"] - 4096

    in_air(tmp_path, test)
