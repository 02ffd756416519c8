"""One life of a till: it sells, or takes a sale back, and tells what it owes. Unix port only, started by sold.py with
an order as JSON on stdin.

Card and service are the host's: what they gave and heard is in files that outlive the device, each line of which is
written before anything else happens. `given`: a cryptogram's counter; a line with ! says what was not durable by then.
`heard`: what the service was told, in its order; it answers from that alone. `sold`: keys of sales whose goods the shop
hands over. The life ends at its `cut`, at a flash operation, or its `kill`, at the n-th of the points between them.
"""

import asyncio
import json
import os
import sys

import chip
import cryptolib
import tos.till_sale
import tos.till_tell  # all of it now: there is no file system of the host's later
from on_flash import started
from tos import till_desk
from tos.log import Log
from tos.ports import FieldLost
from tos.resource import Resource, Table
from tos.store import Record
from tos.till import Till
from toscore import cbor, coap, emv
from toscore.card import Card

_TERMS = {0: "CANTEEN", 1: "TILL0001", 2: "0978", 3: "0276", 4: "", 6: "tokens"}
_NUMBER = "9999990000000017"
_STEPS = 60


class Clock:
    """It goes on by itself, so that nobody waits."""

    now = 0

    def ms(self):
        self.now += 1500
        return self.now

    def wall(self):
        return None

    def sleep_ms(self, n):
        self.now += n
        return asyncio.sleep_ms(0)


class Board:
    def __init__(self):
        self.clock = Clock()

    def rng(self, n):
        return os.urandom(n)


class Devices:
    pass


class App:
    """As much of one as a till needs."""

    def __init__(self, sold):
        self.board = Board()
        self.clock = self.board.clock
        self.log = Log(self.clock)
        self.table = Table()
        self.dev = Devices()
        self._sold = sold
        for path, initial in (("text", ""), ("amount", 0)):
            self.value(path, initial)

    def value(self, path, initial, **about):
        self.table.add(Resource(path, "text" if initial == "" else "sensor", initial=initial, **about))

    def get(self, path):
        return self.table[path].value

    def put(self, r, value):
        r.value = value
        if r.path == "sale" and value in ("approved", "offline"):
            self._sold(value)

    def set(self, path, value):
        self.put(self.table[path], value)


class Life:
    def __init__(self, given, heard, sold, kill, offline, torn, service):
        self._given = given
        self._heard = heard
        self._lines = heard.read().split("\n")[:-1]
        self._sold = sold
        self._kill = kill
        self._torn = torn
        self._service = service
        self.points = 0
        self.is_selling = False
        self._key = None
        self.atc = len(given.read().split("\n")) - 1
        self.app = App(self.hand_over)
        self.app.dev.nfc = self
        self.till = Till("amount", "text")
        self.till.declare(self.app)
        terms = dict(_TERMS)
        if offline:
            terms[5] = [100000, 1000000]
        if Record(self.till.terms_path).load() != terms:
            Record(self.till.terms_path).save(terms)
        tos.till_sale.ask = tos.till_tell.ask = self.ask
        self.lock = asyncio.Lock()
        self.token = emv.Token(cryptolib.aes, _NUMBER, 1, "311231", "12345678901", 1, 1, bytes(16))

    def point(self):
        if self.points == self._kill:
            chip.power_off()
        self.points += 1

    def rows(self):
        return Record(self.till.sales_path).load([])

    # A purse of a card, and the reader

    limit = 1000000
    currency = b"\x09\x78"

    def armed(self):
        return True

    def checked(self):
        return True

    def take(self):
        self.atc += 1
        return self.atc

    def asks(self, pdol):
        pass

    def gave(self, atc, ac, pdol):
        if not [row for row in self.rows() if row[3] == 0 and row[2] == emv.amount(pdol)]:
            self._given.write("! counter %d was given, and nothing is written down\n" % atc)
        self._given.write("%d\n" % atc)
        self._given.flush()

    async def find(self, timeout_ms):
        self.point()
        self._card = Card(self)
        self._n = 0
        return b"\x08\x01\x02\x03"

    async def exchange(self, command):
        self._n += 1
        out = bytearray(258)
        n = self._card.step(command, out)
        self.point()
        if self._torn and self._n == self._torn:
            raise FieldLost
        return memoryview(out)[:n]

    async def silence(self):
        pass

    def end(self):
        pass

    # The service

    async def ask(self, app, name, path, body, timeout_ms):
        self.point()
        if self._service == "deaf":
            return None
        told = cbor.loads(body)
        answer = self._answer(path, told)
        self.point()
        if self._service == "silent":
            return None
        return coap.CHANGED, cbor.dumps(answer)

    def _hear(self, line):
        if line not in self._lines:
            self._lines.append(line)
            self._heard.write(line + "\n")
            self._heard.flush()

    def _answer(self, path, told):
        key = told[0].hex()
        if path == "auth":
            atc = int.from_bytes(told[5], "big")
            rows = [row for row in self.rows() if row[0] == told[0]]
            if not rows or (rows[0][3] == 0 and rows[0][6:8] != [_NUMBER, atc]):
                self._hear("! %d is asked, and durable is %s" % (atc, rows))
            self._key = key
            if "reverse %d %s" % (atc, key) in self._lines:
                return {0: False, 1: 15, 2: bytes(4), 3: None}
            for line in self._lines:
                what, other, *more = line.split(" ")
                if what == "auth" and other == str(atc) and more[0] != key:
                    self._hear("! counter %d is asked with two keys" % atc)
            self._hear("auth %d %s %d" % (atc, key, emv.amount(told[3])))
            return {0: True, 1: 0, 2: b"\x00\x80\x00\x00", 3: None, 4: key, 5: "A1B2C3"}
        if path == "reverse":
            self._hear("reverse %d %s" % (told[2], told[3].hex()))
            return {0: True, 1: 0}
        self._hear("%s %s %s %d" % (path, told[1], key, told.get(2, 0)))
        return {0: True, 1: 0, 4: told[1]}

    def hand_over(self, state):
        if self.is_selling:
            row = self.rows()[-1]
            if row[3] not in (1, 5):
                self._heard.write("! %s is told, and durable is %s\n" % (state, row[3]))
            self._sold.write(row[0].hex() + "\n")
            self._sold.flush()
            self.is_selling = False
        self.point()

    # What is done

    async def works(self):
        """Until there is no more to do, or it has been tried often enough."""
        for _ in range(_STEPS):
            if await till_desk.step(self.till) is None:
                return
            self.app.clock.now += 60000

    async def sells(self, amount):
        self.point()
        self.till._take(None, amount)
        self.is_selling = True
        await till_desk.step(self.till)
        self.is_selling = False

    async def undoes(self, amount):
        self.point()
        self.till._undo(None, amount)
        await till_desk.step(self.till)

    def told(self):
        return {
            "rows": [[row[0].hex(), row[2], row[3], row[4]] for row in self.rows()], "owed": self.app.get("owed"),
            "codes": sorted([code for code in self.app.log.counts if code >= 300 and code != 459]),
        }  # fmt: skip


async def do(life, what):
    if what in ("sell", "settle"):
        await life.works()
    if what == "sell":
        await life.sells(700)
        await life.sells(800)
    elif what == "refund":
        await life.undoes(300)
    elif what == "void":
        await life.undoes(0)
    elif what == "settle":
        await life.sells(900)
        await life.works()


def main(image, given, heard, sold, do_it, cut=None, kill=None, fresh=False, offline=False, torn=0, service="answers"):
    given, heard, sold = [open(path, "a+") for path in (given, heard, sold)]
    for file in (given, heard):
        file.seek(0)
    medium = started(image, fresh)
    medium.begins(cut)
    life = Life(given, heard, sold, kill, offline, torn, service)
    asyncio.run(do(life, do_it))
    ops = medium.ends()
    print(json.dumps({"left": life.told(), "ops": ops, "points": life.points}))


main(**json.loads(sys.stdin.readline()))
