"""A payment card behind the PN532's driver: `tap_target.py TERMINAL` is one, at a chip, until it is killed;
`tap_target.py ROUNDS` with the frames of a chip as hex on stdin, a JSON list, prints how long driver and card take.

Each round is the whole tap: what the chip said to it then, it says again. An acknowledge comes with its answer: on a
real line it is read while the chip still works.
"""

import asyncio
import gc
import json
import sys
import time
from binascii import unhexlify

from purse import Purse
from tos.drivers.pn532 import Pn532
from tos.ports import FieldLost
from toscore.card import Card

_BATCH = 20


class Replay:
    """In a chip's place on the bus."""

    fast = 0

    def __init__(self, frames):
        self.frames = frames
        self.at = 0

    def write(self, data):
        pass

    async def more(self, view):
        await asyncio.sleep_ms(0)
        frame = self.frames[self.at]
        self.at += 1
        view[: len(frame)] = frame
        return len(frame)

    def drop(self):
        pass


out = bytearray(258)
view = memoryview(out)


async def tap(nfc, card, commands):
    for _ in range(commands):
        n = card.step(await nfc.receive(), out)
        await nfc.send(view[:n])


async def live(nfc):
    card = Card(Purse())
    while True:
        await nfc.listen()
        card.reset()
        try:
            await tap(nfc, card, 1000)
        except FieldLost:
            pass


async def replay(frames, rounds):
    bus = Replay(frames)
    nfc = Pn532(bus, bytes)
    nfc._is_awake = True
    card = Card(Purse())
    times = []
    for _ in range(rounds):
        gc.collect()
        start = time.ticks_us()
        for _ in range(_BATCH):
            bus.at = 0
            card.reset()
            await tap(nfc, card, len(frames) // 2)
        times.append(time.ticks_diff(time.ticks_us(), start) / _BATCH)
    if out[0] != 0x70:
        raise SystemExit("it did not pay")
    print(json.dumps({"us": times}))


if sys.argv[1].startswith("/"):
    from tos.ports.unix.nfc import Nfc

    asyncio.run(live(Nfc(open(sys.argv[1], "r+b"))))
else:
    frames = [unhexlify(frame) for frame in json.load(sys.stdin)]
    asyncio.run(replay([frames[n] + frames[n + 1] for n in range(0, len(frames), 2)], int(sys.argv[1])))
