"""A tap of a simulated watch, from its button to the result on its screen: field, PN532, driver, service, card."""

import asyncio

import aiocoap
import issuer
import pytest
from payer import reader, watch
from test_card import pdol
from toscore import apdu, emv, tlv
from tosplus.sim.pn532.isodep import Failed

READ = apdu.command(0, 0xB2, 1, 12, b"", 256)


def select(name):
    return apdu.command(0, 0xA4, 4, 0, name, 256)


def options(value):
    return apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, value), 256)


def test_a_tap_writes_nothing_and_its_result_is_shown(tmp_path):
    async def main():
        async with watch(tmp_path) as (device, air), reader(air) as till:
            await device.device.press("button_b", 200)
            assert await till.find()
            before = await device.device.control("flash")
            await till.send(select(emv.PPSE))
            await till.send(select(emv.AID))
            value = pdol(1250)
            status, data = await till.send(options(value))
            assert status == 0x9000 and (await till.send(READ))[0] == 0x9000
            after = await device.device.control("flash")
            assert [after[name] - before[name] for name in ("erases", "programs")] == [0, 0]
            ac, *bound = [tlv.find(data, tag) for tag in (0x9F26, 0x82, 0x9F36, 0x9F6C, 0x9F10)]
            assert ac == issuer.cryptogram(issuer.luk(1), value, *bound)
            await device.until("payment", "sent")
            atc, reason = int.from_bytes(bound[1], "big"), b"\x08"
            mac = issuer.response(issuer.luk(1), atc, ac, bytes(4), reason)
            await device.tell(aiocoap.PUT, "y/result", {0: atc, 1: mac, 2: bytes(4), 3: reason})
            await device.until("payment", "declined")
            till.leave()
            await device.until("arm", False)
            assert await device.client.get("text") == "Declined"
            with pytest.raises(Failed):
                await till.send(select(emv.AID))  # nobody is there any more

    asyncio.run(main())


def test_a_field_that_is_lost_before_the_cryptogram_costs_nothing_and_the_next_tap_pays(tmp_path):
    async def main():
        async with watch(tmp_path) as (device, air), reader(air) as till:
            await device.device.press("button_b", 200)
            for _ in range(3):
                assert await till.find()
                assert (await till.send(select(emv.AID)))[0] == 0x9000
                till.leave()
            assert await till.find()
            await till.send(select(emv.AID))
            status, data = await till.send(options(pdol()))
            assert status == 0x9000 and tlv.find(data, 0x9F36) == b"\x00\x01"

    asyncio.run(main())


def test_a_watch_that_is_taken_away_in_the_middle_of_a_tap_pays_when_it_is_back(tmp_path):
    async def main():
        async with watch(tmp_path) as (device, air), reader(air) as till:
            antenna = device.device.nfc.antenna
            await device.device.press("button_b", 200)
            await device.until("payment", "armed")
            assert await till.find()
            antenna.move(False)
            with pytest.raises(Failed):
                await till.send(select(emv.AID))
            till.leave()
            antenna.move(True)
            assert await till.find()
            assert (await till.send(select(emv.AID)))[0] == 0x9000
            assert (await till.send(options(pdol())))[0] == 0x9000
            antenna.move(False)
            await device.until("arm", False)  # it knows that the field is gone

    asyncio.run(main())


def test_a_kill_behind_the_cryptogram_repeats_no_counter(tmp_path):
    async def main():
        async with watch(tmp_path) as (device, air), reader(air) as till:
            seen = []
            for _ in range(3):
                await device.device.press("button_b", 200)
                await device.until("payment", "armed")
                assert await till.find()
                await till.send(select(emv.AID))
                status, data = await till.send(options(pdol()))
                assert status == 0x9000
                seen.append(tlv.find(data, 0x9F36))
                await device.device.kill()
                await device.device.restarted()
                till.leave()
            assert len(set(seen)) == 3 and seen == sorted(seen)

    asyncio.run(main())
