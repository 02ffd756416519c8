"""Random and mutated packets into a device that announces itself: `micropython tests/fuzz/mdns_target.py CASES SEED`.

Ends with exit status 1 and the packet when anything but WireError is raised, when a packet takes long, when more is
sent than the limits allow, when memory grows, or when it no longer answers.
"""

import random
import struct
import sys
import time
from binascii import hexlify

from driver import Heap, died, fail
from mutate import mutated
from test_mdns import ANSWER, CUT, FLUSH, HOST, INSTANCE, IP, PTR, SERVICE, SRV_DATA, TXT_DATA, packet, question, record
from toscore.errors import WireError
from toscore.mdns import PORT, Responder

_TOOK_MS = 500  # a loop would take forever
_A_SECOND = 40  # packets to the group and to single ones; in the worst case each of the 7 records alone, defended

KNOWN = record(SERVICE, PTR, 1, 4500, INSTANCE)
RIVALS = [record(INSTANCE, 33, 1, 120, SRV_DATA), record(INSTANCE, 16, 1, 120, TXT_DATA), record(HOST, 1, 1, 120, IP)]
SHORT = b"\x0dkettle-c0ffee\xc0\x0c"
PACKETS = (
    packet([question(SERVICE, PTR)]),
    packet([question(SERVICE, PTR, 0x8001), question(HOST, 255, 0x8001)]),
    packet([question(SERVICE, PTR)], [KNOWN], flags=CUT),
    packet([question(SERVICE, PTR), question(SHORT, 33), question(b"\xc0\x2b", 16)], [KNOWN]),
    packet([question(INSTANCE, 255), question(HOST, 255)], authorities=RIVALS),
    packet(answers=[KNOWN] + RIVALS, flags=ANSWER),
    packet(answers=[record(HOST, 1, 1 | FLUSH, 120, b"\x01\x01\x01\x01")], flags=ANSWER),
    packet(answers=[record(SERVICE, PTR, 1, 4500, SHORT), record(b"\xc0\x23", 33, 1, 120, SRV_DATA[:6] + SHORT)]),
    packet([question(b"\x01a\xc0\x0c", 1)]) + SERVICE,
    packet([question(b"\xc0\x0c", 1)], [record(b"\xc0\x0e", PTR, 1, 1, b"\xc0\x0c")]) + SERVICE,
)


def begun(now):
    responder = Responder("kettle-c0ffee", 5683, lambda n: bytes([random.getrandbits(8) for _ in range(n)]))
    responder.say(now, IP, ("id=kettle-c0ffee",))
    return responder


def main(cases, seed):
    random.seed(seed)
    now = read = sent = renamed = 0
    second = (0, 0)
    responder = begun(now)
    heap = Heap(2000, 500, 4096)
    for n in range(cases):
        if n % 1000 == 0:  # after a conflict it has another name, and most packets are none of its own
            renamed += responder.n > 1
            responder = begun(now)
        data = mutated(random, random.choice(PACKETS), b"\xc0\x0c\x0d\x04\x00\x84", 1472)
        if n % 16 == 0:
            data = bytes([random.getrandbits(8) for _ in range(random.randint(0, 60))])
        began = time.ticks_ms()
        try:
            responder.receive(now, n % 5, PORT if n % 4 else 1024, data)
            read += 1
        except WireError:
            pass
        except Exception as e:
            died(e, n, seed, data)
        if n % 3 == 0:
            now += random.randint(0, 200)
        responder.tick(now)
        if time.ticks_diff(time.ticks_ms(), began) > _TOOK_MS:
            fail("case %d, seed %d: it took long to read %s" % (n, seed, hexlify(data).decode()))
        for packet_out, _ in responder.out:
            struct.unpack(">6H", packet_out[:12])
            if len(packet_out) > 1472:
                fail("case %d, seed %d: %d bytes were sent" % (n, seed, len(packet_out)))
        sent += len(responder.out)
        second = (now // 1000, second[1] + len(responder.out)) if now // 1000 == second[0] else (now // 1000, 0)
        if second[1] > _A_SECOND:
            fail("case %d, seed %d: %d packets in a second" % (n, seed, second[1]))
        responder.out.clear()
        if heap.is_due(n):
            data = packet_out = None
            heap.look()
    heap.check(seed)
    if not cases // 4 < read < cases or sent < cases // 100 or renamed < cases // 10000:
        fail("seed %d: %d were read and %d sent, %d names were lost" % (seed, read, sent, renamed))
    for _ in range(100):  # whatever name it has now, it lives
        now += 100
        responder.tick(now)
    responder.out.clear()
    responder.receive(now + 2000, 1, PORT, packet([question(SERVICE, PTR)]))
    responder.tick(now + 4000)
    if not responder.out:
        fail("seed %d: no answer after %d cases" % (seed, cases))


main(int(sys.argv[1]), int(sys.argv[2]))
