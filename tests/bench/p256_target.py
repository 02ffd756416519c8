"""P-256 and pairing on MicroPython: `micropython -X heapsize=192k p256_target.py LIB ROUNDS`.

Prints one JSON line: for each subject its times in us a call, one per round, the subjects interleaved with a bignum
multiplication as the reference; and the heap in use that the imports add. The heap is that of a device.
"""

import gc
import json
import os
import sys
import time

sys.path[:] = [sys.argv[1], ".frozen"]


def imported(name):
    """What the import leaves on the heap, in bytes."""
    gc.collect()
    before = gc.mem_alloc()
    __import__(name)
    gc.collect()
    return gc.mem_alloc() - before


import_b = {name: imported("toscore." + name) for name in ("errors", "hkdf", "p256", "ecdsa", "pairing")}

from toscore import cbor_viper, ecdsa, p256, pairing  # noqa: E402

with open("tests/vectors/pairing.json") as f:
    vector = json.load(f)[0]
with open("tests/vectors/p256.json") as f:
    row = json.load(f)["ecdsa"][20]
public, digest, signature = [bytes.fromhex(part) for part in row[1:4]]
scalar = bytes.fromhex(vector["device_scalar"])
m1 = bytes.fromhex(vector["m1"])
device = pairing.Pairing(bytes.fromhex(vector["secret"]), os.urandom, cbor_viper, None)
factor = int.from_bytes(public[:32], "big")
modulus = p256.P
at_ms = 0


def multiply():
    for _ in range(1000):
        factor * factor % modulus


def verify():
    assert ecdsa.verify(public, digest, signature)


def ladder():
    for _ in p256.public(scalar, os.urandom):
        pass


def answer():
    global at_ms
    at_ms += pairing.EXPIRY_MS
    for _ in device.begin(m1, None, at_ms, (pairing.OWNER,), ()):
        pass


SUBJECTS = (("multiply_1000", multiply), ("p256_verify", verify), ("p256_ladder", ladder), ("pairing_answer", answer))
times = {name: [] for name, _ in SUBJECTS}
for _ in range(int(sys.argv[2])):
    for name, fn in SUBJECTS:
        gc.collect()
        best = None  # of three: what else the machine does then makes it slower, never faster
        for _ in range(3):
            start = time.ticks_us()
            fn()
            us = time.ticks_diff(time.ticks_us(), start)
            best = us if best is None else min(us, best)
        times[name].append(best)
gc.collect()
steps = p256.public(scalar, os.urandom, 1)
next(steps)
gc.collect()
gc.disable()
before = gc.mem_alloc()
next(steps)
step_b = gc.mem_alloc() - before
gc.enable()
print(json.dumps({"us": times, "import_b": import_b, "step_b": step_b}))
