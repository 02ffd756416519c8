"""The token service and a real simulated watch, through a real hub: paired, a token delivered, a tap paid by it."""

import asyncio
import contextlib
import os
import time

import cbor2
import pytest
import sqlalchemy as sa
from aiocoap.numbers import codes
from host.hub.running import hub, value_of
from host.test_paired import opened, taken_over
from host.tokens.bank import GENEROUS, Bank
from host.tokens.taps import pdol
from payer import reader
from toscore import apdu, emv, tlv
from tosplus import ports
from tosplus.link.pairing_code import parse
from tosplus.link.server import listening
from tosplus.sim.device import Device
from tosplus.sim.pn532.air import Air
from tosplus.tokens import tables, tills, wallet, wire
from tosplus.tokens.coap import Door
from tosplus.tokens.courier import Courier, bring, tell
from tosplus.tokens.device import Declined, Devices
from tosplus.tokens.results import Results

TTQ = b"\x36\x00\x40\x00"


@contextlib.asynccontextmanager
async def owned(folder, air=None):
    """-> (bank, devices, id of the watch, id of its token, the watch, the hub); the token is there, not delivered."""
    bank = Bank(f"sqlite:///{folder}/tokens.db", time.time())
    bank.main = bank.set_up()
    bank.write(lambda c, now: wallet.open_holder(c, "test", "ann", "EUR", 0, now))
    bank.write(lambda c, now: wallet.topup(c, "test", "ann", 5000, "", now))
    device = Device("watch", state_dir=folder / "w", hub="", **({"air": air} if air else {}))
    async with hub(folder / "hub", plain=False) as it, device as watch:
        await watch.ready()
        id, code = await taken_over(it, watch)
        await it.live(id)
        await watch.press("button_a", 300)
        await opened(it, id)
        token = bank.write(lambda c, now: wallet.issue(c, "test", "ann", id, GENEROUS, now)).id
        async with Devices(bank, ("127.0.0.1", it.coap)) as devices:
            await devices.pair(parse(code))
            yield bank, devices, id, token, watch, it
    bank.check()
    bank.close()


def test_a_watch_is_given_a_token_is_suspended_and_gives_it_back(tmp_path):
    async def test():
        async with owned(tmp_path) as (bank, devices, id, token, _, _):
            assert await bring(bank, devices, id, token)
            found = (await devices.ask(id, codes.GET, "y/token")).told
            assert (found[0].hex(), found[1], found[3], found[5]) == (token, 2, 1, 10)
            with pytest.raises(Declined) as refused:  # it wants its cardholder's check first
                await bring(bank, devices, id, token)
            assert refused.value.code is codes.SERVICE_UNAVAILABLE
            for change, state in ((wallet.suspend, 3), (wallet.resume, 2)):
                bank.write(lambda c, now, change=change: change(c, "test", token, now))
                await tell(bank, devices, id, token)
                assert (await devices.ask(id, codes.GET, "y/token")).told[1] == state
            bank.write(lambda c, now: wallet.revoke(c, "test", token, now))
            await tell(bank, devices, id, token)
            assert (await devices.ask(id, codes.GET, "y/token")).told[1] == 0

    asyncio.run(asyncio.wait_for(test(), 240))


def test_a_tap_of_the_watch_is_authorised_and_its_screen_says_so(tmp_path):
    async def test():
        async with Air(tmp_path / "air") as air, owned(tmp_path, air.path) as (bank, devices, id, token, watch, it):
            assert await bring(bank, devices, id, token)
            for word, reason in (("approved", 0), ("declined", 3)):
                await watch.press("button_b", 100)
                await it.until(lambda device: value_of(device, "payment") == "armed", id=id)
                asked = await tapped(air.path)
                answer = cbor2.loads(wire.answer(bank, bank.main, "/y/auth", cbor2.dumps(asked)))
                assert (answer[0], answer[1]) == (not reason, reason)
                result = {0: int.from_bytes(asked[5], "big"), 1: answer[3], 2: answer[2], 3: bytes([answer[1]])}
                await devices.ask(id, codes.PUT, "y/result", result)
                await it.until(lambda device, word=word: value_of(device, "payment") == word, id=id)
                bank.write(lambda c, now: wallet.suspend(c, "test", token, now))
            assert bank.balances()["sales:CAMPUS", "held"] == 1000

    asyncio.run(asyncio.wait_for(test(), 240))


@contextlib.asynccontextmanager
async def canteen(folder):
    """-> (bank, (id of the watch, watch), id of the till, hub, serve): paired with both. await serve() is one more
    life of the service's CoAP."""
    bank, port = Bank(f"sqlite:///{folder}/tokens.db", time.time()), ports.free()
    bank.set_up()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(bank.close)
        enter = stack.enter_async_context
        it = await enter(hub(folder / "hub", plain=False, tokens_coap=f"127.0.0.1:{port}"))
        air = await enter(Air(folder / "air"))
        found = []
        for app, button in (("watch", "button_a"), ("till", "button")):
            device = await enter(Device(app, state_dir=folder / app, hub="", air=air.path))
            await device.ready()
            id, code = await taken_over(it, device)
            await it.live(id)
            await device.press(button, 300)
            await opened(it, id)
            found.append((id, code, device))
        devices = await enter(Devices(bank, ("127.0.0.1", it.coap)))
        for _, code, _ in found:
            await devices.pair(parse(code))
        results, lives = Results(bank, devices), contextlib.AsyncExitStack()
        stack.push_async_callback(lives.aclose)

        async def serve():
            await lives.aclose()
            bank.contexts._kept.clear()
            door = Door(bank, results.put)
            context, _ = await listening(door, "127.0.0.1", port)
            lives.push_async_callback(asyncio.to_thread, door.close)
            lives.push_async_callback(context.shutdown)

        await serve()
        (watch, _, wrist), (till, _, _) = found
        bank.write(lambda c, now: wallet.open_holder(c, "test", "ann", "EUR", 0, now))
        bank.write(lambda c, now: wallet.topup(c, "test", "ann", 5000, "", now))
        bank.token = bank.write(lambda c, now: wallet.issue(c, "test", "ann", watch, GENEROUS, now)).id
        about = tills.About(till, "Mensa")
        bank.write(lambda c, now: tills.add(c, "test", "CAMPUS", "TILL-1", about, now))
        rider = Courier(bank, devices)
        await rider.round()
        await rider.settled()
        yield bank, (watch, wrist), till, it, serve
        await results.settled()
        bank.check()


def test_a_watch_pays_at_a_till_each_through_the_hub_and_hears_its_result_from_the_service(tmp_path):
    async def test():
        async with canteen(tmp_path) as (bank, (watch, wrist), till, it, serve):

            async def pays(cents, till_says, watch_says):
                assert (await it.http.put(f"/api/devices/{till}/s/take", json={"value": cents})).is_success
                await it.until(lambda device: value_of(device, "sale") == "tap", id=till)
                await wrist.press("button_b", 100)
                await it.until(lambda device: value_of(device, "sale") == till_says, id=till)
                await it.until(lambda device: value_of(device, "payment") == watch_says, id=watch)

            await pays(1250, "approved", "approved")
            assert (await it.device(till))["link"] == "live" and bank.balances()["sales:CAMPUS", "held"] == 1250
            await serve()  # anew: the till is asked for an Echo, and gives it
            bank.write(lambda c, now: wallet.suspend(c, "test", bank.token, now))
            await pays(7, "declined", "declined")
            rows = bank.read(lambda c: c.execute(sa.select(tables.auths).order_by(tables.auths.c.at)).all())
            assert [(row.terminal, row.amount, row.reason) for row in rows] == [("TILL-1", 1250, 0), ("TILL-1", 7, 3)]
            numbers = [row.number.encode() for row in rows]
            for file in (tmp_path / "hub").rglob("*"):
                assert not file.is_file() or not any(number in file.read_bytes() for number in numbers)

    asyncio.run(asyncio.wait_for(test(), 240))


async def tapped(path):
    """What a till makes of a tap of 10.00: the request that it sends."""
    value = pdol(1000, ttq=TTQ)
    async with reader(path) as till:
        for _ in range(100):
            if await till.find():
                break
            await asyncio.sleep(0.05)
        assert (await till.send(apdu.command(0, 0xA4, 4, 0, emv.AID, 256)))[0] == 0x9000
        status, data = await till.send(apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, value), 256))
        assert status == 0x9000, hex(status)
        till.leave()
    found = {tag: bytes(data[at:end]) for _, tag, at, end in tlv.walk(data)}
    tags = {1: 0x57, 4: 0x82, 5: 0x9F36, 6: 0x9F26, 7: 0x9F6C, 8: 0x9F10}
    asked = {0: os.urandom(16), 2: found[0x5F34][0], 3: value, 9: found[0x9F27][0]}
    return {**asked, **{key: found[tag] for key, tag in tags.items()}}
