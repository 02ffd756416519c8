"""Improv over BLE, from improv-wifi.com/ble: packets written out by hand from its tables."""

from binascii import unhexlify

from helpers import raises
from toscore import improv, improv_ble
from toscore.errors import WireError

IDENTIFIES = unhexlify("020002")
ASKS_INFO = unhexlify("030003")
# SSID MyWirelessAP, password mysecurepassword: the standard's example of the serial port, with the sum of these bytes.
EXAMPLE = b"\x01\x1e\x0cMyWirelessAP\x10mysecurepassword"


def packet(data):
    return data + bytes((sum(data) & 255,))


def taken(*parts):
    """-> every command in these writes."""
    written = improv_ble.Written()
    found = []
    for part in parts:
        written.feed(part, 0)
        command = written.take()
        while command is not None:
            found.append(command)
            command = written.take()
    return found


def test_commands_of_the_standard():
    assert taken(IDENTIFIES) == [(2, b"")] and taken(ASKS_INFO) == [(3, b"")]
    command, data = taken(packet(EXAMPLE))[0]
    assert command == improv.SETTINGS and improv.settings(data) == ("MyWirelessAP", "mysecurepassword")


def test_a_command_in_writes_of_any_size():
    whole = packet(EXAMPLE)
    for size in (1, 2, 3, 18, 20, 33):
        parts = [whole[n : n + size] for n in range(0, len(whole), size)]
        assert taken(*parts) == [(1, EXAMPLE[2:])]


def test_several_commands_in_one_write():
    assert taken(IDENTIFIES + packet(EXAMPLE) + ASKS_INFO[:1], ASKS_INFO[1:]) == [
        (2, b""),
        (1, EXAMPLE[2:]),
        (3, b""),
    ]


def test_every_truncation_is_no_command_and_is_forgotten_after_a_pause_or_by_a_disconnection():
    whole = packet(EXAMPLE)
    for n in range(len(whole)):
        written = improv_ble.Written()
        written.feed(whole[:n], 1000)
        assert written.take() is None
        written.feed(whole, 4001)
        assert written.take() == (1, EXAMPLE[2:]) and written.take() is None
        written.feed(whole[:n], 5000)
        written.clear()
        written.feed(whole, 5000)
        assert written.take() == (1, EXAMPLE[2:])


def test_every_flipped_bit_is_noticed():
    whole = packet(EXAMPLE)
    for at in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            try:
                assert taken(bytes(damaged)) == [], (at, bit)
            except WireError as e:
                assert e.code == 380


def test_after_a_damaged_packet_nothing_is_left_of_it():
    written = improv_ble.Written()
    written.feed(b"\x02\x00\xff" + packet(EXAMPLE)[:5], 0)
    raises(WireError, written.take)
    written.feed(IDENTIFIES, 0)
    assert written.take() == (2, b"")


def test_results_of_the_standard():
    assert improv_ble.result(improv.SETTINGS) == b"\x01\x00\x01"
    # MyNet, -60, YES: 5 + 3 + 3 letters and their lengths are 14 bytes.
    said = improv_ble.result(improv.NETWORKS, ("MyNet", "-60", "YES"))
    assert said[:-1] == b"\x04\x0e\x05MyNet\x03-60\x03YES" and said[-1] == sum(said[:-1]) & 255


def test_the_longest_result():
    assert len(improv_ble.result(3, ("x" * 254,))) == 258
    raises(ValueError, improv_ble.result, 3, ("x" * 255,))
