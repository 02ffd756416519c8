"""A till on a bench board: what it asks a card and its service, what it keeps, what it owes. Unix port.

The card is toscore.card; whether cryptograms are right is for tests/host/test_till.py, with another implementation.
"""

import asyncio

import cryptolib
import rig
from helpers import raises
from rig import Keystore, Output, fresh
from test_link import GET, POST, PUT
from test_peers import Paired, Peer
from tos import App, roles
from tos.ports import FieldLost
from tos.store import Record
from tos.till import Till
from toscore import cbor, coap, emv, tlv
from toscore import oscore_kernel_viper as kernel
from toscore.card import Card
from toscore.errors import Busy, Denied, TosError
from toscore.oscore import Context

TERMS = {0: "CANTEEN", 1: "TILL0001", 2: "0978", 3: "0276", 4: ""}
TOKENS = ("tokens", roles.TOKENS, b"of the service..", b"", b"\x01", b"\x03")
OWNER = ("owner", roles.OWNER, b"of the owner....", b"", b"\x01", b"\x04")
HUB = ("hub", roles.HUB, b"of the hub......", b"", b"\x01", b"\x05")
GUEST = ("guest", roles.CONTROL, b"of the guest....", b"", b"\x01", b"\x06")
NUMBER = "9999990000000017"
APPROVED = {0: True, 1: 0, 2: b"\x00\x80\x00\x00", 3: bytes(8), 4: "ab12", 5: "A1B2C3"}
ALWAYS = 1 << 30


def declined(reason):
    return {0: False, 1: reason, 2: bytes(4), 3: bytes(8), 4: "ab13"}


class Purse:
    """Of a card that is always ready, until it is not."""

    limit = 1000000
    currency = b"\x09\x78"

    def __init__(self, expiry="311231", armed=True):
        self.token = emv.Token(cryptolib.aes, NUMBER, 1, expiry, "12345678901", 1, 1, bytes(16))
        self.is_armed = armed
        self.atc = 0

    def armed(self):
        return self.is_armed

    def checked(self):
        return True

    def take(self):
        self.atc += 1
        return self.atc

    def asks(self, pdol):
        pass

    def gave(self, atc, ac, pdol):
        pass


class Tap:
    """A card in the field. lost: so many commands pass. changed(n, answer) -> what the n-th is answered with. before(n):
    called when the n-th command comes."""

    def __init__(self, purse=None, lost=ALWAYS, changed=None, before=None):
        self.card = Card(purse or Purse())
        self.left = lost
        self.changed = changed or (lambda n, answer: answer)
        self.before = before or (lambda n: None)
        self.commands = []

    def answer(self, command):
        self.before(len(self.commands))
        self.commands.append(bytes(command))
        if len(self.commands) > self.left:
            raise FieldLost
        out = bytearray(258)
        n = self.card.step(command, out)
        return memoryview(self.changed(len(self.commands) - 1, bytes(out[:n])))


class Nfc:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.taps = []
        self.tap = None
        self.clock = None
        self.is_on = False
        self.ended = 0
        self.broken = None

    async def find(self, timeout_ms):
        self.is_on = True
        if self.broken:
            raise self.broken
        until = self.clock.now + timeout_ms
        while not self.taps:
            if self.clock.now >= until:
                return None
            await self.clock.sleep_ms(50)
        self.tap = self.taps.pop(0)
        return b"\x08\x01\x02\x03"

    async def exchange(self, command, timeout_ms=5000):
        await asyncio.sleep_ms(0)
        return self.tap.answer(command)

    async def silence(self):
        self.is_on = False

    def end(self):
        assert not self.is_on
        self.ended += 1


class Service:
    """Behind a hub that relays. answers: {path: what it says, a map, (code, payload), or None for silence; or a function
    of what it was told}. told: [(path, map), ...]."""

    def __init__(self, bench):
        self.bench = bench
        self.answers = {"auth": APPROVED, "reverse": {0: True, 1: 0}, "void": {0: True, 1: 0, 4: "ab12"}}
        self.answers["refund"] = self.answers["void"]
        self.told = []
        self.outer = []
        self.n = 0

    def begin(self):
        _, _, secret, salt, sender_id, recipient_id = TOKENS
        self.context = Context(cryptolib.aes, kernel, secret, salt, recipient_id, sender_id, self._next)
        self.context.window.begin()

    def _next(self):
        self.n += 1
        return self.n

    def turn(self):
        """What the device has sent is answered."""
        self.bench.link._step()
        sent, self.bench.udp.sent = self.bench.udp.sent, []
        for datagram, to in sent:
            kind, code, mid, token, options, payload = coap.decode(datagram)
            if kind != coap.CON or coap.option(options, 9) is None or to != "10.0.0.1 port 5683":
                continue
            self.outer.append((code, [option for option in options if option[0] != 9]))
            try:
                inner, more, body, request, _ = self.context.unprotect_request(coap.option(options, 9), options, payload)
            except TosError:
                continue  # it comes again
            assert inner == POST and bytes(coap.option(more, coap.CONTENT_FORMAT)) == b"\x3c"
            y, path = [str(value, "utf-8") for number, value in more if number == coap.URI_PATH]
            assert y == "y"
            told = cbor.loads(bytes(body))
            self.told.append((path, told))
            answer = self.answers[path]
            if callable(answer):
                answer = answer(told)
            if answer is None:
                continue
            if isinstance(answer, dict):
                answer = coap.CHANGED, cbor.dumps(answer)
            form = [(coap.CONTENT_FORMAT, b"\x3c")]
            sealed = self.context.protect_response(request, answer[0], form, answer[1])
            self.bench.link._receive(coap.encode(coap.ACK, sealed[0], mid, token, sealed[1], sealed[2]), to)

    def paths(self):
        return [path for path, _ in self.told]


def product():
    app = App("till", needs=("nfc", "screen"))

    @app.write("text", initial="", depends=())
    def text(dev, line):
        dev.screen(line)

    @app.write("amount", initial=0, minimum=0, maximum=999999, step=1, depends=())
    def amount(dev, cents):
        dev.screen("%d.%02d" % (cents // 100, cents % 100))

    app.use(Till(amount="amount", screen="text"))
    return app


class Shop:
    def __init__(self, terms=TERMS):
        self.nfc = Nfc()
        self.screen = Output()
        self.paths = fresh("terms"), fresh("sales")
        self.keystore = Keystore()
        self.start()
        if terms:
            self.agree(terms)

    def start(self):
        app = product()
        board = rig.Board.__init__
        features = {"nfc": lambda: self.nfc, "screen": lambda: self.screen}

        def made(self):
            board(self)
            self.features = features

        rig.Board.__init__ = made
        try:
            self.bench = Paired(TOKENS, OWNER, HUB, GUEST, app=app)
        finally:
            rig.Board.__init__ = board
        self.app = app
        self.till = app.pay
        self.till.terms_path, self.till.sales_path = self.paths
        self.clock = self.nfc.clock = self.bench.board.clock
        app.config.update({"hub": "10.0.0.1:5683"})
        self.service = Service(self.bench)
        self.service.begin()
        self.states = []
        app.watch(lambda r: r.path == "sale" and self.states.append(r.value))
        return self

    def agree(self, terms):
        self.tokens = Peer(self.bench, TOKENS, 1000)
        self.bench.link.peers.find("tokens").is_new = True
        assert self.ask(self.tokens, PUT, "till", terms)[0] == coap.CHANGED
        self.service.context = self.tokens.context
        self.tokens.context.window.begin()

    def ask(self, peer, code, path, value=None):
        options = [(coap.URI_PATH, b"y"), (coap.URI_PATH, path.encode())]
        payload = b""
        if value is not None:
            options.append((coap.CONTENT_FORMAT, b"\x3c"))
            payload = value if isinstance(value, bytes) else cbor.dumps(value)
        code, more, payload = peer.ask(code, options, payload)
        if code == coap.UNAUTHORIZED and coap.option(more, coap.ECHO) is not None:
            options.append((coap.ECHO, bytes(coap.option(more, coap.ECHO))))
            code, more, payload = peer.ask(code and GET if value is None else PUT, options, cbor.dumps(value) if value is not None else b"")
        return code, payload

    def runs(self, *steps, ms=3000):
        """The service of the device, while the clock moves on by ms; each step is (after ms, function)."""

        async def main():
            task = asyncio.create_task(self.till.run(self.app))
            waiting = list(steps)
            begin = self.clock.now
            while self.clock.now < begin + ms:
                for _ in range(8):
                    await asyncio.sleep_ms(0)
                    self.service.turn()
                while waiting and self.clock.now - begin >= waiting[0][0]:
                    waiting.pop(0)[1]()
                self.clock.now += 50
                if task.done():
                    await task
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass

        clock = self.clock
        real = asyncio.wait_for_ms

        async def wait_for_ms(awaitable, wait_ms):
            """By the bench's clock."""
            task = asyncio.create_task(awaitable)
            until = clock.now + (wait_ms if wait_ms is not None else ALWAYS)
            try:
                while not task.done():
                    if clock.now >= until:
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
            asyncio.run(main())
        finally:
            asyncio.wait_for_ms = real
            asyncio.new_event_loop()
        assert not self.nfc.is_on

    def sells(self, amount, *taps, ms=3000, steps=()):
        """-> state of the sale afterwards."""
        self.nfc.taps = list(taps)
        self.states.clear()
        self.runs((0, lambda: self.app.set("take", amount)), *steps, ms=ms)
        return self.app.get("sale")

    def rows(self):
        """As they are stored."""
        return Record(self.paths[1]).load([])

    def shown(self):
        return self.screen.told[-1]

    def codes(self):
        return sorted([code for code in self.app.log.counts if code >= 300])


def test_a_tap_is_approved_end_to_end_and_leaves_a_receipt():
    shop = Shop()
    tap = Tap()
    assert shop.sells(1250, tap) == "approved"
    assert shop.states == ["tap", "asks", "approved"] and shop.shown() == "Approved\n12.50 EUR"
    ((path, told),) = shop.service.told
    assert path == "auth" and sorted(told) == list(range(10)) and len(told[0]) == 16
    assert emv.amount(told[3]) == 1250 and told[3][33:] == b"CANTEEN        TILL0001" and told[9] == 0x80
    assert shop.app.get("receipt") == "TILL0001 12.50 EUR approved A1B2C3 ab12"
    assert shop.app.get("owed") == shop.app.get("take") == shop.app.get("amount") == 0
    (row,) = shop.rows()
    assert row == [told[0], "ab12", 1250, 1, 0, "A1B2C3", None, None, None, None]
    assert shop.codes() == [] and shop.nfc.ended == 1


def test_the_request_goes_to_the_hub_for_tokens_and_no_more_of_it_is_in_the_clear():
    shop = Shop()
    shop.sells(1250, Tap())
    assert shop.service.outer == [(POST, [(3, b"tokens"), (39, b"coap")])]
