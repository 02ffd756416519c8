"""OSCORE beside the built-in json, on MicroPython: `micropython -X heapsize=192k oscore_target.py LIB ROUNDS`.

The message is codec_target.py's, as CBOR in a PUT with a path and a content format. Prints one JSON line: for each
subject its times in us a call, one per round, the subjects interleaved; and the bytes that each allocates. The heap is
that of a device, because the time it takes to find room in it grows with its size.
"""

import gc
import json
import sys

from interleaved import interleaved

sys.path[:] = [sys.argv[1], ".frozen"]
from cryptolib import aes  # noqa: E402
from toscore import cbor_viper as cbor  # noqa: E402
from toscore import oscore_kernel_viper as kernel  # noqa: E402
from toscore.oscore import Context  # noqa: E402
from toscore.oscore_server import Server  # noqa: E402
from toscore.sequence import Reserve  # noqa: E402

_BATCH = 50

message = {1: 1234567, 2: -42, 3: True, 4: 21.5, 5: b"0123456789ab", 6: "kitchen", 7: 3}
as_json = {str(key): value.hex() if isinstance(value, bytes) else value for key, value in message.items()}
payload = cbor.dumps(message)
options = [(11, b"s"), (12, b"\x3c")]


def context(sender_id, recipient_id):
    reserve = Reserve(0, lambda n: None)
    made = Context(aes, kernel, b"0123456789abcdef", b"salt", sender_id, recipient_id, reserve.next)
    made.window.begin()
    return made


client, server = context(b"", b"\x01"), context(b"\x01", b"")
door = Server(None)
door.put(server)
sent = [client.protect_request(3, options, payload) for _ in range(_BATCH)]
sent = [(outer, bytes(body)) for _, outer, body, _ in sent]


def dumps():
    for _ in range(_BATCH):
        json.dumps(as_json)


def protect():
    for _ in range(_BATCH):
        client.protect_request(3, options, payload)


def unprotect():
    server.window.begin()
    for outer, body in sent:
        door.receive(outer, body)


SUBJECTS = (("json_dumps", dumps), ("oscore_protect", protect), ("oscore_unprotect", unprotect))


def allocated_b(fn, *arguments):
    gc.collect()
    before = gc.mem_alloc()
    fn(*arguments)
    return gc.mem_alloc() - before


times = interleaved(SUBJECTS, _BATCH, int(sys.argv[2]))
server.window.begin()
gc.disable()
protect_b = allocated_b(client.protect_request, 3, options, payload)
unprotect_b = allocated_b(door.receive, *sent[0])
print(json.dumps({"us": times, "protect_b": protect_b, "unprotect_b": unprotect_b}))
