"""A card's answer to GET PROCESSING OPTIONS beside the built-in json: `micropython -X heapsize=192k card_target.py LIB
ROUNDS`. Prints one JSON line, as oscore_target.py: times in us a call, and the bytes that one answer allocates.
"""

import gc
import json
import sys

from interleaved import interleaved

sys.path[:] = [sys.argv[1], sys.path[0], ".frozen"]
from purse import Purse  # noqa: E402
from toscore import apdu, emv, tlv  # noqa: E402
from toscore.card import Card  # noqa: E402

_BATCH = 50

message = {1: 1234567, 2: -42, 3: True, 4: 21.5, 5: b"0123456789ab", 6: "kitchen", 7: 3}
as_json = {str(key): value.hex() if isinstance(value, bytes) else value for key, value in message.items()}
SELECT = memoryview(apdu.command(0, 0xA4, 4, 0, emv.AID, 256))
PDOL = b"\x36\x00\x40\x00" + bytes(4) + b"\x10\x00" + bytes(13) + b"\x09\x78" + bytes(31)
OPTIONS = memoryview(apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, PDOL), 256))

out = bytearray(258)
cards = [Card(Purse()) for _ in range(_BATCH)]


def dumps():
    for _ in range(_BATCH):
        json.dumps(as_json)


def selects():
    for card in cards:
        card.step(SELECT, out)


def pays():
    for card in cards:
        card.step(OPTIONS, out)


SUBJECTS = (("json_dumps", dumps), ("select", selects), ("gpo", pays))


times = interleaved(SUBJECTS, _BATCH, int(sys.argv[2]))
selects()
gc.collect()
gc.disable()
before = gc.mem_alloc()
size = cards[0].step(OPTIONS, out)
allocated_b = gc.mem_alloc() - before
if out[size - 2] != 0x90:
    raise SystemExit("not paid")
print(json.dumps({"us": times, "gpo_b": allocated_b}))
