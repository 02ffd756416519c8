"""One life of a sleeper, from its start to its sleep, and its hub with it.

Unix port only, started by dozes.py with an order as JSON on stdin. Files of the host's outlive a cut: `seals`, what the
cipher was used for; `rtc`, the RTC memory; `done`, each command that was carried out; `hub`, what the hub remembers.
The answer on stdout is {"ops": flash operations up to the first report, "sent": reports, "wall": its
clock, "echoes": how often the hub had to repeat an Echo}.

At each report the hub repeats what it ever asked, and reads a resource; after the power came it writes it too, and that
keeps the device awake for one more report. Then comes the answer, twice, with
the time and each command that is not acknowledged, or by order those too (`stubborn`, in three answers of a life); or
there is none (`lost`), or somebody else answers in the clear (`forged`). `halt` ends the life when it has reported,
without a sleep.
"""

import asyncio
import json
import os
import sys

import cryptolib
from on_flash import started
from recorder import recording
from tos import App, about, rules, start, trust  # noqa: F401  # before the host's files go out of reach
from tos.asker import Asker  # noqa: F401
from tos.carried import take  # noqa: F401
from tos.commands import Commands  # noqa: F401
from tos.hub import Hub
from tos.link import Link
from tos.peers import Peers  # noqa: F401
from tos.ports.unix import Keystore
from tos.report import Reporter  # noqa: F401
from tos.sleep import Sleep
from toscore import cbor, coap
from toscore import oscore_kernel_viper as kernel
from toscore.oscore import Context
from toscore.sequence import Reserve

_WALL = 1900000000
_FORGED_WALL = 2000000000
_NUMBERS = 1000  # of the hub in one life
POWER = [(coap.URI_PATH, b"s"), (coap.URI_PATH, b"power")]


class Clock:
    now = 0
    seconds = None

    def ms(self):
        return self.now

    def wall(self):
        return self.seconds

    def set_wall(self, seconds):
        self.seconds = seconds

    def sleep_ms(self, n):
        self.now += n
        return asyncio.sleep_ms(0)


class Config(dict):
    def watch(self, fn):
        pass


class State:
    def save(self):
        pass


class Rtc:
    """In a file of the host's: how long it is, and the data."""

    def __init__(self, file):
        self._file = file

    def get(self):
        self._file.seek(0)
        return self._file.read((self._file.read(1) or b"\0")[0])

    def put(self, data):
        self._file.seek(0)
        self._file.write(bytes((len(data),)) + data)
        self._file.flush()


class Board:
    NAME = "DOZE"
    uid = bytes(6)
    features = {}

    def __init__(self, hub, seals, rtc, cause):
        self.cause = cause
        self.clock = Clock()
        self.keystore = Keystore()
        self.rtc = rtc
        self.aes = recording(seals)
        self.radio = hub
        self.sleep = sleep

    def rng(self, n):
        return os.urandom(n)


class House:
    """The hub, and the network to it."""

    def __init__(self, file, context, extra, lost, forged, stubborn, halt, write, commands):
        self._file = file
        lines = file.read().split("\n")
        self._kept = json.loads(lines[-2]) if len(lines) > 1 else {"waits": [], "asked": []}
        self._kept["waits"] += commands
        self._context = context
        self._extra = extra  # reports that are answered at once
        self._lost = lost
        self._forged = forged
        self._stubborn = stubborn
        self._halt = halt
        self._write = write
        self._wrote = False
        self._arrived = []
        self._event = asyncio.Event()
        self._mid = 0
        self._request = self._then = None
        self.wrong = []
        self.sent = self.echoes = 0
        self.medium = self.ops = None

    # The radio, and its socket

    def address(self, host, port):
        return "hub"

    async def recv(self):
        while not self._arrived:
            self._event.clear()
            await self._event.wait()
        return self._arrived.pop(0)

    def send(self, datagram, peer):
        _, code, mid, token, options, payload = coap.decode(datagram)
        if code == coap.POST:
            self.sent += 1
            self._report(mid, token, options, payload)
        elif peer == "hub" and self._request is not None:
            self._answered(options, payload)

    def _put(self, datagram, peer="hub"):
        self._arrived.append((datagram, peer))
        self._event.set()

    def _report(self, mid, token, options, payload):
        if self.ops is None:
            self.ops = sum(self.medium.cost()[:2])
        opened = self._context.unprotect_request(coap.option(options, 9), options, payload)
        done = cbor.loads(bytes(opened[2])).get(5)
        if done is not None:
            if not self._stubborn:
                self._kept["waits"] = [command for command in self._kept["waits"] if command[0] > done]
            self._kept["acknowledged"] = done
            self._keep()

        def answer():
            if self._forged:
                body = cbor.dumps({0: _FORGED_WALL, 1: [[90000, 0, 90000]]})
                self._put(coap.encode(coap.ACK, coap.CHANGED, mid, token, (), body))
            elif not self._lost:
                body = cbor.dumps({0: _WALL, 1: self._kept["waits"] if self.sent < 4 else []})
                sealed = self._context.protect_response(opened[3], coap.CHANGED, (), body)
                for _ in range(2):
                    self._put(coap.encode(coap.ACK, sealed[0], mid, token, sealed[1], sealed[2]))

        if self._halt:
            raise SystemExit
        if self._extra:
            self._extra -= 1
            answer()
            return
        for n, asked in enumerate(self._kept["asked"]):
            self._put(bytes.fromhex(asked), "replay %d" % n)
        self._ask(coap.GET, POWER, b"", lambda body: self._read(body, answer))

    def _keep(self):
        self._file.write(json.dumps(self._kept) + "\n")
        self._file.flush()

    # What it asks

    def _read(self, body, answer):
        if body != b"\xf4" and not self._wrote:
            self.wrong.append("a recording switched power")
        if not self._write or self._wrote:
            answer()
            return
        self._wrote = True
        self._ask(coap.PUT, POWER + [(coap.CONTENT_FORMAT, b"\x3c")], b"\xf5", lambda body: answer())

    def _ask(self, code, options, payload, then):
        self._mid += 1
        *sealed, self._request = self._context.protect_request(code, options, payload)
        datagram = coap.encode(coap.CON, sealed[0], self._mid, b"T", sealed[1], sealed[2])
        self._kept["asked"].append(datagram.hex())
        self._keep()
        self._asked = code, options, payload
        self._then = then
        self._put(datagram)

    def _answered(self, options, payload):
        code, options, payload = self._context.unprotect_response(self._request, options, payload)
        self._request = None
        if code == coap.UNAUTHORIZED:
            self.echoes += 1
            code, before, payload = self._asked
            self._ask(code, before + [(coap.ECHO, bytes(coap.option(options, coap.ECHO)))], payload, self._then)
        else:
            self._then(bytes(payload))


def life(board, house, done, row, extra):
    """Until it sleeps."""
    app = App("doze")

    def step(dev, n):
        if n:
            done.write("%d\n" % n)
            done.flush()

    app.write("step", initial=0)(step)
    app.value("power", initial=False, writable=True)
    app._bind(board)
    app.config = Config({"hub": "hub:5", "hub_peer": "hub"})
    app.state = State()
    app.link = link = Link(app)
    link.secure().add(*row)
    link._udp = house
    app.hub = Hub(app, link)

    async def main():
        tasks = [asyncio.create_task(link._listen()), asyncio.create_task(link._notify())]
        for _ in range(extra):
            await app.hub.report()
        await asyncio.wait_for_ms(Sleep(1, 60000).run(app), 9000)
        for task in tasks:
            task.cancel()

    try:
        asyncio.run(main())
    except SystemExit:  # it sleeps
        pass


def sleep(ms, wake):
    raise SystemExit


def main(image, seals, rtc, done, hub, life_n, cause, secret, salt, sender, recipient, cut=None, fresh=False,
         extra=0, lost=False, forged=False, stubborn=False, halt=False, commands=()):  # fmt: skip
    keys = [bytes.fromhex(text) for text in (secret, salt, sender, recipient)]
    numbers = Reserve(life_n * _NUMBERS, lambda n: None)
    context = Context(cryptolib.aes, kernel, keys[0], keys[1], keys[2], keys[3], numbers.next)
    context.window.begin()
    house = House(open(hub, "r+"), context, extra, lost, forged, stubborn, halt, cause == 0, list(commands))
    board = Board(house, open(seals, "a"), Rtc(open(rtc, "r+b")), cause)
    done = open(done, "a")
    medium = started(image, fresh)
    house.medium = medium
    medium.begins(cut)
    life(board, house, done, ("hub", 1, keys[0], keys[1], keys[3], keys[2]), extra)
    medium.ends()
    told = {"ops": house.ops, "sent": house.sent, "echoes": house.echoes, "wrong": house.wrong}
    told["wall"] = board.clock.wall()
    print(json.dumps(told))


main(**json.loads(sys.stdin.readline()))
