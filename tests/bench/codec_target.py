"""The CBOR codec beside the built-in json, on MicroPython: `micropython codec_target.py LIB ROUNDS`.

The reference message is that of docs/protocol.md; json gets text keys and hex. Prints one JSON line: for each subject
its times in us a call, one per round, the subjects interleaved; and the bytes that a round trip allocates.
"""

import gc
import json
import sys
import time

sys.path[:] = [sys.argv[1], ".frozen"]
from toscore import cbor_viper as cbor  # noqa: E402

_CALLS = 2000

message = {1: 1234567, 2: -42, 3: True, 4: 21.5, 5: b"0123456789ab", 6: "kitchen", 7: 3}
as_json = {str(key): value.hex() if isinstance(value, bytes) else value for key, value in message.items()}
cbor_bytes = cbor.dumps(message)
json_text = json.dumps(as_json)
assert cbor.loads(cbor_bytes) == message

SUBJECTS = (
    ("json_dumps", json.dumps, as_json),
    ("cbor_dumps", cbor.dumps, message),
    ("json_loads", json.loads, json_text),
    ("cbor_loads", cbor.loads, cbor_bytes),
)


def us_a_call(fn, argument):
    gc.collect()
    start = time.ticks_us()
    for _ in range(_CALLS):
        fn(argument)
    return time.ticks_diff(time.ticks_us(), start) / _CALLS


def allocated_b(fn, argument):
    gc.collect()
    before = gc.mem_alloc()
    fn(argument)
    return gc.mem_alloc() - before


times = {name: [] for name, _, _ in SUBJECTS}
for _ in range(int(sys.argv[2])):
    for name, fn, argument in SUBJECTS:
        times[name].append(us_a_call(fn, argument))
gc.disable()
round_trip_b = allocated_b(cbor.dumps, message) + allocated_b(cbor.loads, cbor_bytes)
print(json.dumps({"us": times, "round_trip_b": round_trip_b, "json_b": len(json_text), "cbor_b": len(cbor_bytes)}))
