"""Random and mutated messages into both sides of a context: `micropython tests/fuzz/oscore_target.py CASES SEED`.

Half are mutated before they are sealed with the valid key. Ends with exit status 1 and the message when anything but
WireError or AuthError is raised, when memory grows, or when the contexts no longer work.
"""

import random
import sys

from driver import Heap, died, fail
from helpers import aes, kernel
from mutate import mutated
from toscore import oscore_wire
from toscore.errors import AuthError, WireError
from toscore.oscore import Context
from toscore.oscore_server import Server
from toscore.sequence import Notifications, Reserve

_DAMAGE = (b"\x00\xd0\xe1\xff", 1152)  # bytes to put in, and the longest message

REQUESTS = (
    (1, [(11, b"s")], b""),
    (1, [(6, b""), (11, b"s"), (11, b"temp")], b""),
    (3, [(11, b"s"), (12, b"\x3c")], b"\xa2\x01\xf5\x00\x18\x20"),
    (2, [(3, b"host"), (11, b"r"), (27, b"\x0e"), (252, b"12345678")], b"x" * 200),
    (69, [(6, b"\x05"), (12, b"\x3c")], b"\xf5"),
)


def new(sender_id, recipient_id):
    reserve = Reserve(0, lambda n: None)
    return Context(aes, kernel, b"secret", b"salt", sender_id, recipient_id, reserve.next)


client, server = new(b"c", b"s"), new(b"s", b"c")
server.window.begin()
door = Server(lambda n: bytes(n))
door.put(server)


def noise(most):
    return bytes([random.getrandbits(8) for _ in range(random.randint(0, most))])


def request(n):
    """-> (options, payload, whether it is sealed with the key)"""
    _, outer, body, value = client.protect_request(*random.choice(REQUESTS))
    if n & 1:  # the plaintext is mutated, the seal is valid
        size = oscore_wire.split(kernel, [], *random.choice(REQUESTS))
        plain = mutated(random, oscore_wire.plain[:size], *_DAMAGE)
        body = client._crypt(client._sender, value, client._sender, value, plain, len(plain), False)
        return outer, body, True
    what = random.randrange(4)
    if what == 0:
        value = noise(12)
    elif what == 1:
        value = mutated(random, value, *_DAMAGE)
    if what > 1 or random.randrange(2):
        body = noise(60) if what == 3 else mutated(random, body, *_DAMAGE)
    return [(9, value)], body, False


def response(n, asked):
    """As request, of an answer."""
    _, outer, body = server.protect_response(asked, 69, random.choice(REQUESTS)[1], b"21.5")
    value = outer[-1][1]
    if n & 1:
        size = oscore_wire.split(kernel, [], *random.choice(REQUESTS))
        plain = mutated(random, oscore_wire.plain[:size], *_DAMAGE)
        value = b"\x01" + bytes((random.getrandbits(8),))
        return [(9, value)], server._crypt(server._sender, value, server._recipient, asked, plain, len(plain), False)
    return [(9, mutated(random, value, *_DAMAGE) if random.randrange(2) else value)], mutated(random, body, *_DAMAGE)


def main(cases, seed):
    random.seed(seed)
    heap = Heap(1000, 500, 4096)
    taken = sealed = 0
    for n in range(cases):
        options, body, valid = request(n)
        sealed += valid
        try:
            received = door.receive(options, body)
            if received[4] is server:
                taken += 1
                answer, body = response(random.randrange(4), received[3])
                client.unprotect_response(received[3], answer, body, Notifications() if n & 2 else None)
        except (WireError, AuthError):
            pass
        except Exception as e:
            died(e, n, seed, options, body)
        if n % 64 == 0:  # as after a cold boot, now and then
            server.window.known = False
        elif not server.window.known:
            server.window.begin(server.window.top)
        if heap.is_due(n):
            heap.look()
    heap.check(seed)
    if not cases // 10 < taken < cases or sealed != cases // 2:
        fail("seed %d: %d of %d were taken" % (seed, taken, cases))
    _, options, body, value = client.protect_request(1, [(11, b"s")], b"")
    server.window.known = True
    received = door.receive(options, body)
    _, options, body = server.protect_response(received[3], 69, [], b"ok")
    if bytes(client.unprotect_response(value, options, body)[2]) != b"ok":
        fail("seed %d: no answer after %d cases" % (seed, cases))


main(int(sys.argv[1]), int(sys.argv[2]))
