"""Wi-Fi credentials of NFC tags: records written out by hand from Wi-Fi Simple Configuration 2.0.8, section 12."""

from binascii import unhexlify

from helpers import raises
from toscore import wsc
from toscore.errors import WireError

SSID = "1045" + "0004" + "686f6d65"  # home
WPA2 = "1003" + "0002" + "0020"
AES = "100f" + "0002" + "0008"
KEY = "1027" + "0009" + "7269676874206f6e65"  # right one
HOME = "1026" + "0001" + "01" + SSID + WPA2 + AES + KEY + "1020" + "0006" + "ffffffffffff"
RECORD = "104a" + "0001" + "10" + "100e" + "0030" + HOME + "1049" + "0006" + "00372a000120"
OPEN = "1026000101" + "1045" + "0004" + "63616665" + "1003" + "0002" + "0001" + "100f" + "0002" + "0001" + "10270000"


def credential(hexes):
    value = unhexlify(hexes)
    return b"\x10\x0e" + bytes((len(value) >> 8, len(value) & 255)) + value


def test_a_record_of_the_standard():
    assert wsc.networks(unhexlify(RECORD)) == [("home", "right one")]
    assert wsc.payload("home", "right one") == unhexlify(RECORD)


def test_an_open_network_has_no_password():
    assert wsc.networks(credential(OPEN)) == [("cafe", "")]
    assert wsc.networks(wsc.payload("cafe", "")) == [("cafe", "")]
    assert wsc.networks(credential(SSID + "100300020001" + KEY)) == [("home", "")]


def test_there_may_be_several_and_their_order_is_theirs():
    assert wsc.networks(credential(HOME) + credential(OPEN)) == [("home", "right one"), ("cafe", "")]
    assert wsc.networks(credential(KEY + AES + WPA2 + SSID)) == [("home", "right one")]


def test_what_nobody_knows_is_skipped():
    assert wsc.networks(unhexlify("10990003aabbcc") + credential("20010000" + HOME)) == [("home", "right one")]


def test_a_zero_behind_a_key_is_no_part_of_it():
    assert wsc.networks(credential(SSID + WPA2 + "1027000a7269676874206f6e6500")) == [("home", "right one")]


def test_every_truncation_is_refused():
    whole = credential(HOME)
    for n in range(len(whole)):
        raises(WireError, wsc.networks, whole[:n])
    whole = unhexlify(SSID + WPA2 + KEY)
    for n in range(len(whole)):
        raises(WireError, wsc.networks, b"\x10\x0e" + bytes((0, n)) + whole[:n])


def test_an_attribute_ends_within_its_credential():
    whole = credential(SSID + WPA2 + "10270009" + "61616161") + unhexlify("2001000162")
    raises(WireError, wsc.networks, whole)


def test_what_cannot_be_a_credential_is_refused():
    for inner in (
        WPA2 + KEY, SSID + KEY, SSID + WPA2, SSID + SSID + WPA2 + KEY, SSID + WPA2 + KEY + KEY,
        SSID + "1003000120" + KEY, "10450000" + WPA2 + KEY,
        "10450021" + "61" * 33 + WPA2 + KEY, SSID + WPA2 + "10270041" + "61" * 65,
        "10450001ff" + WPA2 + KEY, SSID + WPA2 + "10270001ff", SSID + WPA2 + "1027000100",
    ):  # fmt: skip
        raises(WireError, wsc.networks, credential(inner))
    raises(WireError, wsc.networks, b"")
    raises(WireError, wsc.networks, unhexlify("104a000110"))


def test_a_record_has_bounds():
    raises(WireError, wsc.networks, unhexlify(RECORD) + b"\x10\x99\x03\xc0" + bytes(960))
    assert wsc.networks(credential(HOME + "20010000" * 26))
    raises(WireError, wsc.networks, credential(HOME + "20010000" * 27))
    raises(ValueError, wsc.payload, "", "x")
    raises(ValueError, wsc.payload, "s" * 33, "x")
    raises(ValueError, wsc.payload, "s", "x" * 65)


def test_the_widest_network_fits():
    for ssid, password in (("\u2615" * 10 + "ab", "x" * 63), ("a", "0123456789abcdef" * 4)):
        assert wsc.networks(wsc.payload(ssid, password)) == [(ssid, password)]
