"""The Unix adapters keep the contracts of tos/ports. Unix port."""

import asyncio
import os
from binascii import unhexlify

import chip
from helpers import raises
from tos import ports
from tos.store import make_folder
from toscore.errors import StoreError

chip.args = {"parent": 0}
from tos.ports import unix  # noqa: E402  (it asks chip.args)
from tos.ports.unix.radio import Radio  # noqa: E402

ACCESS_POINTS = (
    {"ssid": "home", "password": "right one", "rssi_dbm": -50},
    {"ssid": "cafe", "password": None, "rssi_dbm": -70},
    {"ssid": "broken", "password": None, "rssi_dbm": -60, "fault": "no address"},
    {"ssid": "office", "password": "secret", "rssi_dbm": -60, "fault": "security"},
    {"ssid": "far", "password": None, "rssi_dbm": -90, "fault": "deaf"},
)


class Clock:
    """Counts how long somebody slept."""

    def __init__(self):
        self.now = 0

    def sleep_ms(self, n):
        self.now += n
        return asyncio.sleep_ms(0)


def radio():
    return Radio(Clock(), unix.Wire(), list(ACCESS_POINTS))


def join(radio, ssid, password, timeout_ms=10000):
    return asyncio.run(radio.join(ssid, password, timeout_ms))


def test_a_scan_hears_every_access_point():
    assert radio().scan()[:2] == [("home", -50, True, "home"), ("cafe", -70, False, "cafe")]
    r = radio()
    r.access_points[0] = dict(ACCESS_POINTS[0], hidden=True)
    assert r.scan()[0][0] == "cafe" and join(r, "home", "right one") == ports.JOIN_OK


def test_a_device_with_a_cable_is_always_on_the_network():
    r = Radio(Clock(), unix.Wire(), None)
    assert r.scan() == [] and r.status()[0] and join(r, "home", "right one") == ports.JOIN_NOT_FOUND


def test_an_access_point_of_several_is_chosen_by_its_bssid():
    r = radio()
    r.access_points.append({"ssid": "home", "password": "right one", "rssi_dbm": -30, "bssid": 2})
    assert asyncio.run(r.join("home", "right one", 10000, 2)) == ports.JOIN_OK and r.status()[2] == -30
    assert asyncio.run(r.join("home", "right one", 10000, 3)) == ports.JOIN_NOT_FOUND


def test_joining_gives_a_reason():
    for ssid, password, reason in (
        ("home", "right one", ports.JOIN_OK),
        ("cafe", None, ports.JOIN_OK),
        ("home", "wrong one", ports.JOIN_WRONG_PASSWORD),
        ("nowhere", "", ports.JOIN_NOT_FOUND),
        ("office", "secret", ports.JOIN_SECURITY),
        ("broken", None, ports.JOIN_NO_ADDRESS),
        ("far", None, ports.JOIN_TIMEOUT),
    ):
        r = radio()
        assert join(r, ssid, password) == reason, ssid
        assert r.status()[0] == (reason == ports.JOIN_OK)


def test_joining_takes_no_longer_than_it_may():
    r = radio()
    assert join(r, "home", "right one", timeout_ms=100) == ports.JOIN_TIMEOUT
    assert r._clock.now == 100


def test_an_access_point_that_goes_takes_the_station_with_it():
    r = radio()
    join(r, "home", "right one")
    assert r.status() == (True, "127.0.0.1", -50)
    r.access_points = []
    assert r.status() == (False, None, None)


def test_leaving():
    r = radio()
    join(r, "cafe", None)
    r.leave()
    assert r.status() == (False, None, None)


def test_keys_are_kept_by_name_and_leave_nothing_behind():
    for folder in (".tos", ".tos/test"):
        make_folder(folder)
    keystore = unix.Keystore(".tos/test/nvs")
    keystore.put("master", b"\x01\x02")
    assert unix.Keystore(".tos/test/nvs").get("master") == b"\x01\x02"
    with open(".tos/test/nvs/master", "ab") as f:
        f.write(b"damage")
    raises(StoreError, keystore.get, "master")
    keystore.put("master", b"\x03")
    keystore.erase("master")
    assert keystore.get("master") is None and os.listdir(".tos/test/nvs") == []
    for name in ("", "x" * 16, "a/b", "a.new", "a\0b"):
        raises(ValueError, keystore.put, name, b"")


def test_udp_carries_datagrams_and_cuts_long_ones_where_it_shows():
    a, b = unix.Udp("127.0.0.1", 0), unix.Udp("127.0.0.1", 0)
    port = free_port()
    c = unix.Udp("127.0.0.1", port)
    a.send(b"hello", address(port))
    assert asyncio.run(c.recv())[0] == b"hello"
    a.send(bytes(ports.DATAGRAM_B), address(port))
    assert len(asyncio.run(c.recv())[0]) == ports.DATAGRAM_B
    b.send(bytes(1400), address(port))
    data, peer = asyncio.run(c.recv())
    assert len(data) == ports.DATAGRAM_B + 1
    c.send(b"back", peer)
    assert asyncio.run(b.recv())[0] == b"back"
    e = raises(OSError, unix.Udp, "127.0.0.1", port)
    assert e.errno == 98
    for udp in (a, b, c):
        udp.close()


def test_an_address_is_the_peer_from_which_datagrams_come():
    port, other = free_port(), free_port()
    a, b = unix.Udp("127.0.0.1", port), unix.Udp("127.0.0.1", other)
    peer = radio().address("127.0.0.1", other)
    a.send(b"there", peer)
    b.send(b"back", asyncio.run(b.recv())[1])
    assert asyncio.run(a.recv()) == (b"back", peer) and {peer: 1}
    for host, wrong in (("", 5), ("127.0.0.1", 0), ("127.0.0.1", 65536)):
        try:
            radio().address(host, wrong)
        except (OSError, ValueError):
            continue
        raise AssertionError((host, wrong))
    for udp in (a, b):
        udp.close()


def test_a_datagram_without_a_way_to_the_peer_is_lost():
    udp = unix.Udp("127.0.0.1", 0)
    udp.send(b"?", radio().address("192.0.2.1", 5683))
    udp.close()


def address(port):
    import socket

    return socket.getaddrinfo("127.0.0.1", port)[0][-1]


PORTS = iter(range(40000, 60000))


def free_port():
    """A port that nobody has now, another at each call; there is no getsockname to ask for the one that bind chose."""
    for port in PORTS:
        try:
            unix.Udp("127.0.0.1", port).close()
            return port
        except OSError:
            continue


def test_real_time_runs_and_the_wall_clock_follows():
    clock = unix.Clock(1, 1000)
    before = clock.ms()
    assert 0 <= before < 1000 and clock.ms() >= before and clock.wall() == 1000
    clock.set_wall(5000)
    assert clock.wall() == 5000
    assert unix.Clock(1, None).wall() is None


def test_a_manual_clock_moves_only_when_told_and_asyncio_follows():
    clock = unix.Clock(0, 0)
    try:
        woken = []

        async def sleeper(ms):
            await clock.sleep_ms(ms)
            woken.append((ms, clock.ms()))

        async def main():
            tasks = [asyncio.create_task(sleeper(ms)) for ms in (86400000, 10, 3600000)]
            await clock.advance(5)
            assert woken == [] and clock.ms() == 5
            await clock.advance(86400000)
            for task in tasks:
                await task

        asyncio.run(main())
        assert woken == [(10, 10), (3600000, 3600000), (86400000, 86400000)]
        assert clock.ms() == 86400005 and clock.wall() == 86400
    finally:
        restore_asyncio()


def restore_asyncio():
    """A clock at another rate takes asyncio over for good; the other tests want it back."""
    import time

    asyncio.core.ticks = time.ticks_ms
    asyncio.core.IOQueue = IO_QUEUE
    asyncio.core.new_event_loop()


IO_QUEUE = asyncio.core.IOQueue


def test_fips_197_appendix_b():
    key = unhexlify("2b7e151628aed2a6abf7158809cf4f3c")
    plain = unhexlify("3243f6a8885a308d313198a2e0370734")
    assert unix.aes(key, 1).encrypt(plain) == unhexlify("3925841d02dc09fbdc118597196a0b32")


def test_random_numbers_have_the_asked_length_and_differ():
    assert len(unix.rng(16)) == 16 and unix.rng(16) != unix.rng(16)


def test_a_link_without_a_port_of_its_own_gets_a_free_one_and_knows_it():
    one, other = radio().udp("127.0.0.1", 5683), radio().udp("127.0.0.1", 5683)
    try:
        assert one.port != other.port and min(one.port, other.port) >= 49152
        asker = radio()
        assert asker.parts(asker.address("127.0.0.1", one.port)) == ("127.0.0.1", one.port)
    finally:
        one.close()
        other.close()


def test_sockets_of_a_group_share_its_port_and_hear_each_other_on_loopback():
    r = radio()
    one, other = r.udp("0.0.0.0", 5353, "224.0.0.251"), r.udp("0.0.0.0", 5353, "224.0.0.251")
    mark = b"\x00" * 4 + os.urandom(8)  # others on this machine may be in the group too

    async def hears(udp):
        while True:
            datagram, peer = await udp.recv()
            if datagram == mark:
                return r.parts(peer)

    async def main():
        one.send(mark, r.address("224.0.0.251", 5353))
        for udp in (one, other):
            assert await asyncio.wait_for_ms(hears(udp), 2000) == (r.ip(), 5353)

    try:
        asyncio.run(main())
    finally:
        one.close()
        other.close()
