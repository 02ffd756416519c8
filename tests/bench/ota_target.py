"""An update on MicroPython: `micropython -X heapsize=192k ota_target.py LIB FOLDER`. FOLDER has `key`, `message`,
`data` and `base`: the public key, a delta's signed manifest, its bytes, and what it applies to.

Prints one JSON line: times in us, what the imports leave on the heap, and the most that was live at once.
"""

import gc
import json
import sys
import time
from hashlib import sha256

sys.path[:] = [sys.argv[1], "tests/unit", ".frozen"]
folder = sys.argv[2] + "/"


def imported(name):
    gc.collect()
    before = gc.mem_alloc()
    __import__(name)
    gc.collect()
    return gc.mem_alloc() - before


names = ("errors", "p256", "ecdsa", "cbor_viper", "ota_sign", "ota_blocks", "ota_manifest", "ota", "patch")
import_b = {name: imported("toscore." + name) for name in names}

import deflate  # noqa: E402
from helpers import inflate  # noqa: E402
from toscore import cbor_viper, ota_blocks, ota_manifest  # noqa: E402
from toscore.patch import Patch  # noqa: E402


def content(name):
    with open(folder + name, "rb") as f:
        return f.read()


gc.collect()
start_b = gc.mem_alloc()
live_b = 0


def look():
    global live_b
    gc.collect()
    live_b = max(live_b, gc.mem_alloc() - start_b)


began = time.ticks_us()
message = content("message")
manifest = ota_manifest.read(message, [content("key"), None], cbor_viper, inflate)
us = {"ota_read_and_verify": time.ticks_diff(time.ticks_us(), began)}
look()
message = None
part = manifest.parts[0]

buf = bytearray(512)
began = time.ticks_us()
blocks = ota_blocks.Blocks(part)
with open(folder + "data", "rb") as f:
    while n := f.readinto(buf):
        blocks.write(memoryview(buf)[:n])
assert blocks.whole()
us["ota_blocks"] = time.ticks_diff(time.ticks_us(), began)

base = open(folder + "base", "rb")
digest = sha256()
base_b = base.seek(0, 2)


def read(offset, n):
    base.seek(offset)
    return base.read(n)


began = time.ticks_us()
new_b = sum([length for _, length in part.files])
patch = Patch(read, digest.update, base_b, new_b)
fed = 0
with open(folder + "data", "rb") as f:
    stream = deflate.DeflateIO(f, deflate.RAW, 10)
    while n := stream.readinto(buf):
        patch.feed(memoryview(buf)[:n])
        fed += n
        if fed == n or new_b // 2 < patch.written < new_b // 2 + 1024:
            look()
patch.finish()
assert digest.digest() == part.content
us["ota_patch"] = time.ticks_diff(time.ticks_us(), began)
print(json.dumps({"us": us, "import_b": import_b, "live_b": live_b, "new_b": new_b}))
