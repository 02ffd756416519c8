"""What a PN532 says, damaged: `micropython tests/fuzz/pn532_target.py CASES SEED`.

Ends with exit status 1 and the bytes when anything but OSError and FieldLost is raised, what is handed on is longer
than an APDU, memory grows, or the driver does not work with a whole chip at the end.
"""

import asyncio
import random
import sys

from driver import Heap, died, fail
from mutate import mutated
from test_pn532_bus import LONG, UID, Chip, sealed
from tos.drivers.pn532 import Pn532
from tos.ports import FieldLost

TELLING = b"\x00\xff\xd5\x01\x41\x87\x7f"


class Bus:
    """What the chip says arrives in pieces; what it does not say is over at once."""

    fast = 0
    damage = False
    nfc = None

    def __init__(self):
        self.chip = Chip()
        self.said = b""
        self.sent = b""

    def wake(self):
        return asyncio.sleep_ms(0)

    def write(self, frame):
        self.chip.hear(frame)
        while self.chip.waiting:
            frame = self.chip.waiting.pop(0)
            if self.damage and random.randrange(3) == 0:
                frame = mutated(random, frame, TELLING)
            if self.damage and random.randrange(10) == 0:
                frame += sealed(bytes((0xD5, random.randrange(256))) + LONG[: random.randrange(60)])
            self.said += frame
        self.sent = self.said

    async def more(self, view):
        if not self.said:
            self.nfc._waiting = None  # the guard's way to say that the time is over
            raise asyncio.CancelledError
        n = min(len(view), len(self.said), random.choice((1, 6, 20, 300)))
        view[:n] = self.said[:n]
        self.said = self.said[n:]
        return n

    def drop(self):
        self.said = b""


async def tap(nfc, bus):
    """-> whether it went through."""
    if await nfc.find(1000) != UID:
        return False
    bus.chip.card = LONG[-random.choice((2, 40, 200, 258)) :]
    answer = bytes(await nfc.exchange(b"\x00\xb0\x00\x00"))
    if len(answer) > 262:
        fail("an answer of %d B" % len(answer))
    whole = answer == bus.chip.card
    await nfc.silence()
    return whole


async def main(cases, seed):
    random.seed(seed)
    bus = Bus()
    nfc = bus.nfc = Pn532(bus, bytes)
    heap = Heap(500, 500, 4096)
    went = 0
    for n in range(cases):
        bus.damage = True
        try:
            went += await tap(nfc, bus)
        except (OSError, FieldLost):
            pass
        except Exception as e:
            died(e, n, seed, bus.sent)
        bus.damage = False
        if heap.is_due(n):
            heap.look()
        if n % 50 == 0:
            await nfc.silence()
            if not await tap(nfc, bus):
                fail("case %d, seed %d: it does not work any more" % (n, seed))
        bus.chip.commands.clear()
    heap.check(seed)
    if not cases // 100 < went < cases:
        fail("seed %d: %d of %d taps went through" % (seed, went, cases))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
