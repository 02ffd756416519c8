"""The token service and a real simulated watch, through a real hub: paired, a token delivered, a tap paid by it."""

import asyncio
import contextlib
import os
import time

import cbor2
import pytest
from aiocoap.numbers import codes
from host.hub.running import hub, value_of
from host.test_paired import taken_over
from host.tokens.bank import GENEROUS, Bank
from host.tokens.taps import pdol
from payer import reader
from toscore import apdu, emv, tlv
from tosplus.link.pairing_code import parse
from tosplus.sim.device import Device
from tosplus.sim.pn532.air import Air
from tosplus.tokens import wallet, wire
from tosplus.tokens.courier import bring, tell
from tosplus.tokens.device import Declined, Devices

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
        await asyncio.sleep(0.3)
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

    asyncio.run(asyncio.wait_for(test(), 55))


def test_a_tap_of_the_watch_is_authorised_and_its_screen_says_so(tmp_path):
    async def test():
        async with Air(tmp_path / "air") as air, owned(tmp_path, air.path) as (bank, devices, id, token, watch, it):
            assert await bring(bank, devices, id, token)
            for word, reason in (("approved", 0), ("declined", 3)):
                await watch.press("button_b", 100)
                await it.until(lambda device: value_of(device, "payment") == "armed", 20, id)
                asked = await tapped(air.path)
                answer = cbor2.loads(wire.answer(bank, bank.main, "/y/auth", cbor2.dumps(asked)))
                assert (answer[0], answer[1]) == (not reason, reason)
                result = {0: int.from_bytes(asked[5], "big"), 1: answer[3], 2: answer[2], 3: bytes([answer[1]])}
                await devices.ask(id, codes.PUT, "y/result", result)
                await it.until(lambda device, word=word: value_of(device, "payment") == word, 20, id)
                bank.write(lambda c, now: wallet.suspend(c, "test", token, now))
            assert bank.balances()["sales:CAMPUS", "held"] == 1000

    asyncio.run(asyncio.wait_for(test(), 55))


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
