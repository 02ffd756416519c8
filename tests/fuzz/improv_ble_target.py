"""Writes to the command of Improv over BLE: `micropython tests/fuzz/improv_ble_target.py CASES SEED`.

Ends with exit status 1 and the bytes when anything is raised, what it sends is not whole or does not fit into a
packet, a network is offered that cannot be one, memory grows, or the device does not answer a whole command at the end.
"""

import asyncio
import random
import sys

from driver import Heap, died, fail
from mutate import mutated
from rig import Board
from test_ble import COMMAND, RESULT, Bluetooth, Machine, packet
from tos import App
from tos.improv_ble import ImprovBle
from tos.log import Log

GIVEN = b"\x04home\x09\x03right one"[:-1]
SEEDS = [packet(b"\x02\x00"), packet(b"\x03\x00"), packet(b"\x04\x00"), packet(bytes((1, len(GIVEN))) + GIVEN)]
TELLING = b"\x00\x01\x03\xff"


class Refusing(Machine):
    count = 0

    def heard(self):
        return super().heard()[:3]

    def offer(self, ssid, password):
        self.count += 1
        if not (0 < len(ssid.encode()) <= 32 and len(password.encode()) <= 64):
            raise AssertionError(ssid)
        return Done

    verdict = 1


class Done:
    @staticmethod
    def done():
        return True


class Radio(Bluetooth):
    mtu_now = 23

    def gatts_notify(self, connection, handle, data):
        whole = len(data) == data[1] + 3 and sum(data[:-1]) & 255 == data[-1] if handle == RESULT else len(data) == 1
        if not whole or len(data) > self.mtu_now - 3:
            raise AssertionError(data)
        if random.randrange(50) == 0:
            raise OSError(12)
        self.sent.append(handle)

    def write(self, data):
        super().write(data)
        self.values[COMMAND] = self.values[COMMAND][:258]  # as long as gatts_set_buffer says


async def main(cases, seed):
    random.seed(seed)
    app = App("fuzzed")
    app.board = Board()
    app.clock = app.board.clock
    app.log = Log(app.clock)
    machine = Refusing(app)
    radio = Radio()
    front = ImprovBle(app, machine, radio)
    front.start()
    heap = Heap(1000, 500, 4096)
    answered = 0
    for n in range(cases):
        data = b""
        for _ in range(random.randint(1, 4)):
            data += mutated(random, random.choice(SEEDS), TELLING)
            data += random.choice(SEEDS) if random.randrange(4) == 0 else b""
        if random.randrange(5) == 0:
            radio.disconnect()
        if front._client is None:
            radio.mtu_now = random.choice((23, 50, 185, 261))
            radio.connect(radio.mtu_now)
        radio.sent.clear()
        machine.paired = random.randrange(4) == 0
        app.clock.now += random.choice((0, 10, 4000, 4000))
        try:
            while data:
                part = random.choice((1, 20, 258))
                radio.write(data[:part])
                data = data[part:]
                if random.randrange(3) == 0:
                    front._step()
            front._step()
        except Exception as e:
            died(e, n, seed, data)
        answered += RESULT in radio.sent
        if heap.is_due(n):
            heap.look()
    heap.check(seed)
    if not (answered > cases // 40 and machine.count > cases // 100):
        fail("seed %d: %d answered, %d offered" % (seed, answered, machine.count))
    radio.disconnect()
    front._step()
    radio.mtu_now = 261
    radio.connect()
    radio.sent.clear()
    radio.write(SEEDS[1])
    for _ in range(20):
        front._step()
    if RESULT not in radio.sent:
        fail("it does not answer any more")


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
