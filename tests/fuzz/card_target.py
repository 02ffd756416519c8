"""Random and mutated commands into a card: `micropython tests/fuzz/card_target.py CASES SEED`.

Ends with exit status 1 and the command when anything is raised, when an answer is no status word, when a counter comes
twice or a cryptogram without one, or when memory grows.
"""

import random
import sys

from driver import Heap, died, fail
from helpers import aes
from mutate import mutated
from toscore import apdu, emv, tlv
from toscore.card import Card
from toscore.errors import WireError

_DAMAGE = (b"\x00\x83\xa4\xa8\xb2\xae\x9f\xff", 300)
STATUSES = (0x9000, 0x6700, 0x6884, 0x6985, 0x6986, 0x6A80, 0x6A82, 0x6A83, 0x6A86, 0x6D00, 0x6E00)
PDOL = b"\x36\x00\x40\x00" + bytes(4) + b"\x10\x00" + bytes(13) + b"\x09\x78" + bytes(31)

COMMANDS = [apdu.command(0, 0xA4, 4, 0, name, 256) for name in (emv.PPSE, emv.AID, emv.PSE, emv.CONTACT_AID)] + [
    apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, PDOL), 256), b"\x80\xa8\x00\x00\x02\x83\x00\x00",
    apdu.command(0, 0xB2, 1, 12, b"", 256), apdu.command(0x80, 0xAE, 0x80, 0, PDOL, 256),
    apdu.command(0x80, 0xAE, 0x40, 0, PDOL + b"00", 256),
]  # fmt: skip


class Purse:
    token = emv.Token(aes, "9999990000000017", 1, "311231", "12345678901", 1, 1, bytes(16))
    limit = 2500
    currency = b"\x09\x78"
    left = atc = given = 0

    def armed(self):
        return self.left > 0

    def checked(self):
        return random.randrange(4) == 0

    def take(self):
        self.left -= 1
        self.atc += 1
        return self.atc

    def asks(self, pdol):
        pass

    def gave(self, atc, ac, pdol):
        assert atc == self.atc and len(ac) == 8
        self.given += 1


def walked(data):
    """As data objects, what comes to a till from a card."""
    try:
        for depth, _, at, end in tlv.walk(data):
            assert depth < 8 and 0 < at <= end <= len(data)
    except WireError:
        pass


def main(cases, seed):
    random.seed(seed)
    purse = Purse()
    cards = [Card(purse), Card(purse, contact=True)]
    out = bytearray(258)
    heap = Heap(1000, 500, 2048)
    seen = {}
    for n in range(cases):
        card = cards[n & 1]
        if random.randrange(30) == 0:
            purse.left = random.randrange(3)
            purse.token = None if random.randrange(8) == 0 else Purse.token
        if random.randrange(60) == 0:
            card.reset()
        capdu = random.choice(COMMANDS)
        if random.randrange(2):
            capdu = mutated(random, capdu, *_DAMAGE)
        before = purse.atc
        try:
            size = card.step(capdu, out)
            status = out[size - 2] << 8 | out[size - 1]
            assert 2 <= size <= 258 == len(out) and status in STATUSES and (size == 2 or status == 0x9000)
            walked(capdu)
            assert purse.atc == before or (purse.atc == before + 1 and status == 0x9000)
            if size > 2:
                for _ in tlv.walk(bytes(out[: size - 2])):
                    pass
        except Exception as e:
            died(e, n, seed, capdu)
        seen[status] = seen.get(status, 0) + 1
        purse.atc %= 0xEFFF
        if heap.is_due(n):
            heap.look()
    heap.check(seed)
    if len(seen) < len(STATUSES) or purse.given < cases // 500:
        fail("seed %d: only %s were seen, and %d cryptograms" % (seed, seen, purse.given))


main(int(sys.argv[1]), int(sys.argv[2]))
