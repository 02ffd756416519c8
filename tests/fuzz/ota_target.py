"""Damaged manifests and patches into a device's side of updates: `micropython tests/fuzz/ota_target.py CASES SEED`.

Ends with exit status 1 and the input when anything but TosError is raised, when what is accepted is not what a slot can
take, when a patch reads or writes beyond its bounds, or when memory grows. Every signature counts as right: otherwise
nothing damaged would reach the manifest.
"""

import json
import random
import sys
from binascii import unhexlify

from driver import Heap, died, fail
from helpers import inflate
from mutate import mutated
from toscore import cbor_viper, ecdsa, ota, ota_blocks, ota_manifest
from toscore.errors import TosError
from toscore.patch import Patch

ecdsa.verify = lambda public, digest, signature: True

with open("tests/vectors/ota.json") as f:
    vectors = json.load(f)
KEYS = [unhexlify(key) for key in vectors["keys"][:2]]
MESSAGES = [unhexlify(row[1]) for row in 4 * vectors["good"] + vectors["bad"] if len(row[1]) < 1600]
with open("tests/vectors/patches.json") as f:
    PATCHES = [[unhexlify(part) for part in row[1:]] for row in json.load(f)]
vectors = None
TELLING = b"\x00\x01\x02\x04\x07\x20\x3f\x40\x41\x58\x5f\x7f\x80\x81\x9f\xa0\xa1\xbf\xc0\xf5\xf6\xf7\xfb\xff/."
seen = {"manifests": 0, "taken": 0, "patched": 0}


def ensure(right, what):
    if not right:
        raise ValueError(what)


def damaged(payload):
    """Half of the time its list of files is, which would hardly be one if a byte of it were changed as it is."""
    if random.randrange(2):
        try:
            fields = cbor_viper.loads(payload)
            for part in fields[5]:
                part[3] = stored(mutated(random, inflate(part[3], 4096), TELLING, 1000))
            return cbor_viper.dumps(fields)
        except (TosError, TypeError, KeyError, OSError, EOFError, ValueError):
            pass
    return mutated(random, payload, TELLING, 1200)


def stored(data):
    """In raw deflate, without any (RFC 1951 section 3.2.4)."""
    n = len(data)
    return bytes((1, n & 255, n >> 8, ~n & 255, ~n >> 8 & 255)) + data


def manifest(message):
    """The payload is damaged and not the message around it, three times in four: lengths would seldom fit."""
    if random.randrange(4):
        start = 20 if message[17] == 0x59 else 19
        payload = damaged(message[start:-66])
        n = len(payload)
        head = b"\x58" + bytes((n,)) if n < 256 else b"\x59" + bytes((n >> 8, n & 255))
        message = message[:17] + head + payload + message[-66:]
    else:
        message = mutated(random, message, TELLING)
    yield message
    found = ota_manifest.read(message, KEYS, cbor_viper, inflate)
    seen["manifests"] += 1
    for part in found.parts:
        covered = part.table_b or part.length
        ensure(32 * ((covered + 4095) // 4096) == len(part.hashes) and len(part.content) == 32, "hashes")
        names = [path for path, _ in part.files or ()]
        ensure(len(set(names)) == len(names) and ota_blocks.FILE not in names, "names")
        for path in names:
            ensure(path and path[0] != "/" and not {"..", "", "."} & set(path.split("/")), "path")
        if part.files and part.base is None:
            ensure(sum([length for _, length in part.files]) == part.length, "length")
        try:
            ota_blocks.Blocks(part).write(message)
        except TosError:
            pass
    after = ota.rotated(KEYS, found)
    ensure(after[found.signer] == KEYS[found.signer], "keys")
    ota.check(found, "kettle", "TOS_KETTLE", 6, 0, KEYS, {})
    seen["taken"] += 1


def patch(case):
    base, new, data = case
    data = mutated(random, data, TELLING, 1300)
    yield data
    written = 0

    def read(offset, n):
        ensure(offset >= 0 and 0 < n <= 256 and offset + n <= len(base), "read")
        return base[offset : offset + n]

    def write(piece):
        nonlocal written
        written += len(piece)
        ensure(written <= len(new), "write")

    patching = Patch(read, write, len(base), len(new))
    size = random.choice((1, 13, 256, 1300))
    for i in range(0, len(data), size):
        patching.feed(data[i : i + size])
    patching.finish()
    ensure(written == len(new), "length")
    seen["patched"] += 1


def main(cases, seed):
    random.seed(seed)
    heap = Heap(2000, 500, 8192)
    for n in range(cases):
        run = manifest(random.choice(MESSAGES)) if n & 1 else patch(random.choice(PATCHES))
        data = next(run)
        try:
            next(run)
        except (StopIteration, TosError):
            pass
        except Exception as e:
            died(e, n, seed, data)
        run = data = None
        if heap.is_due(n):
            heap.look()
    heap.check(seed)
    for what, count in seen.items():
        if count < cases // 200:
            fail("seed %d: only %d %s of %d cases" % (seed, count, what, cases))
    print(seen)


main(int(sys.argv[1]), int(sys.argv[2]))
