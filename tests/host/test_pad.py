"""Game pads and a simulated TV: by a sender of others' code, and by aiocoap's client over OSCORE."""

import asyncio

import aiocoap
import pycddl
import pytest
from host.test_cddl import check
from lossy import HOST
from pads import BACK, DOWN, UP, A, Pad, record
from soon import soon
from tosplus.link import frames
from tosplus.link.client import Client, LinkError
from tosplus.link.oscore import Context
from tosplus.link.secure import Credentials
from tosplus.sim.device import Device
from tosplus.sim.peer import put_in

PLAYER = Context(b"player's sixteen bytes", b"salt", b"", b"\x01")
OWNER = Context(b"owner's sixteen bytes", b"salt", b"\x00", b"\x01")


def tv(tmp_path, test, **about):
    """Run test(device, client) with the owner's client."""

    async def main():
        async with Device("tv", state_dir=tmp_path / "tv", hub="", **about) as device:
            await device.ready()
            await put_in(device, "owner", OWNER)
            await put_in(device, "player", PLAYER)
            credentials = Credentials(OWNER, tmp_path / "owner.sent")
            async with Client(HOST, device.link[1], credentials=credentials) as owner:
                await test(device, owner)

    asyncio.run(main())


def player(device, tmp_path):
    return Pad(device.link, Credentials(PLAYER, tmp_path / "player.sent"))


async def until(client, path, value):
    async def is_so():
        return await client.get(path) == value

    await soon(is_so, f"{path} does not become {value}")


def test_up_down_and_select_change_volume_and_app(tmp_path):
    async def test(device, owner):
        pad = player(device, tmp_path)
        await pad.begin()
        for buttons in (UP, 0, UP, UP | A, 0, DOWN, 0, UP, 0):  # three presses up, one down
            pad.send(buttons)
        await until(owner, "volume", 30)
        now = await device.control("get")
        assert now["signals"]["speaker_percent"] == 30
        assert 217 not in (await owner.log()).counts
        pad.send(BACK)
        await until(owner, "app", "films")
        assert await pad.hears(0.1) is None
        while 217 not in (log := await owner.log()).counts:  # it holds a button, and falls silent
            await asyncio.sleep(0.02)
        [released] = [entry for entry in log.ring if entry.code == 217]
        assert released.ms >= now["ms"] + 500
        pad.close()

    tv(tmp_path, test)


def test_an_event_is_32_bytes_and_nothing_of_it_is_in_the_clear(tmp_path):
    async def test(device, owner):
        seen = []
        async with frames.relay(*device.link, lambda way, frame: seen.append((way, frame))) as here:
            credentials = Credentials(PLAYER, tmp_path / "player.sent")
            pad = Pad(here, credentials)
            await pad.begin()
            credentials._next = credentials._end = 0
            (tmp_path / "player.sent").write_text("65400")
            seen.clear()
            pad.send(UP)
            await until(owner, "volume", 25)
            pad.close()
        [(way, frame)] = seen
        assert way == "to" and len(frame) == 32
        assert record(pad.sequence, UP)[1:] not in frame

    tv(tmp_path, test)


def test_what_aiocoaps_client_puts_is_answered_as_any_put(tmp_path):
    async def test(device, owner):
        await owner.write("i", record(1)[1:])
        await owner.write("i", record(2, UP)[1:])
        await until(owner, "volume", 25)
        await owner.write("i", record(1, DOWN)[1:])  # an older one
        await owner.write("i", record(2, DOWN)[1:])  # and the same
        await owner.write("i", record(2 + 32768, DOWN)[1:])
        assert await owner.get("volume") == 25
        for wrong, code in ((record(3)[1:10], 301), (record(3)[1:] + b"\0", 302), (5, 301), ("0123456789", 302)):
            with pytest.raises(LinkError) as refused:
                await owner.write("i", wrong)
            assert (refused.value.answer, refused.value.code) == ("4.00", code)
        with pytest.raises(LinkError, match=r"4\.05"):
            await owner.read("i")
        assert "</i>;ct=60" in await owner.core()

    tv(tmp_path, test)


def test_without_credentials_a_pad_is_refused_and_after_a_restart_it_shows_itself_anew(tmp_path):
    async def test(device, owner):
        stranger = Pad(device.link)
        stranger.send(UP)
        refused = await stranger.hears()
        assert refused.code == aiocoap.UNAUTHORIZED and refused.payload == b"356 i"
        stranger.close()
        pad = player(device, tmp_path)
        await pad.begin()
        pad.send(UP)
        await until(owner, "volume", 25)
        await device.kill()
        await device.restarted()
        recording = pad.send(UP)
        assert (await pad.hears()).code == aiocoap.UNAUTHORIZED
        pad.close()
        thief = Pad(device.link)
        thief.send_again(recording)
        assert (await thief.hears()).payload == b"353 Replay detected"
        thief.close()
        pad = player(device, tmp_path)
        await pad.begin()
        pad.send(DOWN)
        await until(owner, "volume", 20)
        pad.close()

    tv(tmp_path, test)


def test_records_lost_repeated_and_out_of_order_end_in_the_newest(tmp_path):
    async def test(device, owner):
        pads = [Pad(device.link) for _ in range(2)]
        for n in range(200):
            sequence = 65500 + n
            for at in (sequence, sequence - 1, sequence):
                if at % 7:
                    pads[0].put(record(at, UP if at % 2 else 0))
            pads[1].put(record(n))
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        heard = (await owner.log()).counts
        assert not [code for code in heard if code >= 300]
        assert await owner.get("volume") == 100
        for pad in pads:
            assert await pad.hears(0.05) is None
            pad.close()

    tv(tmp_path, test, plain=True)


def test_the_payload_is_what_the_grammar_says():
    check("pad", record(7, UP, (-127, 127), (1, -1), (0, 255)))
    with pytest.raises(pycddl.ValidationError):
        check("pad", record(7)[:-1].replace(b"\x4a", b"\x49"))
