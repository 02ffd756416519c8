"""The token service and a real simulated watch, through a real hub: paired, a token delivered, its key replaced."""

import asyncio

import pytest
from aiocoap.numbers import codes
from host.hub.running import hub
from host.test_paired import taken_over
from host.tokens.bank import GENEROUS, Bank
from tosplus.link.pairing_code import parse
from tosplus.sim.device import Device
from tosplus.tokens import wallet
from tosplus.tokens.courier import bring, tell
from tosplus.tokens.device import Declined, Devices


def test_a_watch_is_given_a_token_and_a_stranger_is_not_asked(tmp_path):
    async def test():
        bank = Bank(f"sqlite:///{tmp_path}/tokens.db")
        bank.set_up()
        bank.write(lambda c, now: wallet.open_holder(c, "test", "ann", "EUR", 0, now))
        device = Device("watch", state_dir=tmp_path / "w", hub="")
        async with hub(tmp_path / "hub", plain=False) as it, device as watch:
            await watch.ready()
            id, code = await taken_over(it, watch)
            await it.live(id)
            await watch.press("button_a", 300)
            await asyncio.sleep(0.3)
            token = bank.write(lambda c, now: wallet.issue(c, "test", "ann", id, GENEROUS, now)).id
            async with Devices(bank, ("127.0.0.1", it.coap)) as devices:
                await devices.pair(parse(code))
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
        bank.close()

    asyncio.run(asyncio.wait_for(test(), 55))
