"""Improv over a serial port, from improv-wifi.com/serial: packets written out by hand from its tables."""

from binascii import unhexlify

from helpers import raises
from toscore import improv
from toscore.errors import WireError

# "IMPROV" 49 4d 50 52 4f 56, version 01, type, length, data, checksum: the six letters and the version sum to 0x1de.
HEAD = b"IMPROV\x01"
ASKS_STATE = unhexlify("494d50524f56010302" + "0200" + "e5")  # 1de + 3 + 2 + 2 = 1e5
ASKS_INFO = unhexlify("494d50524f56010302" + "0300" + "e6")
ASKS_NETWORKS = unhexlify("494d50524f56010302" + "0400" + "e7")
# The standard's own example: SSID MyWirelessAP, password mysecurepassword.
EXAMPLE = b"\x01\x1e\x0cMyWirelessAP\x10mysecurepassword"


def packet(data, kind=3):
    body = HEAD + bytes((kind, len(data))) + data
    return body + bytes((sum(body) & 255,))


def fed(data, now_ms=0):
    """-> [data of the commands] in these bytes, which begin with a start."""
    found = []
    while data:
        assert data.startswith(HEAD)
        p = improv.Packet(now_ms)
        data = data[len(HEAD) :]
        state = improv.MORE
        while data and state == improv.MORE:
            state = p.feed(data[0], now_ms)
            data = data[1:]
        if state == improv.DONE:
            found.append(p.rpc())
    return found


def test_commands_of_the_standard():
    for data, command in ((ASKS_STATE, 2), (ASKS_INFO, 3), (ASKS_NETWORKS, 4)):
        assert fed(data) == [bytes((command, 0))]
        assert improv.command(fed(data)[0]) == (command, b"")


def test_settings_of_the_standards_example():
    assert fed(packet(EXAMPLE)) == [EXAMPLE]
    assert improv.command(EXAMPLE) == (improv.SETTINGS, EXAMPLE[2:])
    assert improv.settings(EXAMPLE[2:]) == ("MyWirelessAP", "mysecurepassword")


def test_the_widest_settings_with_quotes_emoji_and_control_bytes():
    ssid = "\u2615" * 10 + "ab"  # 32 B
    password = "\x03\x04 \"'\\\n\r\x00\u2615" + "x" * 51  # 63 B
    data = bytes((32,)) + ssid.encode() + bytes((len(password.encode()),)) + password.encode()
    assert len(ssid.encode()) == 32 and len(password.encode()) == 63
    found = fed(packet(bytes((1, len(data))) + data))
    assert improv.settings(improv.command(found[0])[1]) == (ssid, password)


def test_a_network_without_a_password():
    assert improv.settings(b"\x04cafe\x00") == ("cafe", "")


def test_answers_of_the_standard():
    assert improv.state(improv.PROVISIONED) == b"\n" + HEAD + unhexlify("010104") + b"\xe4\n"  # 1de + 1 + 1 + 4
    assert improv.error(improv.NO_CONNECTION) == b"\n" + HEAD + unhexlify("020103") + b"\xe4\n"
    assert improv.result(improv.NETWORKS) == b"\n" + HEAD + unhexlify("0402" + "0400") + b"\xe8\n"
    # MyNet, -60, YES: 5 + 3 + 3 letters and their lengths are 14 bytes.
    said = improv.result(improv.NETWORKS, ("MyNet", "-60", "YES"))
    assert said[8:-2] == b"\x04\x10\x04\x0e\x05MyNet\x03-60\x03YES"
    assert said[-2] == sum(said[1:-2]) & 255


def test_the_longest_answer():
    assert len(improv.result(3, ("x" * 252,))) == 1 + 9 + 255 + 2
    raises(ValueError, improv.result, 3, ("x" * 253,))


def test_every_truncation_is_no_command_and_ends_after_a_pause():
    whole = packet(EXAMPLE)
    for n in range(len(HEAD), len(whole)):
        p = improv.Packet(1000)
        assert [p.feed(byte, 1000) for byte in whole[len(HEAD) : n]] == [improv.MORE] * (n - len(HEAD))
        assert p.feed(3, 4001) == improv.LATE
        assert p.feed(whole[n], 4000) == (improv.DONE if n + 1 == len(whole) else improv.MORE)


def test_every_flipped_bit_is_noticed():
    whole = packet(EXAMPLE)
    for at in range(len(HEAD), len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            try:
                assert fed(bytes(damaged)) == [], (at, bit)
            except WireError as e:
                assert e.code == 380


def test_packets_that_are_not_for_a_device_are_passed_over():
    others = packet(b"\x04", 1) + packet(b"\x00", 2) + packet(b"\x04\x00", 4)
    assert fed(others + ASKS_INFO) == [None, None, None, b"\x03\x00"]


def test_a_command_whose_length_is_wrong():
    for data in (b"", b"\x01", b"\x01\x01", b"\x01\x00x"):
        raises(WireError, improv.command, data)


def test_settings_that_are_cut_or_too_long():
    data = EXAMPLE[2:]
    for n in range(len(data)):
        raises(WireError, improv.settings, data[:n])
    for wrong in (data + b"x", b"\x00\x00", b"\x21" + b"s" * 33 + b"\x00", b"\x01s\x41" + b"p" * 65, b"\x01\xff\x00"):
        raises(WireError, improv.settings, wrong)
