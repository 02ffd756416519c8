"""Records of a fixed size beside the built-in json, on MicroPython: `micropython packed_target.py LIB ROUNDS`.

Prints one JSON line: for each subject its times in us a call, one per round, the subjects interleaved; and the bytes
that each call allocates. The reference is the json encode of codec_target.py's message. A call is so short that the
loop around it counts; it is deducted.
"""

import gc
import json
import sys
import time

sys.path[:] = [sys.argv[1], ".frozen"]
from toscore import packed_viper as packed  # noqa: E402

_CALLS = 5000

as_json = {"1": 1234567, "2": -42, "3": True, "4": 21.5, "5": "303132333435363738396162", "6": "kitchen", "7": 3}
values = packed.record()
for i in range(8):
    values[i] = i
buf = bytearray(packed.TELEMETRY_B)
pad_buf = bytearray(packed.PAD_B)
packed.dump_telemetry(buf, 0, values)
packed.dump_pad(pad_buf, 0, values)

SUBJECTS = (
    ("telemetry_dump", packed.dump_telemetry, buf),
    ("telemetry_load", packed.load_telemetry, buf),
    ("pad_dump", packed.dump_pad, pad_buf),
    ("pad_load", packed.load_pad, pad_buf),
)


def us_of_nothing():
    start = time.ticks_us()
    for _ in range(_CALLS):
        pass
    return time.ticks_diff(time.ticks_us(), start) / _CALLS


def us_of_json(dumps, message):
    gc.collect()
    start = time.ticks_us()
    for _ in range(_CALLS):
        dumps(message)
    return time.ticks_diff(time.ticks_us(), start) / _CALLS - us_of_nothing()


def us_a_call(fn, buf, offset, values):
    gc.collect()
    start = time.ticks_us()
    for _ in range(_CALLS):
        fn(buf, offset, values)
    return time.ticks_diff(time.ticks_us(), start) / _CALLS - us_of_nothing()


def allocated_b(fn, buf):
    before = gc.mem_alloc()
    fn(buf, 0, values)
    return gc.mem_alloc() - before


times = {name: [] for name, _, _ in SUBJECTS}
times["json_dumps"] = []
for _ in range(int(sys.argv[2])):
    times["json_dumps"].append(us_of_json(json.dumps, as_json))
    for name, fn, buf in SUBJECTS:
        times[name].append(us_a_call(fn, buf, 0, values))
gc.collect()
gc.disable()
allocated = {name: allocated_b(fn, buf) for name, fn, buf in SUBJECTS}
print(json.dumps({"us": times, "allocated_b": allocated, "telemetry_b": packed.TELEMETRY_B, "pad_b": packed.PAD_B}))
