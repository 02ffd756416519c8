"""A device that pairs, on MicroPython: `micropython pairing_target.py SECRET`. A message a line, in and out, as hex.

Answers m1 with m2, m3 with what it kept, and whatever it refuses with the name of the error and its code.
"""

import os
import sys
from binascii import hexlify, unhexlify

from toscore import cbor_viper, pairing
from toscore.errors import TosError

kept = []
device = pairing.Pairing(unhexlify(sys.argv[1]), os.urandom, cbor_viper, lambda *paired: kept.append(paired))


def answer(message):
    if pairing.is_last(message):
        paired = device.finish(message, "host", 0)
        assert kept.pop() == paired
        return " ".join([hexlify(part).decode() for part in paired[2:]])
    pieces = list(device.begin(message, "host", 0, (pairing.OWNER, pairing.HUB), [b"\0"]))
    return hexlify(pieces[-1]).decode()


for line in sys.stdin:
    try:
        print(answer(unhexlify(line.strip())))
    except TosError as e:
        print(type(e).__name__, e.code)
