"""From the bytes of an update to a slot: what takes long lets the loop turn, so that the watchdog is fed. Unix port."""

import asyncio
import json
import os

from tos import finish
from tos.store import make_folder
from toscore.ota_blocks import Files

CONTENT_B = 20000


class Clock:
    turns = 0

    async def sleep_ms(self, n):
        self.turns += 1


class Part:
    files = Files("app.mpy\n", [CONTENT_B])


def number(n):
    """As in a patch: 6 bits, then 7."""
    out = [n & 63]
    n >>= 6
    while n:
        out[-1] |= 128
        out.append(n & 127)
        n >>= 7
    return bytes(out)


def stored(data):
    """Raw deflate that compresses nothing."""
    n = len(data)
    return b"\x01" + n.to_bytes(2, "little") + (n ^ 0xFFFF).to_bytes(2, "little") + data


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)


def test_the_loop_turns_while_a_delta_is_applied():
    here = os.getcwd() + "/.tos/finish"
    for folder in (".tos", here, here + "/a", here + "/b"):
        make_folder(folder)
    content = bytes(n & 255 for n in range(CONTENT_B))
    put(here + "/a/app.mpy", content)
    put(here + "/a/~slot", json.dumps({"names": Part.files.names, "lengths": Part.files.lengths}).encode())
    same = b"\0" + number(CONTENT_B) + b"\0" + number(CONTENT_B) + bytes(CONTENT_B) + b"\0"
    put(here + "/b/" + finish.PATCH, stored(same + b"\0"))
    clock = Clock()
    asyncio.run(finish._apply(clock, None, Part, here[1:] + "/b", here[1:] + "/a"))
    with open(here + "/b/app.mpy", "rb") as f:
        assert f.read() == content
    assert clock.turns >= CONTENT_B // 512
