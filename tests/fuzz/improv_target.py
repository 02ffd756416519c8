"""Bytes into the serial port of a device: `micropython tests/fuzz/improv_target.py CASES SEED`.

Ends with exit status 1 and the bytes when anything but KeyboardInterrupt is raised, what is written is no packet,
a network is offered that cannot be one, memory grows, or the device does not answer a whole packet at the end.
"""

import asyncio
import random
import sys

from driver import Heap, died, fail
from mutate import mutated
from rig import Board
from tos import App
from tos.console import Console
from tos.log import Log
from tos.wifi import Wifi


def packet(data, kind=3):
    body = b"IMPROV\x01" + bytes((kind, len(data))) + data
    return body + bytes((sum(body) & 255,))


SSID, PASSWORD = b"home", b"\x03right one"
GIVEN = bytes((len(SSID),)) + SSID + bytes((len(PASSWORD),)) + PASSWORD
SEEDS = [packet(b"\x02\x00"), packet(b"\x03\x00"), packet(b"\x04\x00"), packet(bytes((1, len(GIVEN))) + GIVEN)]
TELLING = b"IMPROV\x01\x03\x00\xff"


class Port:
    """Gives its bytes, then ends."""

    def __init__(self):
        self.bytes = b""
        self.written_b = 0
        self.last = b""

    def open(self):
        pass

    def close(self):
        pass

    async def read(self):
        if not self.bytes:
            return None
        byte = self.bytes[0]
        self.bytes = self.bytes[1:]
        return byte

    def write(self, data):
        if not data.startswith(b"\nIMPROV\x01") or sum(data[1:-2]) & 255 != data[-2]:
            raise AssertionError(data)
        self.last = data


class Machine:
    """Stands in for Provision: what is offered is refused."""

    state = 1
    offered = 0

    class net:
        @staticmethod
        def heard():
            return [("home", -50, True, None)]

    def offer(self, ssid, password):
        self.offered += 1
        if not (0 < len(ssid.encode()) <= 32 and len(password.encode()) <= 64):
            raise AssertionError(ssid)
        return asyncio.sleep_ms(0)


async def main(cases, seed):
    random.seed(seed)
    app = App("fuzzed")
    app.board = Board()
    app.clock = app.board.clock
    app.log = Log(app.clock)
    app.wifi = Wifi()
    machine = app.wifi._machine = Machine()
    port = app.board.console = Port()
    heap = Heap(1000, 500, 4096)
    stopped = answered = 0
    for n in range(cases):
        data = b""
        for _ in range(random.randint(1, 4)):  # in one run, so that what was cut meets what comes next
            data += mutated(random, random.choice(SEEDS), TELLING) if random.randrange(6) else b"line\n"
            data += random.choice(SEEDS) if random.randrange(6) == 0 else b""
        port.bytes = data
        port.last = b""
        app.clock.now += random.choice((0, 0, 10, 4000))
        try:
            await Console().run(app)
        except KeyboardInterrupt:
            stopped += 1
        except Exception as e:
            died(e, n, seed, data)
        answered += bool(port.last)
        await asyncio.sleep_ms(0)
        if heap.is_due(n):
            heap.look()
    heap.check(seed)
    if not (stopped > cases // 100 and answered > cases // 10 and machine.offered > cases // 50):
        fail("seed %d: %d stopped, %d answered, %d offered" % (seed, stopped, answered, machine.offered))
    port.bytes = SEEDS[0]
    await Console().run(app)
    if port.last[8:10] != b"\x01\x01":
        fail("it does not answer any more: %s" % port.last)


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
