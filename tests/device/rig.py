"""A board on a test bench: recording drivers and a clock that the test moves. Unix port only."""

import asyncio
import os

import cryptolib
from tos.reader import Reader
from tos.store import make_folder

FOLDER = ".tos/test"


class Clock:
    def __init__(self):
        self.now = 0

    def ms(self):
        return self.now

    def wall(self):
        return None

    def sleep_ms(self, n):
        self.now += n
        return asyncio.sleep_ms(0)


class Watchdog:
    def __init__(self):
        self.fed = 0
        self.running = False

    def start(self, timeout_ms):
        self.running = True

    def feed(self):
        self.fed += 1

    def stop(self):
        self.running = False


class Udp:
    """Datagrams that the test puts in; those that the device sends."""

    port = 5683

    def __init__(self):
        self.sent = []
        self.arrived = []
        self._event = asyncio.Event()

    def put(self, datagram, peer="test"):
        self.arrived.append((datagram, peer))
        self._event.set()

    async def recv(self):
        while not self.arrived:
            self._event.clear()
            await self._event.wait()
        return self.arrived.pop(0)

    def send(self, datagram, peer):
        self.sent.append((datagram, peer))

    def close(self):
        pass


class Radio:
    def __init__(self):
        self.endpoint = Udp()
        self.group = Udp()
        self.error = None
        self.own_ip = "192.0.2.7"

    def ip(self):
        return self.own_ip

    def udp(self, host, port, group=None):
        self.host_bound = host
        if self.error:
            raise OSError(self.error)
        return self.group if group else self.endpoint

    def address(self, host, port):
        if not host:
            raise OSError(-2)
        return "%s port %d" % (host, port)

    def status(self):
        return False, None, None

    def parts(self, peer):
        host, _, port = peer.split(" ")
        return host, int(port)


class Output:
    """Remembers what it was told; raises while `broken`."""

    def __init__(self):
        self.told = []
        self.broken = None

    def __call__(self, value):
        if self.broken and (self.broken is True or value == self.broken[0]):
            raise OSError(5)
        self.told.append(value)


class Sensor:
    def __init__(self, value=20):
        self.value = value

    def __call__(self):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Keystore:
    def __init__(self):
        self.values = {}
        self.puts = 0

    def get(self, name):
        return self.values.get(name)

    def put(self, name, value):
        self.puts += 1
        self.values[name] = bytes(value)

    def erase(self, name):
        self.values.pop(name, None)


class Rtc:
    def __init__(self):
        self.kept = b""

    def get(self):
        return self.kept

    def put(self, data):
        self.kept = bytes(data)


class Board:
    NAME = "BENCH"
    uid = b"\x00\x01\x02\x03\x04\x05"
    cause = 0

    def __init__(self, features=None):
        self.clock = Clock()
        self.watchdog = Watchdog()
        self.radio = Radio()
        self.output = Output()
        self.sensor = Sensor()
        self.button = Sensor(False)
        self.features = features or {
            "output": lambda: self.output, "sensor": lambda: self.sensor, "button": lambda: self.button,
        }  # fmt: skip
        self.pairing = "button"
        self.plain = False
        self.restarts = 0

        self.keystore = Keystore()
        self.rtc = Rtc()
        self.aes = cryptolib.aes

    def rng(self, n):
        return os.urandom(n)

    def restart(self):
        self.restarts += 1

    def services(self):
        return []


def bound(app, features=None):
    """The app on a new board, its outputs safe, no service running: (app, board)."""
    board = Board(features)
    app._bind(board)
    return app, board


class Readings:
    """The reader's own step, without its loop: once() reads every sensor."""

    def __init__(self, app):
        self._app = app
        self._reader = Reader()
        self._failures = {}

    def once(self):
        for r in self._app.table.rows:
            if r.period_ms:
                self._failures[r.path] = self._reader._read(self._app, r, self._failures.get(r.path, 0))


def fresh(name):
    """The path of a record that does not exist yet."""
    for folder in (".tos", FOLDER):
        make_folder(folder)
    path = FOLDER + "/" + name
    for file in os.listdir(FOLDER):
        if file.startswith(name):
            os.remove(FOLDER + "/" + file)
    return path


def runs(app, board, turns=20, services=()):
    """Run services and let the loop turn; time moves only as far as they sleep."""

    async def main():
        tasks = [asyncio.create_task(service.run(app)) for service in services]
        for _ in range(turns):
            await asyncio.sleep_ms(0)
        for task in tasks:
            task.cancel()

    asyncio.run(main())
    asyncio.new_event_loop()


def by(clock, coroutine):
    """Run it; what it waits for, and how long, goes by this clock, which the coroutine moves."""
    real = asyncio.wait_for_ms

    async def wait_for_ms(awaitable, wait_ms):
        task = asyncio.create_task(awaitable)
        end = None if wait_ms is None else clock.now + wait_ms
        try:
            while not task.done():
                if end is not None and clock.now >= end:
                    raise asyncio.TimeoutError
                await asyncio.sleep_ms(0)
        finally:
            task.cancel()

    def sleep_ms(n):
        async def wait():
            until = clock.now + n
            while clock.now < until:
                await asyncio.sleep_ms(0)

        return wait()

    clock.sleep_ms = sleep_ms
    asyncio.wait_for_ms = wait_for_ms
    try:
        asyncio.run(coroutine)
    finally:
        asyncio.wait_for_ms = real
        asyncio.new_event_loop()
