"""A device's tag, touched by nfcpy with ndeflib as a phone would: it takes Wi-Fi and never gives it, and shows the
pairing code to who pressed the button. When it closes: device/test_tag.py."""

import asyncio

import ndef
import nfc
import pytest
from ndef import wifi
from soon import until
from taps import Field, nfcpy
from tosplus.sim.device import Device

AROUND = ({"ssid": "home", "password": "right one", "rssi_dbm": -50},)
APP = """
from tos import App
from tos.tag import Tag

app = App("door", needs=("button", "nfc"))
app.use(Tag())
"""


def credential(ssid="home", password="right one"):
    found = wifi.Credential()
    found.set_attribute("ssid", ssid.encode())
    found.set_attribute("authentication-type", ("WPA2-Personal",))
    found.set_attribute("encryption-type", "AES")
    found.set_attribute("network-key", password.encode())
    found.set_attribute("mac-address", b"\xff" * 6)
    record = wifi.WifiSimpleConfigRecord()
    record.add_attribute("credential", found)
    record.set_attribute("version-1", 1, 0)
    return record


def touched(field, work):
    """Runs work(tag) with the tag that is found; twenty tries, as a turn of the device's may end meanwhile."""
    with nfcpy(field.reader) as frontend:
        for _ in range(20):
            until(lambda: field.tag.is_listening)
            target = frontend.sense(nfc.clf.RemoteTarget("106A"))
            tag = target and nfc.tag.activate(frontend, target)
            if tag and tag.ndef:
                return work(tag)
    raise AssertionError("no tag")


def doing(tmp_path, test):
    """test(device, touch), on a device of an app with a tag; touch(work) is awaited."""
    (tmp_path / "door.py").write_text(APP)

    async def main():
        with Field() as field:
            about = {"state_dir": tmp_path / "door", "air": field.air.path, "access_points": AROUND}
            async with Device(str(tmp_path / "door.py"), **about) as device:
                field.tag = device.nfc
                await device.ready()
                await test(device, lambda work: asyncio.to_thread(touched, field, work))

    asyncio.run(main())


async def closed(device):
    """It is on the network, so nothing more is taken: the radio is silent for longer than between two turns."""
    silent = 0
    for _ in range(1000):
        silent = 0 if device.nfc.is_listening else silent + 1
        if silent == 50:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it goes on listening")


def test_a_phone_gives_wifi_to_a_new_device_and_nobody_reads_it_back(tmp_path):
    def write(tag):
        assert tag.ndef.is_readable and tag.ndef.is_writeable
        assert tag.ndef.length == 0
        tag.ndef.records = [credential()]
        return bytes(tag.ndef.octets)

    async def test(device, touch):
        written = await touch(write)
        assert b"right one" in written  # what nfcpy believes
        await closed(device)
        said = b"".join(said.data for said in device.nfc.line.record if said.from_host)
        assert b"right one" not in said
        console = (device.state_dir / "console.log").read_text()
        assert " 250 " in console and "right one" not in console

    doing(tmp_path, test)


def test_what_is_no_network_is_refused_and_the_next_is_taken(tmp_path):
    def write(tag):
        with pytest.raises(nfc.tag.TagCommandError):
            tag.ndef.records = [ndef.UriRecord("https://example.org")]
        return True

    async def test(device, touch):
        assert await touch(write)
        assert " 360 " in (device.state_dir / "console.log").read_text()
        await touch(lambda tag: setattr(tag.ndef, "records", [credential()]))
        await closed(device)

    doing(tmp_path, test)


def test_a_long_record_is_written_in_parts(tmp_path):
    """Longer than one command: nfcpy writes the length last, as the standard wants."""

    async def test(device, touch):
        filler = ndef.Record("application/x", data=bytes(250))
        await touch(lambda tag: setattr(tag.ndef, "records", [filler, credential()]))
        await closed(device)

    doing(tmp_path, test)


def test_who_pressed_the_button_reads_the_pairing_code(tmp_path):
    async def test(device, touch):
        code = await device.code()
        assert await touch(lambda tag: list(tag.ndef.records)) == []
        await device.press("button", 300)
        while not (records := await touch(lambda tag: list(tag.ndef.records))):
            await asyncio.sleep(0.02)
        [record] = records
        assert isinstance(record, ndef.UriRecord) and record.uri == code

    doing(tmp_path, test)
