"""The adapters for the Unix port: the contracts of tos/ports over a simulated chip. Unix port only."""

import asyncio
import json
import os
import socket
import sys
import time

import chip
import cryptolib
from micropython import const
from tos.ports.unix.udp import Udp
from tos.store import Record, make_folder

_LOOPBACK = "127.0.0.1"
_BASE = const(1 << 40)  # ahead of the real ticks, with which asyncio's C code marks what is to run at once


class Clock:
    """Real time (rate 1), time-lapse (rate n) or a manual clock (rate 0) that moves only by `advance`.

    At another rate than 1 it takes asyncio's clock over, so that every sleep and timeout of the device follows.
    """

    def __init__(self, rate, wall):
        self._rate = rate
        self._start = time.ticks_ms()
        self._wall = wall
        self._now = 0
        self._budget = 0
        self._arrived = None
        if rate != 1:
            self._take_over_asyncio()

    def ms(self):
        if self._rate:
            return int(time.ticks_diff(time.ticks_ms(), self._start) * self._rate)
        return self._now

    def wall(self):
        return None if self._wall is None else self._wall + self.ms() // 1000

    def set_wall(self, seconds):
        self._wall = seconds - self.ms() // 1000

    def sleep_ms(self, n):
        return asyncio.sleep_ms(n)

    async def advance(self, ms):
        """Move a manual clock on by ms, running whatever falls due on the way."""
        if self._rate:
            raise ValueError("only a manual clock (rate 0) can be advanced")
        self._arrived = asyncio.Event()
        self._budget = ms
        await self._arrived.wait()

    def unspent_ms(self):
        """What is left of an advance."""
        return max(0, self._budget)

    def _take_over_asyncio(self):
        core = asyncio.core
        clock = self

        class Queue(core.IOQueue):
            def wait_io_event(self, dt):
                if clock._rate:
                    super().wait_io_event(dt if dt <= 0 else max(1, int(dt / clock._rate)))
                elif dt and clock._budget <= 0:
                    super().wait_io_event(-1)
                else:
                    super().wait_io_event(0)
                    clock._jump(core._task_queue.peek())

        core.ticks = lambda: _BASE + clock.ms()
        core.IOQueue = Queue
        core.new_event_loop()

    def _jump(self, head):
        ahead = self._budget
        if head:
            ahead = min(ahead, time.ticks_diff(head.ph_key, _BASE + self._now))
        if ahead > 0:
            self._now += ahead
            self._budget -= ahead
            if self._budget == 0:
                self._arrived.set()


class Wire:
    """A UDP socket to whoever simulates the world outside; JSON datagrams."""

    def __init__(self):
        self._parent = None
        if chip.args["parent"]:
            self._parent = socket.getaddrinfo(_LOOPBACK, chip.args["parent"])[0][-1]
        self.udp = Udp(_LOOPBACK, 0)
        self.tell(self.udp, {"hello": "control"})

    def tell(self, udp, message):
        """There is no getsockname: the parent learns a socket's port from the datagram that it sends."""
        if self._parent:
            udp.send(json.dumps(message), self._parent)


class Console:
    """The terminal that the process was started with."""

    def open(self):
        chip.kbd_intr(-1)

    def close(self):
        chip.kbd_intr(3)

    def read(self):  # a coroutine in MicroPython's sense, as in its own asyncio.stream
        yield asyncio.core._io_queue.queue_read(sys.stdin)
        byte = sys.stdin.buffer.read(1)
        return byte[0] if byte else None

    def write(self, data):
        sys.stdout.buffer.write(data)


class Watchdog:
    """The board's supply is the watchdog: it resets the process when it hears no feed. At rate 0 there is no watchdog,
    because the supply lives in real time."""

    def __init__(self, wire, rate):
        self._wire = wire
        self._rate = rate
        self._timeout_ms = 0

    def start(self, timeout_ms):
        self._timeout_ms = timeout_ms
        self.feed()

    def feed(self):
        if self._rate:
            self._wire.tell(self._wire.udp, {"feed": self._timeout_ms})

    def stop(self):
        self._timeout_ms = 0
        self.feed()


class Rtc:
    """The supply keeps it over deep sleep, and only then; with it the time."""

    def __init__(self, kept):
        self._kept = kept

    def get(self):
        return self._kept

    def put(self, data):
        self._kept = bytes(data)


def sleep(wire, clock, rtc, ms, wake):
    """The supply starts the process again: after ms, or when one of the signals of the buttons in wake comes true."""
    told = {"sleep": ms, "wake": [button.signal for button in wake], "unspent_ms": clock.unspent_ms()}
    told.update({"rtc": rtc.get().hex(), "wall": clock.wall()})
    wire.tell(wire.udp, told)
    chip.power_off("USR1")


class Keystore:
    """One Record a key, under /nvs."""

    def __init__(self, root="/nvs"):
        self._root = root

    def _record(self, name):
        if not 0 < len(name) <= 15 or any(c in name for c in "/.\0"):  # Record keeps .new and .bad beside
            raise ValueError(name)
        return Record(self._root + "/" + name)

    def get(self, name):
        return self._record(name).load()

    def put(self, name, value):
        make_folder(self._root)
        self._record(name).save(bytes(value))

    def erase(self, name):
        self._record(name).erase()


def bluetooth():
    from tos.ports.unix import gatt

    return gatt


rng = os.urandom
aes = cryptolib.aes
