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
from tos import ports
from tos.ports.unix.udp import Udp
from tos.store import Record, make_folder

_EADDRINUSE = const(98)
_COAP_PORT = const(5683)
_DNS_PORT = const(53)

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


class Radio:
    """A station among simulated access points: [{ssid, password, rssi_dbm, fault, hidden}]; or, when that is None,
    none of it: a device that is always on the network, as by a cable.

    password None is an open network. fault: None, "security", "no address" or "deaf" (never answers).
    """

    def __init__(self, clock, wire, access_points):
        self._clock = clock
        self._wire = wire
        self.access_points = access_points
        self._joined = None

    def scan(self):
        return [
            (ap["ssid"], ap["rssi_dbm"], ap["password"] is not None, _bssid(ap))
            for ap in self.access_points or ()
            if not ap.get("hidden")
        ]

    def _find(self, ssid, bssid=None):
        for ap in self.access_points or ():
            if ap["ssid"] == ssid and bssid in (None, _bssid(ap)):
                return ap
        return None

    async def join(self, ssid, password, timeout_ms, bssid=None):
        self.leave()
        ap = self._find(ssid, bssid)
        fault = ap.get("fault") if ap else None
        took_ms = timeout_ms + 1 if fault == "deaf" else 5000 if fault == "no address" else 1500
        await self._clock.sleep_ms(min(took_ms, timeout_ms))
        if took_ms > timeout_ms:
            return ports.JOIN_TIMEOUT
        if not ap:
            return ports.JOIN_NOT_FOUND
        if fault == "security":
            return ports.JOIN_SECURITY
        if (ap["password"] or "") != (password or ""):
            return ports.JOIN_SECURITY if ap["password"] is None or not password else ports.JOIN_WRONG_PASSWORD
        if fault == "no address":
            return ports.JOIN_NO_ADDRESS
        self._joined = ssid, _bssid(ap)
        return ports.JOIN_OK

    def leave(self):
        self._joined = None

    def status(self):
        if self.access_points is None:
            return True, _LOOPBACK, None
        ap = self._find(*self._joined) if self._joined else None
        return (True, _LOOPBACK, ap["rssi_dbm"]) if ap else (False, None, None)

    def ip(self):
        return _LOOPBACK

    def udp(self, host, port, group=None):
        if group:
            return Udp(host, port, group)
        # Many devices share one host: the CoAP port is mapped, by default to any free one. No network is to hear them.
        # The port of DNS is the host's own.
        kind = "dns" if port == _DNS_PORT else "link"
        port = {_COAP_PORT: chip.args.get("link_port", 0), _DNS_PORT: 0}.get(port, port)
        udp = Udp(_LOOPBACK, port) if port else _anywhere(_LOOPBACK)
        self._wire.tell(udp, {"hello": kind, "recovery": "/r" in sys.path})
        return udp

    def address(self, host, port):
        if not 0 < port < 65536:
            raise ValueError(port)
        return bytes(socket.getaddrinfo(host, port)[0][-1])

    def parts(self, peer):
        """peer: a sockaddr_in."""
        return ".".join([str(number) for number in peer[4:8]]), peer[2] << 8 | peer[3]

    def access_point(self, ssid, key):
        self._wire.tell(self._wire.udp, {"access_point": {"ssid": ssid, "key": key}})
        return _LOOPBACK

    def end_access_point(self):
        self._wire.tell(self._wire.udp, {"access_point": None})

    async def tcp(self, serve, host, port):
        """Mapped to any free port."""
        while True:
            port = _random_port()
            try:
                server = await asyncio.start_server(serve, _LOOPBACK, port)
                break
            except OSError as e:
                if e.errno != _EADDRINUSE:
                    raise
        self._wire.tell(self._wire.udp, {"portal": port})
        return server, port


def _anywhere(host):
    """On a free port. The kernel would not say which it took: there is no getsockname."""
    while True:
        try:
            return Udp(host, _random_port())
        except OSError as e:
            if e.errno != _EADDRINUSE:
                raise


def _random_port():
    return 49152 + int.from_bytes(os.urandom(2), "big") % 16384


def _bssid(ap):
    return ap.get("bssid", ap["ssid"])


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
