"""Wi-Fi records of NFC tags beside ndeflib: what one writes, the other reads."""

import ndef
import pytest
from ndef import wifi
from toscore import wsc

HOMES = [("home", "right one"), ("\u2615" * 10 + "ab", "x" * 63), ("a", "0123456789abcdef" * 4)]


@pytest.mark.parametrize(("ssid", "password"), [*HOMES, ("cafe", "")])
def test_another_library_reads_what_we_write(ssid, password):
    record = ndef.Record(wsc.TYPE.decode(), data=wsc.payload(ssid, password))
    [read] = ndef.message_decoder(b"".join(ndef.message_encoder([record])))
    assert isinstance(read, wifi.WifiSimpleConfigRecord)
    credential = read.get_attribute("credential")
    assert credential.get_attribute("ssid").value == ssid.encode()
    assert credential.get_attribute("network-key").value == password.encode()
    assert credential.get_attribute("authentication-type").value[1:] == ("WPA2-Personal" if password else "Open",)
    assert credential.get_attribute("encryption-type").value[1:] == ("AES" if password else "None",)
    assert read.get_attribute("wfa-vendor-extension") is not None


@pytest.mark.parametrize("kinds", [("WPA-Personal",), ("WPA2-Personal",), ("WPA-Personal", "WPA2-Personal")])
def test_we_read_what_another_library_writes(kinds):
    record = wifi.WifiSimpleConfigRecord()
    for ssid, password in HOMES:
        credential = wifi.Credential()
        credential.set_attribute("ssid", ssid.encode())
        credential.set_attribute("authentication-type", kinds)
        credential.set_attribute("encryption-type", "AES")
        credential.set_attribute("network-key", password.encode())
        credential.set_attribute("mac-address", b"\x01\x02\x03\x04\x05\x06")
        record.add_attribute("credential", credential)
    record.set_attribute("version-1", 1, 0)
    [raw] = ndef.message_decoder(b"".join(ndef.message_encoder([record])), known_types={})
    assert raw.type == wsc.TYPE.decode() and wsc.networks(raw.data) == HOMES
