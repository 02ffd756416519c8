"""A device as new, and what follows: who pairs with it, when, who is let go, and who cannot be locked out. Over UDP."""

import asyncio
import os
import stat

import aiocoap
import cbor2
import pytest
from tosplus.errors import HostError
from tosplus.link import pair, pairing_code
from tosplus.sim.device import Device
from trust import Asking, Refused, credentials, pair_with, stranger

MINUTE_MS = 60_000


def device_of(tmp_path, test, app="kettle", **about):
    """Run test(device) with a new device whose clock moves when told."""

    async def main():
        async with Device(app, state_dir=tmp_path / "device", rate=0, **about) as device:
            await device.ready()
            await test(device)

    asyncio.run(main())


async def press(device, ms=200, signal="button"):
    await device.control("advance", ms=200)
    await device.press(signal, ms)
    await device.control("advance", ms=200)


def m1(secret=bytes(16), role="owner", name="stranger"):
    return pair.Asker(secret, role, name, b"\x66").m1


# Pairing


def test_a_new_device_shows_its_code_and_who_has_it_becomes_the_owner_at_once(tmp_path, caplog):
    caplog.set_level("INFO", "coap")

    def echoes():
        return len([record for record in caplog.records if "Echo as part of OSCORE B.1.2" in record.getMessage()])

    async def test(device):
        code = await device.code()
        context = await pair_with(device)
        async with Asking(device, credentials(context, tmp_path)) as owner:
            response = await owner.ask("GET", "d")
            assert response.code == aiocoap.CONTENT and echoes() == 0  # nobody can have a recording of a new key
            assert cbor2.loads(response.payload)[0] == pairing_code.parse(code).device_id
            assert await owner.get("p") == {0: 0, 1: [["laptop", 1, []]]}
            assert (await owner.get("l"))[2].get(212) == 1
        await device.kill()
        await device.restarted()
        async with Asking(device, credentials(context, tmp_path)) as owner:
            assert (await owner.get("d"))[1] == "kettle" and echoes() == 1
        with pytest.raises(HostError, match="press its button"):
            await device.code(0.3)

    device_of(tmp_path, test)


def test_in_the_clear_there_is_the_list_and_pairing_and_nothing_else(tmp_path):
    async def test(device):
        await device.code()
        for paired in (False, True):
            if paired:
                await pair_with(device)
            async with Asking(device) as nobody:
                for method, path in (
                    ("GET", "d"), ("GET", "s"), ("PUT", "s/power"), ("GET", "e"), ("GET", "b"), ("GET", "l"),
                    ("GET", "r"), ("PUT", "r"), ("PUT", "p/x"), ("DELETE", "p/laptop"), ("PUT", "i"), ("GET", "nope"),
                ):  # fmt: skip
                    response = await nobody.ask(method, path, b"\xf5" if method == "PUT" else None)
                    assert (response.code, response.payload) == (aiocoap.UNAUTHORIZED, f"356 {path}".encode())
                assert (await nobody.ask("GET", ".well-known/core")).code == aiocoap.CONTENT

    device_of(tmp_path, test)


def test_nobody_learns_who_is_paired_in_the_clear(tmp_path):
    async def test(device):
        async with Asking(device) as nobody:
            response = await nobody.ask("GET", "p")
            assert (response.code, response.payload) == (aiocoap.UNAUTHORIZED, b"356 p")

    device_of(tmp_path, test)


def test_the_console_log_is_for_its_owner_alone(tmp_path):
    log = tmp_path / "device" / "console.log"
    log.parent.mkdir()
    log.touch(0o644)

    async def test(device):
        assert (await device.code()).encode() in log.read_bytes()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    device_of(tmp_path, test)


def test_a_display_shows_the_code_until_there_is_an_owner_or_something_else_to_show(tmp_path):
    async def test(device):
        async def shown():
            return (await device.control("get"))["signals"]["display"]

        code = await device.code()
        assert await shown() == code
        await device.control("append", signal="keys", value="7")
        await device.control("advance", ms=200)
        assert await shown() == "0.07"
        await device.kill()
        await device.restarted()
        assert await device.code() == code and await shown() == code
        await pair_with(device)
        assert await shown() == ""

    device_of(tmp_path, test, "till")


def test_a_wrong_secret_is_no_peer_and_is_logged(tmp_path):
    async def test(device):
        code = await device.code()
        secret = pairing_code.parse(code).secret
        for wrong in (bytes(16), secret[:15] + bytes((secret[15] ^ 1,))):
            asker = pair.Asker(wrong, "owner", "thief", b"\x66")
            async with Asking(device) as asking:
                m2 = await asking.post(asker.m1)
                with pytest.raises(pair.PairError):
                    asker.answer(m2)
                with pytest.raises(Refused) as answer:
                    await asking.post(pair.PairError.abandon)
                assert (answer.value.answer, answer.value.code) == ("4.01", 366)
        context = await pair_with(device)
        async with Asking(device, credentials(context, tmp_path)) as owner:
            assert [row[0] for row in (await owner.get("p"))[1]] == ["laptop"]
            assert (await owner.get("l"))[2][366] == 2

    device_of(tmp_path, test)


def test_what_is_no_message_of_a_pairing_is_refused_and_costs_nothing(tmp_path):
    async def test(device):
        async with Asking(device) as asking:
            for message, code in ((b"", 301), (b"\x00", 361), (b"\xa1\x06\x50" + bytes(16), 365), (m1() + b"x", 306)):
                with pytest.raises(Refused) as answer:
                    await asking.post(message)
                assert answer.value.code == code
            message = asking.message("POST", "p", m1())
            message.opt.content_format = 0
            assert (await asking.context.request(message).response).code == aiocoap.UNSUPPORTED_CONTENT_FORMAT
        await pair_with(device)

    device_of(tmp_path, test)


def test_no_response_may_be_asked_for_and_pairing_answers_all_the_same(tmp_path):
    async def test(device):
        asker = pair.Asker(pairing_code.parse(await device.code()).secret, "owner", "x", b"\x66")
        async with Asking(device) as asking:
            response = await asking.ask("POST", "p", asker.m1, no_response=26)
            m3, _ = asker.answer(response.payload)
            assert await asking.post(m3) == b""

    device_of(tmp_path, test)


# When


def test_without_an_owner_only_an_owner_may_come(tmp_path):
    async def test(device):
        for role in ("control", "input", "hub", "token-service", "peer"):
            with pytest.raises(Refused) as answer:
                await pair_with(device, role)
            assert (answer.value.answer, answer.value.code) == ("4.03", 363)
        await pair_with(device)

    device_of(tmp_path, test)


def test_with_an_owner_only_two_minutes_after_the_button(tmp_path):
    async def test(device):
        code = await device.code()
        context = await pair_with(device)
        async with Asking(device, credentials(context, tmp_path)) as owner:

            async def is_open(role="control", name="guest"):
                try:
                    await pair_with(device, role, name, code=code)
                    return True
                except Refused as e:
                    assert (e.answer, e.code) == ("4.03", 363)
                    return False

            for role in pair.ROLES:
                assert not await is_open(role)
            await press(device)
            left_ms = (await owner.get("p"))[0]
            assert 2 * MINUTE_MS - 600 <= left_ms <= 2 * MINUTE_MS
            for role in pair.ROLES:
                assert await is_open(role, role)
            await device.control("advance", ms=left_ms - 100)
            assert (await owner.get("p"))[0] == 100 and await is_open()
            await device.control("advance", ms=100)
            assert (await owner.get("p"))[0] == 0 and not await is_open()
            assert len((await owner.get("p"))[1]) == 8

    device_of(tmp_path, test)


def test_the_button_prints_the_code_again(tmp_path):
    async def test(device):
        code = await device.code()
        await pair_with(device)
        await device.kill()
        await device.restarted()
        await press(device)
        assert await device.code() == code

    device_of(tmp_path, test)


def test_a_button_that_is_down_from_the_start_on_neither_opens_nor_resets(tmp_path):
    async def test(device):
        code = await device.code()
        await pair_with(device)
        await device.control("set", signal="button", value=True)
        await device.kill()
        await device.restarted()
        await device.control("advance", ms=MINUTE_MS)
        await device.control("set", signal="button", value=False)
        await device.control("advance", ms=1000)
        assert device.starts == 2
        with pytest.raises(Refused):
            await pair_with(device, code=code)

    device_of(tmp_path, test)


def test_a_button_that_cannot_be_read_harms_nothing(tmp_path):
    async def test(device):
        code = await device.code()
        context = await pair_with(device)
        await device.control("set", signal="button", value=True)
        await device.control("advance", ms=1000)
        await device.control("fail", signal="button", failing=True)
        await device.control("advance", ms=MINUTE_MS)
        await device.control("set", signal="button", value=False)
        await device.control("fail", signal="button", failing=False)
        await device.control("advance", ms=1000)
        assert device.starts == 1
        with pytest.raises(Refused):
            await pair_with(device, code=code)
        async with Asking(device, credentials(context, tmp_path)) as owner:
            assert 401 not in (await owner.get("l"))[2]

    device_of(tmp_path, test)


def test_a_watch_opens_by_a_button_of_its_own(tmp_path):
    async def test(device):
        await pair_with(device)
        with pytest.raises(Refused):
            await pair_with(device, "control", "phone")
        await press(device, signal="button_a")
        await pair_with(device, "control", "phone")

    device_of(tmp_path, test, "watch")


# Who cannot lock anybody out


def test_after_a_thousand_wrong_messages_from_many_addresses_the_owner_pairs(tmp_path):
    async def test(device):
        code = await device.code()
        socks = [stranger(device, f"127.0.0.{n + 2}") for n in range(100)]
        for n in range(1000):
            sock = socks[n % len(socks)]
            wrong = (m1(), b"\xa1\x06\x50" + os.urandom(16), os.urandom(40))[n % 3]
            sock.send(b"\x51\x02" + n.to_bytes(2, "big") + b"T\xb1p\x11\x3c\xff" + wrong)
            if n % 20 == 0:
                await asyncio.sleep(0.01)
        for sock in socks:
            sock.close()
        await asyncio.sleep(0.5)
        await device.control("advance", ms=3000)
        context = await pair_with(device, code=code)
        async with Asking(device, credentials(context, tmp_path)) as owner:
            log = await owner.get("l")
            assert 401 not in log[2] and 3 not in log
            assert [row[0] for row in (await owner.get("p"))[1]] == ["laptop"]

    device_of(tmp_path, test)


def test_an_exchange_that_is_half_open_makes_way_after_three_seconds(tmp_path):
    async def test(device):
        code = await device.code()
        async with Asking(device) as idler:
            asker = pair.Asker(pairing_code.parse(code).secret, "owner", "idler", b"\x66")
            m3, _ = asker.answer(await idler.post(asker.m1))
            await device.control("advance", ms=2900)
            with pytest.raises(Refused) as answer:
                await pair_with(device)
            assert (answer.value.answer, answer.value.code) == ("5.03", 364)
            await device.control("advance", ms=100)
            await pair_with(device)
            with pytest.raises(Refused) as answer:
                await idler.post(m3)
            assert answer.value.code == 365

    device_of(tmp_path, test)


def test_an_exchange_that_nobody_disputes_has_thirty_seconds(tmp_path):
    async def test(device):
        secret = pairing_code.parse(await device.code()).secret
        for ms, comes in ((30_000, False), (29_800, True)):
            asker = pair.Asker(secret, "owner", "slow", b"\x66")
            async with Asking(device) as slow:
                m3, _ = asker.answer(await slow.post(asker.m1))
                await device.control("advance", ms=ms)
                if comes:
                    assert await slow.post(m3) == b""
                else:
                    with pytest.raises(Refused) as answer:
                        await slow.post(m3)
                    assert answer.value.code == 365

    device_of(tmp_path, test)


def test_an_m3_from_elsewhere_ends_no_exchange(tmp_path):
    async def test(device):
        asker = pair.Asker(pairing_code.parse(await device.code()).secret, "owner", "x", b"\x66")
        async with Asking(device) as one, Asking(device) as other:
            m3, _ = asker.answer(await one.post(asker.m1))
            for message in (m3, pair.PairError.abandon):
                with pytest.raises(Refused) as answer:
                    await other.post(message)
                assert answer.value.code == 365
            await device.control("advance", ms=1000)
            assert await one.post(m3) == b""

    device_of(tmp_path, test)


def test_an_m3_that_comes_again_is_answered_again_and_pairs_once(tmp_path):
    async def test(device):
        asker = pair.Asker(pairing_code.parse(await device.code()).secret, "owner", "x", b"\x66")
        sock = stranger(device)
        loop = asyncio.get_running_loop()

        async def says(mid, message):
            sock.send(b"\x41\x02" + mid.to_bytes(2, "big") + b"T\xb1p\x11\x3c\xff" + message)
            return await asyncio.wait_for(loop.sock_recv(sock, 1500), 60)

        assert (await says(1, asker.m1))[:4] == b"\x60\x00\x00\x01"  # it will answer later
        m2 = await asyncio.wait_for(loop.sock_recv(sock, 1500), 60)
        assert m2[0] == 0x41 and m2[1] == 68  # confirmable, 2.04
        sock.send(b"\x60\x00" + m2[2:4])
        m3, paired = asker.answer(aiocoap.Message.decode(m2).payload)
        first = await says(2, m3)
        assert first[:2] == b"\x61\x44" and await says(2, m3) == first
        assert (await says(3, m3))[1] == 128  # the same in a new message: that exchange is over
        sock.close()

    device_of(tmp_path, test)


# Who is let go


def test_who_is_revoked_is_refused_at_once_and_hears_nothing_more(tmp_path):
    async def test(device):
        code = await device.code()
        mine = await pair_with(device)
        await press(device)
        its = await pair_with(device, "control", "guest", b"\x77", code)
        async with (
            Asking(device, credentials(mine, tmp_path)) as owner,
            Asking(device, credentials(its, tmp_path)) as guest,
        ):
            request = guest.context.request(guest.message("GET", "s", observe=0))
            assert (await request.response).code == aiocoap.CONTENT
            heard = []

            async def listen():
                async for notified in request.observation:
                    heard.append(notified)

            listening = asyncio.create_task(listen())
            await owner.ask("PUT", "s/power", True)
            while not heard:
                await asyncio.sleep(0.02)
            assert len(heard) == 1
            assert (await owner.ask("DELETE", "p/guest")).code == aiocoap.DELETED
            assert (await owner.ask("DELETE", "p/guest")).code == aiocoap.DELETED  # RFC 7252 section 5.8.4
            await owner.ask("PUT", "s/power", False)
            await asyncio.sleep(0.2)
            assert len(heard) == 1
            listening.cancel()
            with pytest.raises(aiocoap.error.Error):
                await guest.ask("GET", "s")
            assert (await owner.get("l"))[2][352] >= 1
        await device.kill()
        await device.restarted()
        async with Asking(device, credentials(mine, tmp_path)) as owner:
            assert [row[0] for row in (await owner.get("p"))[1]] == ["laptop"]

    device_of(tmp_path, test)


def test_the_last_owner_may_leave_and_the_device_waits_for_another(tmp_path):
    async def test(device):
        code = await device.code()
        context = await pair_with(device)
        async with Asking(device, credentials(context, tmp_path)) as owner:
            assert (await owner.ask("DELETE", "p/laptop")).code == aiocoap.DELETED
            with pytest.raises(aiocoap.error.Error):
                await owner.ask("GET", "d")
        await device.kill()
        await device.restarted()
        assert await device.code() == code
        await pair_with(device)

    device_of(tmp_path, test)


def test_pairing_again_under_the_same_name_replaces_the_old_key(tmp_path):
    async def test(device):
        code = await device.code()
        old = await pair_with(device)
        await press(device)
        new = await pair_with(device, code=code)
        async with Asking(device, credentials(new, tmp_path)) as owner:
            assert len((await owner.get("p"))[1]) == 1
        async with Asking(device, credentials(old, tmp_path)) as owner:
            with pytest.raises(aiocoap.error.Error):
                await owner.ask("GET", "d")

    device_of(tmp_path, test)


def test_the_ninth_peer_finds_no_place_and_the_others_stay(tmp_path):
    async def test(device):
        code = await device.code()
        context = await pair_with(device)
        await press(device)
        for n in range(7):
            await pair_with(device, "input", f"pad {n}", b"\x77", code)
        with pytest.raises(Refused) as answer:
            await pair_with(device, "input", "one more", b"\x77", code)
        assert (answer.value.answer, answer.value.code) == ("5.03", 357)
        async with Asking(device, credentials(context, tmp_path)) as owner:
            assert len((await owner.get("p"))[1]) == 8

    device_of(tmp_path, test)


# Factory reset


def test_ten_seconds_of_the_button_make_it_new(tmp_path):
    async def test(device):
        old = await device.code()
        context = await pair_with(device)
        async with Asking(device, credentials(context, tmp_path)) as owner:
            await owner.ask("PUT", "b", [])
            await owner.ask("PUT", "r", {0: "192.0.2.7:5685"})
            await press(device, 9_800)
            assert (await owner.get("r")) == {0: "192.0.2.7:5685", 1: "laptop"}
            await device.control("advance", ms=1000)
            assert device.starts == 1
            await device.control("set", signal="button", value=True)
            await device.control("advance", ms=9_900)
            assert device.starts == 1
            try:
                await device.control("advance", ms=300, timeout_s=1)
            except HostError:
                pass
            await device.restarted()
            new = await device.code()
            assert pairing_code.parse(new).secret != pairing_code.parse(old).secret
            with pytest.raises(aiocoap.error.Error):
                await owner.ask("GET", "d")
        await device.control("set", signal="button", value=False)
        with pytest.raises(pair.PairError):
            await pair_with(device, code=old)
        await device.control("advance", ms=3000)
        context = await pair_with(device, id=b"\x44")
        async with Asking(device, credentials(context, tmp_path)) as owner:
            assert await owner.get("p") == {0: 0, 1: [["laptop", 1, []]]}
            assert await owner.get("r") == {0: None, 1: None}
            log = await owner.get("l")
            assert next(entry for entry in log[1] if entry[1] == 201)[2] == 1

    device_of(tmp_path, test)
