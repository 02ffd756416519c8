"""Live frames: what passes between a client and a simulated device, both ways, byte for byte."""

import asyncio
import contextlib
import json
import socket

import cbor2
from aiocoap import Message
from click.testing import CliRunner
from tosplus.cli import cli
from tosplus.link import frames
from tosplus.link.client import Client
from tosplus.link.oscore import Context
from tosplus.link.secure import Credentials
from tosplus.sim.device import Device
from tosplus.sim.peer import put_in

OWNER = Context(b"owner's sixteen bytes", b"salt", b"\x00", b"\x01")
OTHER = Context(b"other's sixteen bytes", b"salt", b"\x02", b"\x01")


def kettle(tmp_path, test, **options):
    async def main():
        async with Device("kettle", state_dir=tmp_path / "kettle", plain=True, **options) as device:
            await device.ready()
            await test(device)

    asyncio.run(main())


def test_a_relay_passes_each_datagram_as_it_is_and_shows_it(tmp_path):
    async def test(device):
        seen = []
        async with frames.relay(*device.link, lambda *one: seen.append(one)) as here, Client(*here) as client:
            await client.set("power", True)
            assert (await client.state())["power"] is True
        ways = [way for way, _ in seen]
        assert ways == ["to", "from"] * 3  # power, state, and the table for its names
        (_, put), (_, changed), (_, get), (_, content), *_ = seen
        assert put.endswith(b"\xff\xf5") and put[1] == 3 and changed[1] == 68 and get[1] == 1
        assert cbor2.loads(Message.decode(content).payload)[2] is True

    kettle(tmp_path, test)


def test_a_watch_shows_requests_answers_and_notifications_in_words(tmp_path):
    async def test(device):
        shown = []
        async with Client(*device.link) as other:
            async for at_s, way, frame, found in frames.watch(*device.link):
                shown.append((way, found))
                assert at_s >= 0 and bytes.fromhex(frame.hex()) == frame
                if len(shown) == 2:
                    await other.set("power", True)
                pushed = [f for w, f in shown[2:] if w == "from" and "2: true}" in f.data.get("payload", "")]
                if pushed and any("/id/ 0" in f.data.get("payload", "") for _, f in shown):
                    break
        asked, answered = shown[0], shown[1]
        assert asked[0] == "to" and ["Observe", "0"] in asked[1].data["options"]
        assert answered[0] == "from" and answered[1].data["code"] == "2.05 Content"
        assert any(name == "Observe" for name, _ in pushed[0].data["options"])
        assert pushed[0].data["token"] == asked[1].data["token"]

    kettle(tmp_path, test, rate=8)


def test_a_watch_over_a_device_that_is_off_shows_that_nothing_comes_back():
    async def main():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            shown = []
            async for _, way, _, _ in frames.watch(*probe.getsockname()):
                shown.append(way)
                if len(shown) == 2:  # the request and its retransmission
                    break
            assert shown == ["to", "to"]

    asyncio.run(main())


def test_an_answer_has_the_words_of_what_was_asked_under_its_token():
    reader = frames.Reader()
    reader.read("to", bytes.fromhex("41010001aab164"))
    reader.read("to", bytes.fromhex("41010002bbb16c"))
    answer = bytes.fromhex("c13cffa10005")
    assert reader.read("from", bytes.fromhex("61450001aa") + answer).data["payload"] == "{/id/ 0: 5}"
    assert reader.read("from", bytes.fromhex("61450002bb") + answer).data["payload"] == "{/ms/ 0: 5}"
    assert reader.read("from", bytes.fromhex("61450003cc") + answer).data["payload"] == "{0: 5}"
    assert reader.read("from", b"").title.startswith("0 bytes that are no CoAP message")
    assert reader.read("from", b"\x40\x45\x00").data["malformed"]


def test_the_command_shows_frames_live(tmp_path):
    async def test(device):
        def run(*more):
            return CliRunner().invoke(cli, ("dev", "watch", device.address, "--frames", "--count", "2", *more))

        told = (await asyncio.to_thread(run)).output.splitlines()
        assert " s ->   " in told[0] and "CoAP CON GET" in told[0] and any("Uri-Path: s" in line for line in told)
        assert any(" s <-   " in line and "2.05 Content" in line for line in told)
        lines = [json.loads(line) for line in (await asyncio.to_thread(run, "--json")).output.splitlines()]
        assert [line["way"] for line in lines] == ["to", "from"]
        assert bytes.fromhex(lines[1]["frame"])[1] == 0x45 and lines[1]["payload"].startswith("{0: ")
        refused = await asyncio.to_thread(run, "temp")
        assert refused.exit_code == 2 and "leave PATH out" in refused.output

    kettle(tmp_path, test)


def test_secured_frames_are_opened_with_the_context_of_the_watch(tmp_path):
    async def test(device):
        await put_in(device, "owner", OWNER)
        await put_in(device, "other", OTHER)
        credentials = Credentials(OWNER, tmp_path / "owner.sent")
        async with (
            Client(*device.link, credentials=Credentials(OTHER, tmp_path / "other.sent")) as other,
            contextlib.aclosing(frames.watch(*device.link, OWNER, credentials)) as watch,
        ):
            shown = []
            async for _, way, frame, found in watch:
                shown.append((way, frame, found.data))
                inner = [data.get("inner", {}) for way, _, data in shown if way == "from"]
                if len(shown) == 4:
                    await other.set("power", True)
                payloads = [one.get("payload", "") for one in inner]
                if any("2: true}" in one for one in payloads) and any("/id/ 0" in one for one in payloads):
                    break
        asked = shown[0][2]
        assert asked["code"] == "FETCH" and asked["inner"]["code"] == "GET"
        assert ["Uri-Path", "s"] in asked["inner"]["options"] and b"\xb1s" not in shown[0][1]
        assert inner[0]["code"] == "4.01 Unauthorized" and inner[0]["options"][0][0] == "Echo"
        assert all("inner" in data for _, _, data in shown)

    kettle(tmp_path, test, rate=8)


def test_frames_of_another_key_show_their_outside():
    frame = bytes.fromhex("44025d1f00003974396c6f63616c686f7374620914ff612f1092f1776f1c1668b3825e")
    for context in (None, OWNER):
        found = frames.Reader(context).read("to", frame)
        assert found.data["code"] == "POST" and "inner" not in found.data


def test_the_command_opens_frames_with_a_context_file(tmp_path):
    file = tmp_path / "owner.json"
    names = ("secret", "salt", "sender", "recipient")
    file.write_text(json.dumps({name: getattr(OWNER, name).hex() for name in names}))

    async def test(device):
        await put_in(device, "owner", OWNER)
        arguments = ("dev", "watch", device.address, "--frames", "--count", "4", "--context", str(file))
        done = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
        assert done.exit_code == 0, done.output
        assert "opened, GET:" in done.output and "opened, 2.05 Content:" in done.output
        assert OWNER.secret.hex() not in done.output

    kettle(tmp_path, test)
