"""Random and mutated messages into a device that pairs: `micropython tests/fuzz/pairing_target.py CASES SEED`.

Ends with exit status 1 and the message when anything but TosError is raised, a peer is kept, or memory grows. One
accepted m1 in fifty is worked through to m2, because that takes two ladders; the others end there.
"""

import json
import random
import sys
from binascii import hexlify, unhexlify

from driver import Heap, died, fail
from toscore import cbor_viper, pairing
from toscore.errors import TosError

with open("tests/vectors/pairing.json") as f:
    VECTORS = json.load(f)
MESSAGES = [unhexlify(vector[name]) for vector in VECTORS for name in ("m1", "m1", "m2", "m3")]

kept = []


def rng(n):
    return bytes([random.getrandbits(8) for _ in range(n)])


def mutated(data):
    """Gentler than mutate.py's, by which too few messages would still begin a pairing."""
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(data)) if data else 0
        what = random.randrange(8)
        if what > 3 and data:
            data[at] ^= 1 << random.randrange(8)
        elif what == 0 and data:
            data[at] = random.choice((0, 0xBF, 0xC0, 0xFF, random.getrandbits(8)))
        elif what == 1:
            data = data[:at]
        elif what == 2:
            data = data[:at] + bytes((random.getrandbits(8),)) + data[at:]
        else:
            data = data + data[:at]
    return bytes(data[:1152])


def main(cases, seed):
    random.seed(seed)
    device = pairing.Pairing(rng(16), rng, cbor_viper, lambda *paired: kept.append(paired))
    begun = ended = now_ms = 0
    heap = Heap(1000, 500, 8192)
    for n in range(cases):
        message = mutated(random.choice(MESSAGES)) if random.randrange(8) else rng(random.randint(0, 130))
        try:
            if pairing.is_last(message):
                ended += 1
                device.finish(message, 1, now_ms)
            else:
                work = device.begin(message, 1, now_ms, (1, 2, 4), [b"\0"])
                begun += 1
                if begun % 50:
                    now_ms += pairing.EXPIRY_MS
                else:
                    m2 = list(work)[-1]
                    if len(m2) != 75:
                        fail("case %d, seed %d: m2 is %s" % (n, seed, hexlify(m2)))
        except TosError:
            pass
        except Exception as e:
            died(e, n, seed, message)
        if n % 4 == 0:
            now_ms += pairing.EXPIRY_MS
        if kept:
            fail("case %d, seed %d: a peer came of %s" % (n, seed, hexlify(message).decode()))
        work = m2 = None
        if heap.is_due(n):
            heap.look()
    heap.check(seed)
    if begun < cases // 50 or ended < cases // 20:
        fail("seed %d: only %d were begun and %d ended" % (seed, begun, ended))


main(int(sys.argv[1]), int(sys.argv[2]))
