"""What each module costs the heap when it is imported from .mpy. MicroPython: `heap_target.py TREE MODULE...`

Prints one JSON line a module: {"module", "heap_b"}. 64-bit: about twice what a chip needs for tables and objects.
"""

import gc
import json
import sys

sys.path[:] = [sys.argv[1] + "/lib", ".frozen"]
for name in sys.argv[2:]:
    gc.collect()
    before = gc.mem_alloc()
    __import__(name)
    gc.collect()
    print(json.dumps({"module": name, "heap_b": gc.mem_alloc() - before}))
