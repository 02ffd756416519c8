"""A simulated watch in pcscd's virtual reader: what pyscard, emvtool and opensc-tool make of its card.

A command APDU passes pyscard, pcscd, vpcd, our bridge, the simulated field and PN532, the firmware's driver, and back.
"""

import asyncio
import contextlib
import subprocess

import aiocoap
import issuer
import peers
import pytest
from payer import watch
from pcsc import reader
from test_card import pdol
from toscore import apdu, emv, tlv
from tosplus.sim import vpcd
from tosplus.sim.pn532.isodep import Failed

# What is asked on stdin, in hex, one a line, is answered on stdout; "connect" first.
PYSCARD = """
import sys
from smartcard.System import readers
card = None
for line in sys.stdin:
    try:
        if line.strip() == "connect":
            card = readers()[0].createConnection()
            card.connect(card.T0_protocol)
            print(bytes(card.getATR()).hex(), flush=True)
        else:
            data, sw1, sw2 = card.transmit(list(bytes.fromhex(line)))
            print((bytes(data) + bytes((sw1, sw2))).hex(), flush=True)
    except Exception as e:
        print("error", type(e).__name__, flush=True)
"""


@contextlib.asynccontextmanager
async def in_reader(folder, port, contacts=False):
    """-> a Watch, whose card is in vpcd's reader while it is armed."""
    async with watch(folder, contacts) as (made, air):
        serving = asyncio.create_task(vpcd.serve(air, port=port))
        try:
            yield made
        finally:
            serving.cancel()


class Pyscard:
    def __init__(self, process):
        self._process = process

    async def ask(self, line):
        self._process.stdin.write(line.encode() + b"\n")
        return (await asyncio.wait_for(self._process.stdout.readline(), 60)).decode().strip()

    async def connect(self, tries=1):
        """-> the ATR in hex, or what was wrong."""
        for _ in range(tries):
            if (answer := await self.ask("connect"))[:5] != "error":
                break
            await asyncio.sleep(0.1)
        return answer

    async def send(self, capdu):
        answer = bytes.fromhex(await self.ask(bytes(capdu).hex()))
        return int.from_bytes(answer[-2:], "big"), answer[:-2]


@contextlib.asynccontextmanager
async def pyscard(python):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(*python, "-c", PYSCARD, **pipes)
    try:
        yield Pyscard(process)
    finally:
        process.kill()
        await process.wait()


def select(name):
    return apdu.command(0, 0xA4, 4, 0, name, 256)


def test_a_tap_by_pyscard_writes_nothing_to_flash_and_its_cryptogram_verifies(tmp_path):
    async def main():
        async with reader() as (port, _, python), in_reader(tmp_path, port) as device, pyscard(python) as card:
            assert await card.connect() == "error NoCardException"  # it is not armed: there is no card
            await device.device.press("button_b", 200)
            await device.until("payment", "armed")
            assert await card.connect(50) == "3b00"
            before = await device.device.control("flash")
            assert (await card.send(select(emv.PPSE)))[0] == 0x9000
            status, fci = await card.send(select(emv.AID))
            assert status == 0x9000 and tlv.find(fci, 0x9F38) == emv.dol(emv.FIELDS)
            value = pdol(1250)
            status, data = await card.send(apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, value), 256))
            assert status == 0x9000
            status, record = await card.send(apdu.command(0, 0xB2, 1, 12, b"", 256))
            after = await device.device.control("flash")
            assert status == 0x9000 and tlv.find(record, 0x5A).hex() == issuer.NUMBER
            assert [after[name] - before[name] for name in ("erases", "programs")] == [0, 0]
            bound = [tlv.find(data, tag) for tag in (0x82, 0x9F36, 0x9F6C, 0x9F10)]
            ac = tlv.find(data, 0x9F26)
            assert ac == issuer.cryptogram(issuer.luk(1), value, *bound)
            await device.until("payment", "sent")
            assert (await card.send(select(emv.AID)))[0] == 0x6985
            csu, reason = b"\x00\x80\x00\x00", b"\x00"
            mac = issuer.response(issuer.luk(1), int.from_bytes(bound[1], "big"), ac, csu, reason)
            result = {0: int.from_bytes(bound[1], "big"), 1: mac, 2: csu, 3: reason}
            await device.tell(aiocoap.PUT, "y/result", result)
            await device.until("payment", "approved")
            assert await device.client.get("text") == "Approved" and await device.client.get("pay_left") == 9

    asyncio.run(main())


def test_above_the_limit_the_card_asks_and_after_a_press_it_pays(tmp_path):
    async def main():
        async with reader() as (port, _, python), in_reader(tmp_path, port) as device, pyscard(python) as card:
            await device.device.press("button_b", 200)
            assert await card.connect(50) == "3b00"
            await card.send(select(emv.AID))
            pays = apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, pdol(9999)), 256)
            assert await card.send(pays) == (0x6986, b"")
            await device.until("payment", "confirm")
            await device.device.press("button_b", 200)
            await device.until("payment", "armed")
            await card.send(select(emv.AID))
            status, data = await card.send(pays)
            assert status == 0x9000 and tlv.find(data, 0x9F6C) == b"\x00\x80"

    asyncio.run(main())


class Field:
    """An Initiator with a card in it. silent: how often that says nothing."""

    card = bytes(4)

    def __init__(self, silent):
        self.silent = silent

    async def through(self, data, has_crc):
        if self.silent:
            self.silent -= 1
            raise Failed(0x01)
        return data


def test_a_card_that_says_nothing_once_is_still_there_and_one_that_does_so_twice_is_not():
    assert asyncio.run(vpcd._answer(Field(1), b"\x04")) == vpcd.ATR
    with pytest.raises(Failed):
        asyncio.run(vpcd._answer(Field(2), b"\x04"))


async def told(*command):
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode()


def test_emvtool_reads_the_contact_profile(tmp_path):
    async def main():
        async with reader() as (port, _, python), in_reader(tmp_path, port, contacts=True) as device:
            await device.device.press("button_b", 200)
            await device.until("payment", "armed")
            async with pyscard(python) as card:
                assert await card.connect(50) == "3b00"
            tool = (*python, "-c", "from emv.command.client import run; run()")
            code, out = await told(*tool, "listapps")
            assert code == 0 and "TOSPLUS PAY" in out and "F0 54 4F 53 2B 50 41 59 00 02" in out, out
            code, out = await told(*tool, "appdata", "0")
            for word in (issuer.NUMBER, "CDOL1", "CDOL2"):
                assert code == 0 and word in out, out
            assert await device.client.get("payment") == "armed"  # reading is not paying

    asyncio.run(main())


def test_opensc_tool_sees_a_card_and_selects_it(tmp_path):
    async def main():
        tool = peers.need("opensc-tool")
        async with reader() as (port, root, python), in_reader(tmp_path, port) as device:
            await device.device.press("button_b", 200)
            async with pyscard(python) as card:
                assert await card.connect(50) == "3b00"
            code, out = await told(*root, tool, "-c", "default", "-a")
            assert code == 0 and out.strip().endswith("3b:00"), out
            code, out = await told(*root, tool, "-c", "default", "-s", select(emv.PPSE).hex(":"))
            assert code == 0 and "SW1=0x90, SW2=0x00" in out and "TOSPLUS" in out.replace("\n", ""), out

    asyncio.run(main())
