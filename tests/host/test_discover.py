"""Devices that announce themselves, live on loopback, and python-zeroconf, which nobody here wrote."""

import asyncio
import contextlib
import json
import socket
import subprocess
import time

import ifaddr
import pytest
import zeroconf
from desk import desk
from tosplus.link import discover
from tosplus.link.client import Client
from tosplus.paths import WORK
from tosplus.sim.device import Device
from zeroconf import DNSIncoming, DNSOutgoing, DNSQuestion, ServiceInfo
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

TYPE = "_tos._udp.local."
GROUP = "224.0.0.251"
PORT = 5353
LOOPBACK = "127.0.0.1"
PEER = {"secret": "00" * 16, "salt": "01" * 8, "sender_id": "01", "recipient_id": "02"}


class Network:
    """What python-zeroconf knows of the devices of this test; those of other programs are left out."""

    def __init__(self, ids):
        self.events = []  # ("Added" or "Removed", name)
        self._ids = ids
        self._news = asyncio.Event()

    def changed(self, zeroconf, service_type, name, state_change):
        if name.startswith(tuple(self._ids)):
            self.events.append((state_change.name, name.removesuffix("." + TYPE)))
        self._news.set()

    async def until(self, wanted, timeout_s=60):
        """Waits until wanted() holds, which is asked again at each change."""
        end = time.monotonic() + timeout_s
        while not wanted():
            left = end - time.monotonic()
            assert left > 0, self.events
            self._news.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(left, 0.2))

    def names(self):
        """That are there now."""
        now = set()
        for what, name in self.events:
            now = now - {name} if what == "Removed" else now | {name}
        return now


@contextlib.asynccontextmanager
async def network(*ids):
    """Yields (zeroconf, Network)."""
    async with AsyncZeroconf(interfaces=[LOOPBACK]) as own:
        seen = Network(ids)
        browser = AsyncServiceBrowser(own.zeroconf, TYPE, handlers=[seen.changed])
        yield own, seen
        await browser.async_cancel()


async def info(own, name):
    found = AsyncServiceInfo(TYPE, f"{name}.{TYPE}")
    assert await found.async_request(own.zeroconf, 30_000)
    return found


def plain(app, **about):
    """One that anybody may ask who it is."""
    return Device(app, plain=True, **about)


async def identity(device):
    async with Client(*device.link) as client:
        return (await client.identity()).id


async def codes(device):
    async with Client(*device.link) as client:
        return [(entry.code, entry.a) for entry in (await client.log()).ring if entry.code in (218, 376, 377)]


def group_socket(interface=LOOPBACK, port=PORT):
    """One that hears and sends to the group there."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((GROUP if port else interface, port))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(interface))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
    s.setblocking(False)
    return s


def query(name, kind):
    out = DNSOutgoing(zeroconf.const._FLAGS_QR_QUERY)
    out.add_question(DNSQuestion(name, kind, zeroconf.const._CLASS_IN))
    return out.packets()[0]


POINTERS = query(TYPE, zeroconf.const._TYPE_PTR)


def test_zeroconf_finds_three_devices_and_notices_what_becomes_of_them(tmp_path):
    async def main():
        apps = ("kettle", "fridge", "tv")
        async with contextlib.AsyncExitStack() as stack:
            devices = [await stack.enter_async_context(plain(app, state_dir=tmp_path / app)) for app in apps]
            for device in devices:
                await device.ready()
            ids = [await identity(device) for device in devices]
            own, seen = await stack.enter_async_context(network(*ids))
            await seen.until(lambda: seen.names() == set(ids))
            for device, id in zip(devices, ids):
                found = await info(own, id)
                assert (found.port, found.parsed_addresses()) == (device.link[1], [LOOPBACK])
                assert found.server == f"{id}.local."
                about = {"id": id, "model": device.model, "version": "0.1.0", "paired": "0"}
                assert found.decoded_properties == about

            await devices[0].control("peer", name="owner", **PEER)
            end = time.monotonic() + 60
            while (await info(own, ids[0])).decoded_properties["paired"] != "1":
                assert time.monotonic() < end
                await asyncio.sleep(0.1)

            assert [await codes(device) for device in devices[1:]] == [[], []]

            # In good order: Ctrl-C on the console. It is forgotten at once.
            with open(devices[1].tty, "wb", buffering=0) as console:
                console.write(b"\x03")
                await seen.until(lambda: ids[1] not in seen.names())

            # Without a word: it is forgotten when its records expire, not before.
            await devices[2].unplug()
            await asyncio.sleep(1.5)
            assert ids[2] in seen.names()
            entries = own.zeroconf.cache.entries_with_name(f"{ids[2]}.{TYPE}".lower())
            assert {(entry.type, entry.ttl) for entry in entries} == {(33, 120), (16, 4500)}
            now = zeroconf.current_time_millis() + 4_501_000
            expired = own.zeroconf.cache.async_expire(now)
            own.zeroconf.record_manager.async_updates(now, [zeroconf.RecordUpdate(r, r) for r in expired])
            await seen.until(lambda: ids[2] not in seen.names())

    asyncio.run(main())


def test_the_kinds_of_services_are_listed(tmp_path):
    async def main():
        async with plain("lamp", state_dir=tmp_path / "lamp") as device:
            await device.ready()
            kinds = ()
            while TYPE not in kinds:  # it announces itself in its own time
                kinds = await zeroconf.asyncio.AsyncZeroconfServiceTypes.async_find(interfaces=[LOOPBACK], timeout=3)

    asyncio.run(main())


def test_a_name_that_zeroconf_has_is_left_to_it(tmp_path):
    async def main():
        async with plain("kettle", state_dir=tmp_path / "kettle") as device:
            await device.ready()
            id = await identity(device)
            await device.unplug()
            async with network(id) as (own, seen):
                taken = ServiceInfo(
                    TYPE, f"{id}.{TYPE}", addresses=[socket.inet_aton("127.0.0.9")], port=9, server=f"{id}.local."
                )
                await own.async_register_service(taken)
                device.plug()
                await device.restarted()
                await seen.until(lambda: seen.names() == {id, f"{id}-2"})
                found = await info(own, f"{id}-2")
                assert (found.port, found.decoded_properties["id"]) == (device.link[1], id)
                assert (await info(own, id)).port == 9
                assert await codes(device) == [(377, 2)]

    asyncio.run(main())


def test_of_two_devices_with_one_name_the_second_takes_another(tmp_path):
    async def main():
        async with (
            plain("lamp", state_dir=tmp_path / "a" / tmp_path.name / "lamp") as one,
            plain("lamp", state_dir=tmp_path / "b" / tmp_path.name / "lamp") as other,
        ):
            await asyncio.gather(one.ready(), other.ready())
            id = await identity(one)
            assert id == await identity(other)
            async with network(id) as (own, seen):
                await seen.until(lambda: seen.names() == {id, f"{id}-2"})
                ports = {(await info(own, name)).port for name in seen.names()}
                assert ports == {one.link[1], other.link[1]}
                links = set()
                while len(links) < 2:  # who answers late is found by the next who looks
                    links |= {(device.host, device.port) for device in await discover.browse(2.5) if device.id == id}
                assert links == {one.link, other.link}

    asyncio.run(main())


@pytest.mark.parametrize("rate", [1, 10])
def test_a_storm_of_queries_brings_a_bounded_number_of_packets(tmp_path, rate):
    """1,000 a second, as from somebody that answers its own packets; rate limits count the devices' time."""
    seconds = 4

    async def main():
        async with (
            plain("kettle", state_dir=tmp_path / "kettle", rate=rate) as one,
            plain("fridge", state_dir=tmp_path / "fridge", rate=rate) as other,
        ):
            await asyncio.gather(one.ready(), other.ready())
            ids = [await identity(one), await identity(other)]
            await asyncio.sleep(3 / rate)
            with group_socket() as wire:
                began = time.monotonic()
                answers = dict.fromkeys(ids, 0)
                sent = 0
                while time.monotonic() < began + seconds:
                    while sent < (time.monotonic() - began) * 1000:
                        wire.sendto(POINTERS, (GROUP, PORT))
                        sent += 1
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            data = wire.recv(2000)
                            for id in ids:
                                answers[id] += data[2] >> 7 and f"\x05{id}"[1:].encode() in data
                    await asyncio.sleep(0.001)
            assert sent > 3000
            for id in ids:
                assert 2 <= answers[id] <= (seconds + 1) * rate, answers
            assert await identity(one) == ids[0], "it still serves"

    asyncio.run(main())


def lan():
    """The address of an interface that is not loopback, or None."""
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if ip.is_IPv4 and not ip.ip.startswith("127."):
                return ip.ip
    return None


def received(heard):
    """What has come to a socket."""
    came = []
    with contextlib.suppress(BlockingIOError):
        while True:
            came.append(heard.recv(2000))
    return came


def is_answer(data):
    """Whoever asks says what he knows already, which may be the name of a device of ours."""
    return bool(data[2] >> 7)


def test_simulated_devices_hear_and_send_on_loopback_only(tmp_path):
    interface = lan()
    if interface is None:
        pytest.skip("this machine has no network")

    async def main():
        with group_socket(interface) as listener:  # as another program would, which joined the group there
            listener.setsockopt(socket.IPPROTO_IP, 49, 0)  # IP_MULTICAST_ALL: it hears that interface alone
            async with plain("lamp", state_dir=tmp_path / "lamp", rate=10) as device:
                await device.ready()
                id = (await identity(device)).encode()
                await asyncio.sleep(1)
                with group_socket(LOOPBACK) as wire:
                    wire.setsockopt(socket.IPPROTO_IP, 49, 0)
                    listener.sendto(POINTERS, (GROUP, PORT))
                    with group_socket(interface, port=0) as legacy:
                        legacy.sendto(POINTERS, (GROUP, PORT))
                        await asyncio.sleep(1)
                        told, told_there = received(listener) + received(legacy), received(wire)
                        assert not [data for data in told if is_answer(data) and id in data]
                        if all(map(is_answer, told_there)):  # nobody else has asked on loopback meanwhile
                            assert not [data for data in told_there if id in data]
                    while not [data for data in received(wire) if is_answer(data) and id in data]:
                        wire.sendto(POINTERS, (GROUP, PORT))  # on loopback it answers
                        await asyncio.sleep(0.2)

    asyncio.run(main())


def test_a_simple_resolver_is_answered_directly(tmp_path):
    async def main():
        async with plain("lamp", state_dir=tmp_path / "lamp") as device:
            await device.ready()
            id = await identity(device)
            with group_socket(port=0) as simple:
                data = None
                while data is None:  # it answers when it has announced itself
                    simple.sendto(query(f"{id}.local.", zeroconf.const._TYPE_A), (GROUP, PORT))
                    hearing = asyncio.get_running_loop().sock_recvfrom(simple, 2000)
                    with contextlib.suppress(asyncio.TimeoutError):
                        data, source = await asyncio.wait_for(hearing, 1)
                answer = DNSIncoming(data)
                assert source == (LOOPBACK, PORT) and answer.valid and len(answer.questions) == 1
                [record] = answer.answers()
                assert (record.name, record.address, record.ttl, record.unique) == (
                    f"{id}.local.",
                    socket.inet_aton(LOOPBACK),
                    10,
                    False,
                )

    asyncio.run(main())


def test_one_that_sleeps_does_not_announce_itself(tmp_path):
    async def main():
        async with plain("watch", state_dir=tmp_path / "watch") as device:
            await device.ready()
            id = await identity(device)
            assert await discover.find(id, 2) is None

    asyncio.run(main())


def test_tos_dev_ls_shows_who_is_on_the_network_and_each_device_once(tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))

    async def main():
        async with (
            plain("kettle", state_dir=WORK / tmp_path.name / "kettle") as near,
            plain("lamp", state_dir=tmp_path / "elsewhere" / "x" / tmp_path.name / "lamp") as far,
        ):
            await asyncio.gather(near.ready(), far.ready())
            ids = [await identity(near), await identity(far)]
            await far.control("peer", name="owner", **PEER)
            assert await discover.find(ids[0], 60) == near.link
            assert await discover.find(ids[1], 60) == far.link
            async with network(ids[1]) as (own, seen):
                await seen.until(lambda: seen.names() == {ids[1]})
                while (await info(own, ids[1])).decoded_properties["paired"] != "1":
                    await asyncio.sleep(0.1)
            command = ["tos", "dev", "ls", "--json"]
            rows = []
            while len(rows) < 2:  # who answers late is found by the next who looks
                done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
                rows = [row for row in json.loads(done.stdout) if row["id"] in ids]
            assert rows == [
                {
                    "name": f"{tmp_path.name}/kettle",
                    "id": ids[0],
                    "model": "kettle",
                    "board": "UNIX",
                    "address": near.address,
                    "up": True,
                    "paired": False,
                },
                {
                    "name": ids[1],
                    "id": ids[1],
                    "model": "lamp",
                    "board": None,
                    "address": far.address,
                    "up": True,
                    "paired": True,
                },
            ]
            found = []
            while not found:
                text = await asyncio.to_thread(subprocess.run, command[:-1], capture_output=True, text=True)
                found = [line.split() for line in text.stdout.splitlines() if line.startswith(ids[1])]
            [line] = found
            assert line[1] == "lamp" and text.stdout.count(ids[0]) == 1

    asyncio.run(main())


def test_what_no_device_would_say_of_itself_is_not_shown():
    said = ({"id": "x\x1b[2J"}, {"id": ""}, {}, {"id": "kettle-1", "model": "\x07"}, {"id": "x" * 81})

    async def main():
        async with AsyncZeroconf(interfaces=[LOOPBACK]) as own:
            name = f"odd-{time.monotonic_ns()}"
            told = [
                ServiceInfo(TYPE, f"{name}-{n}.{TYPE}", addresses=[bytes([127, 0, 0, 80 + n])], port=8, properties=it)
                for n, it in enumerate((*said, {"id": name}))
            ]
            await asyncio.gather(*[own.async_register_service(each) for each in told])
            found, end = [], time.monotonic() + 60
            while not found:
                assert time.monotonic() < end
                found = [device for device in await discover.browse(1) if device.host.startswith("127.0.0.8")]
            assert [(device.id, device.host) for device in found] == [(name, "127.0.0.85")]

    asyncio.run(main())
