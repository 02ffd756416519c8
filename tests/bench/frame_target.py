"""How long a secured notification of a switch is, at a sequence number of two bytes. MicroPython: `frame_target.py`

Prints {"least_b": with a token of one byte and an early Observe number, "most_b": with two bytes of each, as aiocoap
has it, "pad_b": what a device allocates to take in a record of a game pad}.
"""

import gc
import json

from test_link import GET
from test_pad import A, Play, record
from test_peers import POWER, Paired, Peer
from toscore import coap


def update(token, notifications):
    bench = Paired()
    bench.link.peers._numbers.at = bench.link.peers._numbers.end = 65000
    bench.link._observers._sequence = notifications
    owner = Peer(bench).begin()
    bench.raw(owner.datagram(GET, [(coap.OBSERVE, b"")] + POWER, token=token), "peer")
    bench.app.set("power", True)
    (sent,) = bench.notified()
    assert sent[0] >> 4 == 5 and coap.decode(sent)[4][1][1][0] == 2  # non-confirmable; two bytes of number
    return len(sent)


def pad_b():
    pads = Play().pads
    records = [record(n, A) for n in range(2)]
    pads.take(0, "peer", records[0])
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    pads.take(0, "peer", records[1])
    return gc.mem_alloc() - before


print(json.dumps({"least_b": update(b"T", 7), "most_b": update(b"TT", 7000), "pad_b": pad_b()}))
