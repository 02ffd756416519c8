"""Secured datagrams into a device with peers, on MicroPython: `micropython tests/fuzz/secured_target.py CASES SEED`.

Half are mutated before they are sealed with a valid key, half on their way. Ends with exit status 1 and the message
when the link raises, when memory grows, or when it no longer answers.
"""

import random
import sys

from driver import Heap, died, fail
from mutate import mutated
from seeds import product, seeds
from test_peers import GET, OWNER, POWER, WATCH, Paired, Peer
from toscore import coap, oscore_wire
from toscore import oscore_kernel_viper as kernel

_DAMAGE = (b"\x00\xb1\x11\xd0\xe1\xff", 1024)  # bytes to put in, and the longest message
_LIFE = 7000  # datagrams until the device starts anew


class Sender(Peer):
    """A peer whose messages are damaged."""

    def sealed(self, code, options, payload):
        """A valid seal around what was mutated -> (code, options, payload) of the outside."""
        code_outside, outer, _, self.request = self.context.protect_request(code, options, payload)
        size = oscore_wire.split(kernel, [], code, options, payload)
        plain = mutated(random, oscore_wire.plain[:size], *_DAMAGE)
        context, value = self.context, self.request
        sender = context._sender
        return code_outside, outer, context._crypt(sender, value, sender, value, plain, len(plain), False)

    def says(self, n, message):
        code, options, payload = message
        kind = random.choice((coap.CON, coap.CON, coap.NON))
        if n & 1:
            outside = self.sealed(code, options, payload)
        else:
            *outside, self.request = self.context.protect_request(code, options, payload)
        token = bytes((random.randrange(8),)) * random.randrange(3)
        datagram = coap.encode(kind, outside[0], n & 0xFFFF, token, outside[1], outside[2])
        return datagram if n & 1 else mutated(random, datagram, *_DAMAGE)


def whole():
    """(code, options, payload) of each request."""
    messages = [coap.decode(datagram) for datagram in seeds()]
    return [(code, list(options), payload) for _, code, _, _, options, payload in messages if 0 < code < 32]


def main(cases, seed):
    random.seed(seed)
    messages = whole()
    bench = Paired(OWNER, WATCH, app=product())
    bench.app.wifi.machine(bench.app)  # as in link_target.py
    start = opened = 0
    heap = Heap(10000, 1000, 8192)

    def begun():
        reply = bench.link.reply

        def counted(*request):
            nonlocal opened
            opened += 1
            return reply(*request)

        peers = [Sender(bench, OWNER, start), Sender(bench, WATCH, start, "watch")]
        for peer in peers:
            peer.begin()
        bench.link.reply = counted
        return peers

    peers = begun()
    for n in range(cases):
        if n % _LIFE == _LIFE - 1:
            start += _LIFE
            del bench.link.reply
            bench.reboot()
            peers = begun()
        peer = random.choice(peers)
        datagram = peer.says(n, random.choice(messages))
        bench.board.clock.now += random.randint(0, 2000)
        try:
            bench.raw(datagram, random.choice((peer.address, "elsewhere")))
            bench.link._step()
            bench.app.pads._step(bench.app)
        except Exception as e:
            died(e, n, seed, datagram)
        if heap.is_due(n):
            bench.udp.sent.clear()
            bench.board.output.told.clear()
            heap.look()
    heap.check(seed)
    if not cases // 4 < opened < cases * 3 // 4:
        fail("seed %d: %d of %d were opened" % (seed, opened, cases))
    bench.app.rules.replace([])
    bench.app.set("power", False)
    if Sender(bench, OWNER, start + _LIFE).ask(GET, POWER)[2] != b"\xf4":
        fail("seed %d: no answer after %d cases" % (seed, cases))


main(int(sys.argv[1]), int(sys.argv[2]))
