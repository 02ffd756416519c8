"""The PN532's driver by itself: `micropython tests/nfc_target.py TERMINAL card|reader`; JSON lines in and out.

A card tells what happens to it, and answers `80 10 SIZE(2) ...` with so many bytes, `80 20 MS(2)` only after so long.
A reader does what it is asked to: {"find": ms}, {"exchange": hex}, {"silence": true}.
"""

import asyncio
import json
import sys
from binascii import hexlify, unhexlify

from tos.ports import FieldLost
from tos.ports.unix.nfc import Nfc


def tell(**what):
    print(json.dumps(what))


async def card(nfc):
    while True:
        try:
            await nfc.listen()
            tell(selected=True)
            while True:
                command = await nfc.receive(1000)
                size = command[2] << 8 | command[3] if len(command) > 3 else 0
                tell(command=hexlify(command).decode())
                if len(command) and command[1] == 0x20:
                    await asyncio.sleep_ms(size)
                    size = 0
                await nfc.send(bytes([(n * 7 + len(command)) & 255 for n in range(size)]) + b"\x90\x00")
        except FieldLost:
            tell(lost=True)
        except OSError as e:
            tell(failed=e.errno)
            await asyncio.sleep_ms(20)


async def reader(nfc):
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        wish = json.loads(line)
        try:
            if "find" in wish:
                uid = await nfc.find(wish["find"])
                tell(uid=uid and hexlify(uid).decode())
            elif "exchange" in wish:
                tell(answer=hexlify(await nfc.exchange(unhexlify(wish["exchange"]), 1000)).decode())
            elif "listen" in wish:  # cancelled after so many ms
                try:
                    await asyncio.wait_for_ms(nfc.listen(), wish["listen"])
                    tell(selected=True)
                except asyncio.TimeoutError:
                    tell(selected=False)
            else:
                await nfc.silence()
                tell(silent=True)
        except FieldLost:
            tell(lost=True)
        except OSError as e:
            tell(failed=e.errno)


nfc = Nfc(open(sys.argv[1], "r+b"))
asyncio.run({"card": card, "reader": reader}[sys.argv[2]](nfc))
