"""One life of a device that pays: a token comes, or its next key, or another token; and taps. Unix port only, started
by paid.py with an order as JSON on stdin.

Each cryptogram is written to the host's file `given` before anything else happens, because by then a reader has it: its
token, key index and counter. A line that begins with ! says that the counter was not durable by then. The life ends at
its `cut`, at a flash operation, or its `kill`, at the n-th of the points between them.
"""

import json
import os
import sys

import chip
import cryptolib
from on_flash import started
from tos.log import Log
from tos.pay import Pay
from tos.ports.unix import Keystore
from tos.resource import Resource, Table
from tos.store import Record
from toscore import apdu, cbor, emv, tlv
from toscore.errors import Denied

_PIN = "2468"
_PDOL = b"\x36\x00\x40\x00" + bytes(4) + b"\x10\x00" + bytes(13) + b"\x09\x78" + bytes(31)
_SELECT = apdu.command(0, 0xA4, 4, 0, emv.AID, 256)
_OPTIONS = apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, _PDOL), 256)
ONE, TWO = b"token one", b"token two"


def offer(id, ki):
    number = "9999990000000017" if id == ONE else "9999990000000025"
    luk = bytes((ki,)) * 16
    return {0: id, 1: number, 2: 1, 3: "311231", 4: "12345678901", 5: 1, 6: ki, 7: luk, 8: 255, 9: 2000000000}


class Clock:
    def ms(self):
        return 0

    def wall(self):
        return None


class Board:
    def __init__(self):
        self.clock = Clock()
        self.keystore = Keystore()
        self.aes = cryptolib.aes

    def rng(self, n):
        return os.urandom(n)


class Devices:
    nfc = None


class App:
    """As much of one as Pay needs."""

    def __init__(self):
        self.board = Board()
        self.clock = self.board.clock
        self.log = Log(self.clock)
        self.table = Table()
        self.dev = Devices()

    def value(self, path, initial):
        self.table.add(Resource(path, "text" if initial == "" else "sensor", initial=initial))

    def get(self, path):
        return self.table[path].value

    def put(self, r, value):
        r.value = value

    def set(self, path, value):
        r = self.table[path]
        r.check(value, "app")
        r.fn(self.dev, value)
        self.put(r, value)


class Life:
    def __init__(self, given, kill):
        self._given = given
        self._kill = kill
        self.points = 0
        self.app = App()
        self.pay = Pay()
        self.pay.declare(self.app)
        self.pay.begin(self.app)
        self.wallet = self.pay.wallet

    def point(self):
        if self.points == self._kill:
            chip.power_off()
        self.points += 1

    def brings(self, id, ki):
        """As a token service does, who does not know how far it came."""
        self.point()
        self.wallet.offer(offer(id, ki), "", self.pay.checked())
        self.point()
        self.wallet.confirm(id, ki, "")
        self.point()

    def checks(self):
        self.point()
        try:
            self.pay.enter(_PIN)
        except Denied as e:
            self._given.write("! the PIN was refused with %d\n" % e.code)

    def taps(self, n):
        out = bytearray(258)
        for _ in range(n):
            self.point()
            self.app.set("arm", True)
            self.point()
            self.pay._card.step(_SELECT, out)
            size = self.pay._card.step(_OPTIONS, out)
            if out[size - 2] != 0x90:
                self._given.write("! armed, and the card answers %02x%02x\n" % (out[size - 2], out[size - 1]))
                return
            atc = int.from_bytes(tlv.find(bytes(out[: size - 2]), 0x9F36), "big")
            status = self.wallet.status()
            self._given.write("%s %d %d\n" % (status[0].decode(), status[3], atc))
            kept = self.app.board.keystore.get("pay_atc") or b"\x80"
            durable = dict(Record("/atc.rec").load([])), dict(cbor.loads(kept))
            if min([found.get(status[0], 0) for found in durable]) <= atc:
                self._given.write("! counter %d was used, and durable is %s\n" % (atc, durable))
            self._given.flush()
            self.point()
            self.pay._card.reset()
            self.pay._keep()
            self.app.set("arm", False)
        self.point()

    def told(self):
        status = self.wallet.status()
        return {
            "id": status[0] and status[0].decode(), "ki": status[3], "pending": status[4], "tries": self.pay.pin.tries,
            "state": self.pay.state(), "codes": sorted([code for code in self.app.log.counts if code >= 300]),
        }  # fmt: skip


def prepare(life):
    life.brings(ONE, 1)
    life.pay.pin.set(_PIN)
    life.taps(3)


def provision(life):
    life.brings(ONE, 1)
    life.taps(2)


def replenish(life):
    life.checks()
    life.brings(ONE, 2)
    life.taps(2)


def replace(life):
    life.checks()
    life.brings(TWO, 1)
    life.taps(2)


def tap(life):
    life.taps(6)


def nothing(life):
    pass


DO = {f.__name__: f for f in (prepare, provision, replenish, replace, tap, nothing)}


def main(image, given, do, cut=None, kill=None, fresh=False):
    given = open(given, "a")
    medium = started(image, fresh)
    medium.begins(cut)
    life = Life(given, kill)
    found = life.told()
    DO[do](life)
    ops = medium.ends()
    print(json.dumps({"found": found, "left": life.told(), "ops": ops, "points": life.points}))


main(**json.loads(sys.stdin.readline()))
