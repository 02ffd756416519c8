"""The control socket of a simulated device: press, break, cut, advance. Unix port only; JSON datagrams on loopback."""

import gc
import json

from toscore.errors import TosError


class Control:
    """A service. Request {"id", "op", ...} -> {"id", "ok": true, ...} or {"id", "ok": false, "error": text}.

    get                     signals, which of them fail, and ms since boot
    set {signal, value}     press a button, open a door
    append {signal, value}  one more for a signal that is a list: a key
    fail {signal, failing}  a sensor stops answering
    cut {after, tear}       the supply fails at the after-th flash operation from now
    advance {ms}            a manual clock runs on; answered on arrival
    heap                    free_b, alloc_b and largest_b, the largest piece that is to be had, after a collection
    modules                 what is loaded
    flash                   counters of the flash chip
    access_points {list}    what the radio can hear
    config {changes}        keys of the config, durable when answered; stands in for pairing
    peer {name, secret, salt, sender_id, recipient_id[, role, id_context, paths]}  one more, hex; stands in for pairing
    unpair {name}           forget it
    identity                what the device says of itself at /d, as hex: a bench has the device before it, and no key

    A request that comes again, from the same peer with the same id, is answered again and not done again.
    """

    def __init__(self, udp, world, clock, radio):
        self._udp = udp
        self._world = world
        self._clock = clock
        self._radio = radio
        self._last = None  # peer, id
        self._answer = None

    async def run(self, app):
        while True:
            datagram, peer = await self._udp.recv()
            try:
                request = json.loads(datagram)
                op = "op_" + request.pop("op")
                op = getattr(self if hasattr(self, op) else self._rare(app), op)
                answer = {"id": request.pop("id"), "ok": True}
            except (ValueError, KeyError, AttributeError, TypeError):
                self._udp.send(b'{"ok": false, "error": "a request is {id, op, ...}, see ports/unix/control.py"}', peer)
                continue
            if self._last != (peer, answer["id"]):
                self._last = peer, answer["id"]
                try:
                    answer.update(await op(**request) or {})
                except (ValueError, TypeError, KeyError, TosError) as e:
                    answer = {"id": answer["id"], "ok": False, "error": str(e)}
                self._answer = json.dumps(answer)
            self._udp.send(self._answer, peer)

    def _rare(self, app):
        from tos.ports.unix.rare import Rare  # what is seldom asked is no load for a device on which nobody does

        return Rare(app, self._world, self._radio)

    async def op_get(self):
        return {"signals": self._world.signals(), "failing": self._world.failing(), "ms": self._clock.ms()}

    async def op_set(self, signal, value):
        self._world.put(signal, value)

    async def op_advance(self, ms):
        await self._clock.advance(ms)

    async def op_heap(self):
        gc.collect()
        largest_b = gc.mem_free()
        while True:
            try:
                bytearray(largest_b)
                break
            except MemoryError:
                largest_b -= largest_b // 8
        return {"free_b": gc.mem_free(), "alloc_b": gc.mem_alloc(), "largest_b": largest_b}
