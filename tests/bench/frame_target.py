"""How long a secured notification of a switch and a secured report are, at a sequence number of two bytes. MicroPython:
`frame_target.py`

Prints {"least_b": a notification with a token of one byte and an early Observe number, "most_b": with two bytes of
each, as aiocoap has it, "report_b": a sleeper's report of three readings, with all that it may have, "answer_b": the
time, "pad_b": what a device allocates to take in a record of a game pad}.
"""

import asyncio
import gc
import json

from test_link import GET, Bench
from test_pad import A, Play, record
from test_peers import OWNER, POWER, Paired, Peer
from tos import App
from tos.hub import ASLEEP, NEXT_MS, STATE, Hub
from toscore import cbor, coap
from toscore.sequence import Reserve


def update(token, notifications):
    bench = Paired()
    bench.link.peers.numbers = Reserve(65000, lambda number: None)
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


class Config(dict):
    def watch(self, fn):
        pass


def report():
    """-> (bytes of the report, of its answer)."""
    app = App("watch")
    for path, value in (("temp", 21.5), ("humidity", 45), ("battery", 87)):
        app.value(path, initial=value)
    bench = Bench(app)
    bench.link.secure().add(*OWNER)
    bench.link.peers.numbers = Reserve(65000, lambda number: None)
    app.config = Config({"hub": "hub:5", "hub_peer": "owner"})
    app.clock.wall = lambda: 1800000000
    hub = Hub(app, bench.link)
    hub.reporter().commands.last = 200

    async def main():
        asking = asyncio.create_task(hub.report({STATE: app.table.state(), NEXT_MS: 600000, ASLEEP: True}))
        await asyncio.sleep_ms(0)
        bench.link.flush()
        asking.cancel()

    asyncio.run(main())
    sent = bench.udp.sent[-1][0]
    owner = Peer(bench)
    _, _, mid, token, options, payload = coap.decode(sent)
    owner.context.window.begin()
    opened = owner.context.unprotect_request(coap.option(options, 9), options, payload)
    assert set(cbor.loads(bytes(opened[2]))) == {0, 1, 2, 3, 4, 5}
    answer = owner.context.protect_response(opened[3], coap.CHANGED, (), cbor.dumps({0: 1800000000}))
    return len(sent), len(coap.encode(coap.ACK, answer[0], mid, token, answer[1], answer[2]))


report_b, answer_b = report()
found = {"least_b": update(b"T", 7), "most_b": update(b"TT", 7000), "pad_b": pad_b()}
found.update({"report_b": report_b, "answer_b": answer_b})
print(json.dumps(found))
