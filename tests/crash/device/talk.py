"""One life of a device with a peer, and the peer with it: recordings of earlier lives come first, then a talk.

Unix port only, started by nonces.py with an order as JSON on stdin. What the device's cipher is used for goes to the
host's file `seals` at once, so that it outlives a cut; what the peer sent, to `heard`. The answer on stdout is
{"ops": flash operations of this life}.
"""

import json
import os
import sys

import cryptolib
from on_flash import started
from recorder import recording
from tos import App, about, rules, start, trust  # noqa: F401  # before the host's files go out of reach
from tos.link import Link
from tos.peers import Peers  # noqa: F401
from tos.ports.unix import Keystore
from toscore import coap
from toscore import oscore_kernel_viper as kernel
from toscore.oscore import Context
from toscore.sequence import Notifications, Reserve

_NUMBERS = 1000  # of the peer in one life
_NOTIFICATIONS = 140  # more than are reserved at once
POWER = [(coap.URI_PATH, b"s"), (coap.URI_PATH, b"power")]


class Clock:
    def ms(self):
        return 0


class Board:
    NAME = "TALK"
    uid = bytes(6)
    cause = 0
    clock = Clock()
    features = {}

    def __init__(self, seals):
        self.keystore = Keystore()
        self.aes = recording(seals)

    def rng(self, n):
        return os.urandom(n)


class Udp:
    def __init__(self):
        self.sent = []

    def send(self, datagram, peer):
        self.sent.append(datagram)


class Talk:
    def __init__(self, seals, heard, life, secret, salt, sender, recipient, **order):
        self._heard = heard
        self._seals = seals
        self.app = App("talk")
        self.app.value("power", initial=False, writable=True)
        self.board = Board(seals)
        self.app._bind(self.board)
        self.row = "peer", 1, secret, salt, recipient, sender
        self._mid = 0
        numbers = Reserve(life * _NUMBERS, lambda n: None)
        self._context = Context(cryptolib.aes, kernel, secret, salt, sender, recipient, numbers.next)

    def boot(self):
        self.link = Link(self.app)
        self.link._udp = self._udp = Udp()
        self.link.secure().add(*self.row)

    def says(self, datagram, address):
        self._udp.sent.clear()
        self.link._receive(datagram, address)
        return list(self._udp.sent)

    def replay(self, recordings):
        for n, datagram in enumerate(recordings):
            before = self.app.get("power")
            self.says(datagram, "replay %d" % n)
            if self.app.get("power") != before:
                self._seals.write("! a recording switched power\n")
                self._seals.flush()
            if len(recordings) > 1 and n % 2:
                self.app.put(self.app.table["power"], not self.app.get("power"))

    def ask(self, code, options, payload=b"", observing=None):
        self._mid += 1
        *sealed, request = self._context.protect_request(code, options, payload)
        datagram = coap.encode(coap.CON, sealed[0], self._mid, b"T", sealed[1], sealed[2])
        self._heard.write(datagram.hex() + "\n")
        self._heard.flush()
        (answer,) = self.says(datagram, "peer")
        came = None if observing is None else Notifications()
        _, code, _, _, options, payload = coap.decode(answer)
        if coap.option(options, 9) is None:
            raise AssertionError(bytes(payload))
        return self._context.unprotect_response(request, options, payload, came)

    def talk(self):
        code, options, _ = self.ask(coap.GET, POWER)
        if code == coap.UNAUTHORIZED:
            code, _, _ = self.ask(coap.GET, POWER + [(coap.ECHO, bytes(coap.option(options, coap.ECHO)))])
        assert code == coap.CONTENT
        for on in (b"\xf5", b"\xf4", b"\xf5"):
            assert self.ask(coap.PUT, POWER, on)[0] == coap.CHANGED
        assert self.ask(coap.GET, [(coap.URI_PATH, b"nope")])[0] == coap.NOT_FOUND
        self.ask(coap.GET, [(coap.OBSERVE, b"")] + POWER, observing=True)
        for n in range(_NOTIFICATIONS):
            self.app.set("power", bool(n % 2))
            self._udp.sent.clear()
            self.link._step()
            assert self._udp.sent
        assert self.ask(coap.PUT, POWER, b"\xf4")[0] == coap.CHANGED


def main(image, seals, heard, cut=None, fresh=False, **order):
    for name in ("secret", "salt", "sender", "recipient"):
        order[name] = bytes.fromhex(order[name])
    with open(heard) as file:
        recordings = [bytes.fromhex(line.strip()) for line in file]
    seals, heard = open(seals, "a"), open(heard, "a")
    medium = started(image, fresh)
    talk = Talk(seals, heard, **order)
    medium.begins(cut)
    talk.boot()
    talk.replay(recordings)
    talk.talk()
    talk.replay(recordings)
    medium.ends()
    print(json.dumps({"ops": sum(medium.cost()[:2])}))


main(**json.loads(sys.stdin.readline()))
