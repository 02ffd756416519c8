"""OSCORE through the link: aiocoap as a client of a simulated device that has peers."""

import asyncio
import contextlib
import json
import socket
import subprocess

import aiocoap
import cbor2
import peers
import pytest
from aiocoap import error
from click.testing import CliRunner
from lossy import HOST, Relay
from tosplus.cli import cli
from tosplus.errors import HostError
from tosplus.link.client import Client, LinkError, open_context
from tosplus.link.oscore import Context
from tosplus.link.secure import Credentials
from tosplus.sim import process
from tosplus.sim.device import Device
from tosplus.sim.peer import put_in

OWNER = Context(b"owner's sixteen bytes", b"salt", b"\x00", b"\x01")
WATCH = Context(b"watch's sixteen bytes", b"", b"\x02", b"\x01", b"net")
TEXTS = """
from tos import App
app = App("texts")
for n in range(120):
    app.value("text_%d" % n, initial="x" * 20, writable=True)
"""


def secured(tmp_path, test, app="kettle", **about):
    """Run test(device, client) with the owner's client."""

    async def main():
        async with Device(app, state_dir=tmp_path / "device", hub="", **about) as device:
            await device.ready()
            await put_in(device, "owner", OWNER)
            async with client(device, tmp_path) as owner:
                await test(device, owner)

    asyncio.run(main())


def client(device, tmp_path, context=OWNER, port=None):
    credentials = Credentials(context, tmp_path / f"{context.sender.hex()}.sent")
    return Client(HOST, port or device.link[1], credentials=credentials)


def secret_is_nowhere(tmp_path):
    console = (tmp_path / "device" / "console.log").read_bytes()
    for context in (OWNER, WATCH):
        assert context.secret not in console and context.secret.hex().encode() not in console


def test_a_peer_reads_writes_and_is_told_what_is_wrong(tmp_path):
    async def test(device, owner):
        assert (await owner.identity()).model == "kettle"
        await owner.set("power", True)
        assert await owner.get("power") is True
        for path, answer, code in (("power", "4.00", 334), ("nope", "4.04", 331), ("temp", "4.05", 332)):
            with pytest.raises(LinkError) as refused:
                await owner.write(f"s/{path}", 5)
            assert (refused.value.answer, refused.value.code) == (answer, code)
        assert (await owner.log()).counts
        assert "</s/power>" in await owner.core()
        async with Client(*device.link) as nobody:
            with pytest.raises(LinkError, match="356 UNSECURED"):
                await nobody.identity()
            assert "</s/power>" in await nobody.core()

    secured(tmp_path, test)
    secret_is_nowhere(tmp_path)


def test_a_peer_observes(tmp_path):
    async def test(device, owner):
        async for n, notified in _enumerate(owner.observe("s/power")):
            assert notified.payload is bool(n % 2)
            if n == 5:
                break
            await owner.set("power", not n % 2)
        states = owner.watch()
        assert (await anext(states))["power"] is True
        await owner.set("power", False)
        assert (await asyncio.wait_for(anext(states), 30))["power"] is False
        await states.aclose()

    secured(tmp_path, test)


def test_who_leaves_hears_nothing_more(tmp_path, caplog):
    async def test(device, owner):
        for n in range(10):
            states = owner.observe("s/power")
            assert (await anext(states)).number is not None
            await asyncio.sleep(0.01)
            await states.aclose()
            await owner.set("power", n % 2 == 0)
        await asyncio.sleep(0.1)
        asked = [getattr(layer, "outgoing_requests", {}) for layer in owner._context.request_interfaces]
        # aiocoap lets go of one when it is notified once more, and resets the next one.
        assert len(asked) == 2 and sum(map(len, asked)) <= 1

    secured(tmp_path, test)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def _enumerate(notifications):
    n = 0
    async for notified in notifications:
        yield n, notified
        n += 1


def test_bodies_in_blocks_both_ways(tmp_path, monkeypatch):
    # In 64 bits 120 resources and OSCORE do not fit the heap that stands for a chip's, where each takes half.
    monkeypatch.setattr(process, "_HEAP_B", 384 << 10)
    app = tmp_path / "texts.py"
    app.write_text(TEXTS)

    async def test(device, owner):
        assert len((await owner.identity()).resources) == 120
        changes = {n: f"{n} " * 8 for n in range(100)}
        assert 1024 < len(cbor2.dumps(changes)) < 4096
        await owner.write("s", changes)
        state = await owner.read("s")
        assert {n: state[n] for n in changes} == changes and len(cbor2.dumps(state)) > 2048
        with pytest.raises(LinkError, match=r"4\.13|413|BODY_TOO_LONG"):
            await owner.write("s", {n: "y" * 60 for n in range(120)})

    secured(tmp_path, test, str(app))


def test_notifications_longer_than_a_block_are_whole_and_never_of_two_states(tmp_path):
    app = tmp_path / "texts.py"
    app.write_text(TEXTS)

    async def test(device, owner):
        async with contextlib.aclosing(owner.observe("s")) as states:
            assert len(cbor2.dumps((await anext(states)).payload)) > 2048
            for n in range(5):
                await owner.write("s", {0: f"first {n}", 119: f"last {n}"})
                state = (await asyncio.wait_for(anext(states), 30)).payload
                assert len(state) == 120 and (state[0], state[119]) == (f"first {n}", f"last {n}")

    secured(tmp_path, test, str(app))


def test_a_key_is_replaced_and_the_old_one_opens_and_hears_nothing_more(tmp_path):
    async def test(device, owner):
        states = owner.watch()
        await anext(states)
        await owner.set("power", True)
        assert (await asyncio.wait_for(anext(states), 30))["power"] is True
        renewed = Context(b"the owner's next key", OWNER.salt, OWNER.sender, OWNER.recipient)
        await put_in(device, "owner", renewed)
        with pytest.raises(LinkError) as refused:
            await owner.get("power")
        assert refused.value.code == 354
        credentials = Credentials(renewed, tmp_path / "renewed.sent")
        async with Client(HOST, device.link[1], credentials=credentials) as again:
            assert await again.get("power") is True
            await again.set("power", False)
            with pytest.raises((LinkError, asyncio.TimeoutError)):  # the old key hears nothing of it
                await asyncio.wait_for(anext(states), 0.5)
            with contextlib.suppress(LinkError):
                await states.aclose()
            await device.kill()
            await device.restarted()
            assert await again.get("power") is False
            with pytest.raises(LinkError) as refused:
                await owner.get("power")
            assert refused.value.code == 354

    secured(tmp_path, test)


def test_a_wrong_key_and_a_stranger_are_refused(tmp_path):
    async def test(device, owner):
        await owner.set("power", True)
        wrong = Context(b"of somebody else!", OWNER.salt, OWNER.sender, OWNER.recipient)
        for context, code in ((wrong, 354), (WATCH, 352)):
            async with client(device, tmp_path, context) as other:
                for _ in range(2):
                    with pytest.raises(LinkError) as refused:
                        await other.get("power")
                    assert refused.value.code == code
        assert await owner.get("power") is True

    secured(tmp_path, test)


class Tap(Relay):
    """A relay that keeps what it sends."""

    def __init__(self, server):
        super().__init__(server, 0, 0, 1)
        self.kept = []

    def datagram_received(self, data, address):
        self.kept.append((address != self._server, data))
        super().datagram_received(data, address)


def test_a_recording_changes_nothing_before_and_after_a_restart(tmp_path):
    async def test(device, owner):
        tap = Tap(device.link)
        relay, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: tap, local_addr=(HOST, 0))
        async with client(device, tmp_path, port=relay.get_extra_info("sockname")[1]) as tapped:
            await tapped.set("power", True)
        sent = [data for to_device, data in tap.kept if to_device]
        assert len(sent) == 2  # the second has the Echo
        for data in sent:
            assert b"power" not in data
        relay.close()
        await owner.set("power", False)
        for restart in (False, True):
            if restart:
                await device.kill()
                await device.restarted()
            for data in sent:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                    stranger.connect(device.link)
                    stranger.setblocking(False)
                    stranger.send(data)
                    answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(stranger, 1500), 60)
                    assert answer[1] in (129, 68)
                    assert restart or answer.endswith(b"353 Replay detected")
            assert await owner.get("power") is False

    secured(tmp_path, test)


def test_after_a_restart_one_echo_and_no_more(tmp_path, caplog):
    caplog.set_level("INFO", "coap")

    def echoes():
        return len([record for record in caplog.records if "Echo as part of OSCORE B.1.2" in record.getMessage()])

    async def test(device, owner):
        for restarts in range(3):
            for _ in range(5):
                assert await owner.get("power") is False
            assert echoes() == restarts + 1
            await device.kill()
            await device.restarted()

    secured(tmp_path, test)


def test_three_hundred_requests_and_as_many_notifications(tmp_path):
    async def test(device, owner):
        before = await device.control("flash")
        came = []

        async def follow():
            async for notified in owner.observe("s/power"):
                came.append(notified.number)

        following = asyncio.create_task(follow())
        for n in range(301):
            while len(came) < n:  # the first is of how it was
                await asyncio.sleep(0.001)
            await owner.set("power", n % 2 == 0)
        following.cancel()
        after = await device.control("flash")
        assert came == sorted(set(came))
        assert after["programs"] - before["programs"] < 100  # three reserves, in two places, and the kept state

    secured(tmp_path, test)


def test_several_peers_at_once_and_one_that_is_gone(tmp_path):
    async def test(device, owner):
        await put_in(device, "watch", WATCH)
        async with client(device, tmp_path, WATCH) as watch:
            states = watch.watch()
            await anext(states)
            for on in (True, False, True):
                await owner.set("power", on)
                assert (await asyncio.wait_for(anext(states), 30))["power"] is on
                assert await watch.get("power") is on
            await states.aclose()
            await device.control("unpair", name="watch")
            with pytest.raises(LinkError) as refused:
                await watch.get("power")
            assert refused.value.code == 352
        assert await owner.get("power") is True

    secured(tmp_path, test)


def test_plain_is_answered_where_the_device_was_started_so(tmp_path):
    async def test(device, owner):
        async with Client(*device.link) as nobody:
            assert await nobody.get("power") is False
        assert await owner.get("power") is False

    secured(tmp_path, test, plain=True)


def test_libcoap_reads_and_writes_a_device_with_a_peer_that_was_started_plain(tmp_path):
    program = peers.need("coap-client")

    async def test(device, owner):
        async def coap_client(*arguments):
            done = await asyncio.to_thread(subprocess.run, [program, *arguments], capture_output=True, timeout=100)
            return done.stdout.removesuffix(b"\n")

        await owner.set("power", True)
        assert await coap_client("-B", "3", f"{device.address}/s/power") == b"\xf5"
        file = tmp_path / "off"
        file.write_bytes(b"\xf4")
        await coap_client("-m", "put", "-t", "60", "-B", "3", "-f", str(file), f"{device.address}/s/power")
        assert await owner.get("power") is False

    secured(tmp_path, test, plain=True)


# The host's side


def test_numbers_are_not_repeated_by_a_second_process_or_a_later_one(tmp_path):
    made = [Credentials(OWNER, tmp_path / "sent") for _ in range(3)]
    numbers = [credentials.new_sequence_number() for _ in range(200) for credentials in made]
    made[0].skip()
    numbers += [made[0].new_sequence_number(), Credentials(OWNER, tmp_path / "sent").new_sequence_number()]
    assert len(set(numbers)) == 602 and numbers[-1] > numbers[-2] > max(numbers[:-2])


def test_without_its_counter_a_key_is_not_used(tmp_path):
    (tmp_path / "sent").write_text("")
    with pytest.raises(HostError, match="Pair again"):
        Credentials(OWNER, tmp_path / "sent").new_sequence_number()
    with pytest.raises(HostError, match="Pair again"):
        Credentials(OWNER, tmp_path / "nowhere" / "sent").new_sequence_number()
    assert "owner" not in repr(Credentials(OWNER, tmp_path / "sent")) and OWNER.secret.hex() not in repr(OWNER)


def test_two_clients_with_one_key_find_past_each_other(tmp_path):
    async def test(device, owner):
        async with client(device, tmp_path) as other:
            for n in range(4):
                await owner.set("power", bool(n % 2))
                assert await other.get("power") is bool(n % 2)

    secured(tmp_path, test)


def test_nothing_goes_in_the_clear(tmp_path):
    async def main():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            device.bind((HOST, 0))
            device.setblocking(False)
            context = await open_context()
            try:
                owner = Client(
                    *device.getsockname(), context, 0.2, credentials=Credentials(OWNER, tmp_path / "sent")
                )
                with pytest.raises((HostError, error.Error)):
                    await owner.write("s/power", "secret")
                data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(device, 1500), 60)
                assert b"secret" not in data and aiocoap.Message.decode(data).opt.oscore is not None
            finally:
                await context.shutdown()

    asyncio.run(main())


def test_tos_dev_takes_a_context_file(tmp_path):
    file = tmp_path / "owner.json"
    ids = {"sender": OWNER.sender.hex(), "recipient": OWNER.recipient.hex()}
    file.write_text(json.dumps({"secret": OWNER.secret.hex(), "salt": OWNER.salt.hex(), **ids}))

    async def test(device, owner):
        def tos(*arguments, **environment):
            return CliRunner().invoke(cli, ["dev", *arguments], env=environment)

        address = device.address
        done = await asyncio.to_thread(tos, "set", address, "power", "on", "--context", str(file))
        assert (done.exit_code, done.output) == (0, "")
        done = await asyncio.to_thread(tos, "get", address, "power", "--json", TOS_CONTEXT=str(file))
        assert done.output == "true\n"
        done = await asyncio.to_thread(tos, "get", address, "power")
        assert done.exit_code != 0
        assert (tmp_path / "owner.json.sent").read_text() == "256"

    secured(tmp_path, test)
