"""A till on a bench board: what it asks a card and its service, what it keeps, what it owes. Unix port.

The card is toscore.card; whether cryptograms are right is for tests/host/test_till.py, with another implementation.
"""

import asyncio
import sys

import cryptolib
import tos.till
from helpers import raises
from rig import Output, by, fresh
from test_link import DELETE, GET, POST, PUT
from test_peers import Paired, Peer
from tos import App, roles
from tos.lazy import load
from tos.ports import FieldLost
from tos.store import Record
from tos.till import Till
from toscore import cbor, coap, emv
from toscore import oscore_kernel_viper as kernel
from toscore.card import Card
from toscore.errors import Busy, Denied, StoreError, TosError
from toscore.oscore import Context

TERMS = {0: "CANTEEN", 1: "TILL0001", 2: "0978", 3: "0276", 4: ""}
TOKENS = ("tokens", roles.TOKENS, b"of the service..", b"", b"\x01", b"\x03")
OWNER = ("owner", roles.OWNER, b"of the owner....", b"", b"\x01", b"\x04")
HUB = ("hub", roles.HUB, b"of the hub......", b"", b"\x01", b"\x05")
GUEST = ("guest", roles.CONTROL, b"of the guest....", b"", b"\x01", b"\x06")
NUMBER = "9999990000000017"
APPROVED = {0: True, 1: 0, 2: b"\x00\x80\x00\x00", 3: bytes(8), 4: "ab12", 5: "A1B2C3"}
ALWAYS = 1 << 30


def but(map, changes):
    map = dict(map)
    map.update(changes)
    return map


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
    """A card in the field. lost: so many commands pass. changed(n, answer) -> what the n-th is answered with.
    before(n): called when the n-th command comes."""

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
    """Behind a hub that relays. answers: {path: what it says, a map, (code, payload), or None for silence; or a
    function of what it was told}. told: [(path, map), ...]."""

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
                inner, more, body, request, _ = self.context.unprotect_request(
                    coap.option(options, 9), options, payload
                )
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


def drop(*names):
    """What a till drops, but for what the card here is made of."""
    _drop(*[name for name in names if name[:4] == "tos."])


_drop, tos.till.drop = tos.till.drop, drop


class Shop:
    def __init__(self, terms=TERMS):
        self.nfc = Nfc()
        self.screen = Output()
        self.paths = fresh("terms"), fresh("sales")
        self.start()
        if terms:
            self.agree(terms)

    def start(self):
        app = product()
        features = {"nfc": lambda: self.nfc, "screen": lambda: self.screen}
        self.bench = Paired(TOKENS, OWNER, HUB, GUEST, app=app, features=features)
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
        tokens = Peer(self.bench, TOKENS, 1000)
        assert self.ask(tokens, PUT, "till", terms)[0] == coap.CHANGED

    def ask(self, peer, code, path, value=None):
        """-> (code, payload), through the Echo that a started device wants to see."""
        options = [(coap.URI_PATH, b"y"), (coap.URI_PATH, path.encode())]
        payload = b""
        if value is not None:
            options.append((coap.CONTENT_FORMAT, b"\x3c"))
            payload = value if isinstance(value, bytes) else cbor.dumps(value)
        answer, more, body = peer.ask(code, options, payload)
        echo = coap.option(more, coap.ECHO)
        if answer == coap.UNAUTHORIZED and echo is not None:
            answer, more, body = peer.ask(code, options + [(coap.ECHO, bytes(echo))], payload)
        return answer, body

    def restarts(self):
        """Its memory is gone, its stores are not."""
        before = self.service
        self.start()
        self.service.answers, self.service.told = before.answers, before.told
        return self

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

        by(self.clock, main())
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


# What is written down, and when


def test_a_sale_is_written_down_before_the_card_makes_a_cryptogram_and_its_counter_before_the_service_hears_of_it():
    shop = Shop()
    seen = []

    def before(n):
        seen.append([(row[0], row[3], row[6], row[7]) for row in shop.rows()])

    def answer(told):
        seen.append([(row[0], row[3], row[6], row[7]) for row in shop.rows()])
        return APPROVED

    shop.service.answers["auth"] = answer
    shop.sells(1250, Tap(before=before))
    key = shop.service.told[0][1][0]
    asks = (key, 0, None, None)
    assert seen == [[], [], [asks], [asks], [(key, 0, NUMBER, 1)]]


def test_what_cannot_be_written_down_is_not_asked_of_the_card():
    shop = Shop()
    shop.till.sales_path = "no/such/folder"
    tap = Tap()
    assert shop.sells(1250, tap) == "failed" and shop.shown() == "Not possible now"
    assert len(tap.commands) == 2 and shop.service.told == [] and shop.codes() == [407]


def test_an_approval_that_cannot_be_written_down_is_none_and_is_reversed():
    shop = Shop()
    save = Record.save
    later = []

    def answer(told):
        Record.save = full
        return APPROVED

    def full(record, value):
        later.append(value)
        raise StoreError(407)

    shop.service.answers["auth"] = answer
    shop.service.answers["reverse"] = None
    try:
        shop.sells(1250, Tap())
    finally:
        Record.save = save
    assert shop.app.get("sale") == "failed" and "approved" not in shop.states and later
    shop.service.answers["reverse"] = {0: True, 1: 0}
    shop.restarts().runs(ms=2000)
    assert shop.service.paths()[-1] == "reverse" and shop.rows()[0][3] == 3 and shop.app.get("owed") == 0


# What is lost


def test_a_field_that_is_lost_before_the_cryptogram_costs_nothing_and_the_next_tap_pays():
    for lost in (0, 1):
        shop = Shop()
        assert shop.sells(1250, Tap(lost=lost), Tap()) == "approved"
        assert shop.states == ["tap", "asks", "approved"] and shop.service.paths() == ["auth"]
        assert len(shop.rows()) == 1 and shop.codes() == []


def test_a_tap_that_is_lost_with_its_cryptogram_has_nobody_to_tell_and_charges_nothing():
    shop = Shop()
    tap = Tap(lost=2)
    assert shop.sells(1250, tap) == "lost" and shop.shown() == "Lost: nothing\nis charged.\nok: once more"
    assert shop.service.told == [] and shop.app.get("owed") == 0 and shop.codes() == [459]
    assert [row[3:] for row in shop.rows()] == [[3, 0, None, None, None, None, None]]
    assert shop.sells(1250, Tap()) == "approved"


def test_a_tap_that_is_lost_behind_its_cryptogram_is_reversed():
    shop = Shop()
    assert shop.sells(1250, Tap(lost=3)) == "lost"
    ((path, told),) = shop.service.told
    key = shop.rows()[0][0]
    assert path == "reverse" and told == {0: bytes([b ^ 255 for b in key]), 1: NUMBER, 2: 1, 3: key}
    assert shop.rows()[0][3:] == [3, 0, None, None, None, None, None] and shop.app.get("owed") == 0


def test_a_service_that_is_silent_declines_and_is_told_until_it_answers_over_a_restart_too():
    shop = Shop()
    shop.service.answers.update({"auth": None, "reverse": None})
    assert shop.sells(1250, Tap(), ms=16000) == "declined"
    assert shop.shown() == "No connection:\nnothing is paid\nok: once more"
    assert shop.app.get("owed") == 1 and shop.rows()[0][3] == 3 and shop.rows()[0][6] == NUMBER
    shop.runs(ms=60000)
    told = [told for path, told in shop.service.told if path == "reverse"]
    assert len(told) > 3 and told == told[:1] * len(told) and shop.app.get("owed") == 1
    shop.restarts().runs(ms=2000)
    assert shop.app.get("owed") == 1
    shop.service.answers["reverse"] = {0: True, 1: 0}
    shop.runs(ms=20000)
    assert shop.app.get("owed") == 0 and shop.service.told[-1] == ("reverse", told[0])
    n = len(shop.service.told)
    shop.restarts().runs(ms=90000)
    assert len(shop.service.told) == n


def test_a_retry_has_the_same_key_and_no_second_cryptogram():
    shop = Shop()
    answers = [(163, b"not now"), (163, b"not now")]
    shop.service.answers["auth"] = lambda told: answers.pop(0) if answers else APPROVED
    tap = Tap()
    assert shop.sells(1250, tap, ms=6000) == "approved"
    told = [told for _, told in shop.service.told]
    assert len(told) == 3 and told == told[:1] * 3 and shop.service.paths() == ["auth"] * 3
    assert len(tap.commands) == 4 and len(shop.rows()) == 1


def test_the_power_fails_while_the_service_is_asked_and_the_sale_is_reversed():
    shop = Shop()
    shop.service.answers["auth"] = None
    shop.sells(1250, Tap(), ms=1000)
    (row,) = shop.rows()  # the end of the bench has cancelled it, which a power cut does not
    row[3] = 0
    Record(shop.paths[1]).save([row])
    shop.restarts().runs(ms=2000)
    assert shop.service.told[-1][0] == "reverse" and shop.service.told[-1][1][3] == row[0]
    assert shop.rows()[0][3] == 3 and shop.app.get("owed") == 0


def test_an_answer_that_is_none_is_no_approval_and_is_reversed():
    for answer in (
        b"", b"\xff", b"\xa0", b"\xf5", cbor.dumps({0: True, 1: 3, 2: APPROVED[2], 3: None}),
        cbor.dumps({0: True, 1: 0, 2: bytes(4), 3: None}), cbor.dumps({0: 1, 1: 0, 2: APPROVED[2], 3: None}),
        cbor.dumps({0: True, 1: 0, 2: APPROVED[2], 3: b"x"}), cbor.dumps({0: False, 1: 0, 2: bytes(4), 3: None}),
        cbor.dumps({0: True, 1: 0, 2: APPROVED[2], 3: None, 4: "1" * 65}), cbor.dumps({0: True, 1: 0, 9: 1}),
    ):  # fmt: skip
        shop = Shop(but(TERMS, {5: [5000, 5000]}))
        shop.service.answers["auth"] = coap.CHANGED, answer
        assert shop.sells(1250, Tap()) == "declined", answer
        assert shop.service.paths() == ["auth", "reverse"] and shop.codes() == [458]
        assert shop.rows()[0][3] == 3 and shop.app.get("receipt") == ""


def test_what_the_service_refuses_to_hear_is_no_approval():
    for code in (128, 131, 132):
        shop = Shop(but(TERMS, {5: [5000, 5000]}))
        shop.service.answers["auth"] = code, b"no"
        assert shop.sells(1250, Tap()) == "declined" and shop.service.paths() == ["auth", "reverse"]


def test_a_reversal_that_is_refused_for_good_is_given_up_and_one_that_is_not_is_told_again():
    for code, given_up in ((128, True), (150, True), (131, False), (163, False)):
        shop = Shop()
        shop.service.answers["reverse"] = code, b"no"
        shop.sells(1250, Tap(lost=3), ms=10000)
        assert (shop.app.get("owed") == 0) == given_up and (457 in shop.codes()) == given_up
        assert (len(shop.service.told) == 1) == given_up


# Offline


def test_within_its_caps_a_sale_is_kept_offline_and_told_later():
    shop = Shop(but(TERMS, {5: [2000, 3000]}))
    shop.service.answers["auth"] = None
    assert shop.sells(1250, Tap(), ms=16000) == "offline" and shop.shown() == "Accepted offline\n12.50 EUR"
    assert shop.app.get("owed") == 1 and shop.app.get("receipt") == "TILL0001 12.50 EUR offline"
    first = shop.service.told[0][1]
    assert shop.rows()[0][3] == 5
    shop.service.answers["auth"] = APPROVED
    shop.restarts().runs(ms=2000)
    assert shop.service.told[-1] == ("auth", first) and "reverse" not in shop.service.paths()
    assert shop.rows()[0][1:] == ["ab12", 1250, 1, 0, "A1B2C3", None, None, None, None]


def test_over_a_cap_nothing_is_kept_offline():
    for most, amount, held in (([2000, 3000], 2001, 0), ([2000, 3000], 1001, 2000), ([0, 3000], 1, 0)):
        shop = Shop(but(TERMS, {5: most}))
        shop.service.answers.update({"auth": None, "reverse": None})
        if held:
            assert shop.sells(held, Tap(), ms=16000) == "offline"
        assert shop.sells(amount, Tap(), ms=16000) == "declined" and shop.rows()[-1][3] == 3


def test_what_was_kept_offline_and_is_declined_later_is_told():
    shop = Shop(but(TERMS, {5: [2000, 3000]}))
    shop.service.answers["auth"] = None
    shop.sells(1250, Tap(), ms=16000)
    shop.service.answers["auth"] = declined(14)
    shop.runs(ms=70000)
    assert shop.rows()[0][3] == 2 and shop.app.get("owed") == 0
    assert shop.app.get("receipt") == "TILL0001 12.50 EUR offline, then declined ab13"
    assert [entry[1:] for entry in shop.app.log.entries() if entry[1] == 261] == [[261, 1250, 14]]


def test_eight_that_are_owed_let_no_more_be_sold_and_none_is_forgotten():
    shop = Shop(but(TERMS, {5: [10, 1000]}))
    shop.service.answers.update({"auth": None, "reverse": None})
    for n in range(8):
        assert shop.sells(n + 1, Tap(), ms=14000) == "offline"
    tap = Tap()
    assert shop.sells(9, tap) == "failed" and len(tap.commands) == 2 and shop.codes()[-1] == 456
    assert [row[2] for row in shop.rows()] == [1, 2, 3, 4, 5, 6, 7, 8] and shop.app.get("owed") == 8
    shop.service.answers["auth"] = APPROVED
    shop.runs(ms=70000)
    assert shop.sells(9, Tap()) == "approved" and [row[2] for row in shop.rows()] == [2, 3, 4, 5, 6, 7, 8, 9]


# Cards


def test_a_card_that_is_not_ready_is_waited_for():
    shop = Shop()
    assert shop.sells(1250, Tap(Purse(armed=False)), Tap()) == "approved" and shop.states[:1] == ["tap"]


def test_a_customer_who_has_to_confirm_is_told_and_taps_again():
    shop = Shop()
    asks = Tap(changed=lambda n, answer: b"\x69\x86" if n == 2 else answer)
    told = []
    steps = ((400, lambda: told.append((shop.app.get("sale"), shop.shown()))),)
    assert shop.sells(1250, asks, Tap(), steps=steps) == "approved"
    assert told == [("confirm", "Confirm on your\ndevice, then tap\n12.50 EUR")]
    assert shop.service.paths() == ["auth"] and len(shop.rows()) == 1


def test_another_card_is_told_so_and_the_till_goes_on_waiting():
    for odd in (lambda n, answer: b"\x6a\x82", lambda n, answer: b"", lambda n, answer: b"\x6f\x00\x90\x00"):
        shop = Shop()
        assert shop.sells(1250, Tap(changed=odd), Tap()) == "approved" and shop.service.paths() == ["auth"]


def test_a_token_that_has_expired_is_declined_and_its_cryptogram_is_reversed():
    shop = Shop()
    shop.bench.board.clock.wall = lambda: 1_800_000_000
    assert shop.sells(1250, Tap(Purse("250101"))) == "declined" and shop.shown() == "Declined:\nCard expired"
    assert shop.service.paths() == ["reverse"]


def test_a_cryptogram_of_another_kind_than_was_asked_for_is_never_authorised():
    for cid in (0x00, 0x40):
        shop = Shop()
        changed = lambda n, answer: answer.replace(b"\x9f\x27\x01\x80", b"\x9f\x27\x01" + bytes((cid,)))  # noqa: B023, E731
        assert shop.sells(1250, Tap(changed=changed)) == "declined" and shop.shown() == "Declined:\nCard declines"
        assert "auth" not in shop.service.paths()


def test_what_is_no_answer_of_a_card_behind_its_cryptogram_is_reversed_where_there_is_a_counter():
    shop = Shop()
    assert shop.sells(1250, Tap(changed=lambda n, answer: b"\x90\x00" if n == 3 else answer)) == "lost"
    assert shop.service.paths() == ["reverse"] and shop.codes() == [350, 459]
    shop = Shop()
    bad = lambda n, answer: answer.replace(b"\x57\x11\x99", b"\x57\x11\xbb")  # noqa: E731
    assert shop.sells(1250, Tap(changed=bad)) == "lost" and shop.service.told == [] and shop.app.get("owed") == 0


def test_each_reason_is_told_in_words_that_fit_the_display():
    words = load("till_words")
    assert sorted(words._WHY) == list(range(17)) + list(range(251, 256))
    for reason in range(1, 17):
        shop = Shop()
        shop.service.answers["auth"] = declined(reason)
        assert shop.sells(1250, Tap()) == "declined" and shop.rows()[0][3] == 2
        assert shop.shown() == "Declined:\n" + load("till_words").why(reason)
        assert shop.service.paths() == ["auth"]  # what was declined is not reversed
    texts = ["Declined:\n" + load("till_words").why(reason) for reason in load("till_words")._WHY]
    texts += ["Take back 9999.99?\nok: all of it\nor type a part", "Approved\n9999.99 EUR"]
    for text in texts:
        assert len(text) <= 64 and len(text.split("\n")) <= 4, text
        assert max([len(line) for line in text.split("\n")]) <= 18, text


# Beginning and ending


def test_clear_ends_a_sale_that_waits_for_a_card():
    shop = Shop()
    shop.runs((0, lambda: shop.app.set("take", 1250)), (1000, lambda: shop.till.press("clear")))
    assert shop.app.get("sale") == "" and shop.shown() == "Cancelled" and shop.app.get("take") == 0
    assert shop.rows() == [] and shop.codes() == []


def test_clear_while_the_service_is_asked_reverses():
    shop = Shop()
    shop.service.answers["auth"] = None
    shop.sells(1250, Tap(), steps=((1000, lambda: shop.till.press("clear")),))
    assert shop.app.get("sale") == "" and shop.service.paths()[-1] == "reverse" and shop.rows()[0][3] == 3


def test_whatever_crashes_ends_the_sale_and_reverses_it():
    shop = Shop()
    shop.service.answers["auth"] = None
    shop.sells(1250, Tap(), steps=((1000, shop.app.make_safe),))
    assert shop.app.get("take") == 0 and shop.service.paths()[-1] == "reverse"


def test_nobody_taps_for_a_minute():
    shop = Shop()
    shop = Shop()
    assert shop.sells(1250, steps=((59000, lambda: shop.nfc.taps.append(Tap())),), ms=61000) == "approved"
    shop = Shop()
    assert shop.sells(1250, ms=61000) == "" and shop.shown() == "Nobody tapped" and shop.nfc.ended == 1


def test_a_reader_that_fails_is_told_and_owes_nothing():
    shop = Shop()
    shop.nfc.broken = OSError(5)
    raises(OSError, shop.sells, 1250)
    assert shop.app.get("sale") == "failed" and shop.app.get("take") == 0 and not shop.nfc.is_on


def test_a_till_that_is_not_told_who_it_is_sells_nothing():
    shop = Shop(terms=None)
    raises(Busy, shop.app.set, "take", 1250)
    shop = Shop()
    shop.bench.link.peers.remove("tokens")
    raises(Busy, shop.app.set, "take", 1250)


def test_only_owner_and_hub_begin_a_sale_and_only_the_owner_takes_one_back():
    shop = Shop()
    shop.sells(1250, Tap())
    for name, may_take, may_undo in (("owner", True, True), ("hub", True, False), ("guest", False, False)):
        for path, may in (("take", may_take), ("undo", may_undo)):
            if may:
                shop.app.table[path].check(100, "link/" + name)
            else:
                raises(Denied, shop.app.table[path].check, 100, "link/" + name)
    for origin in ("voice", "pad", "rule"):
        raises(Denied, shop.app.set, "take", 100, origin)


def test_a_sale_at_a_time():
    shop = Shop()
    refused = []
    steps = ((500, lambda: refused.append(raises(Busy, shop.app.set, "take", 5))),)
    shop.sells(1250, steps=steps, ms=1000)
    assert len(refused) == 1 and shop.states == ["tap", ""]


def test_a_new_sale_waits_for_nothing_that_is_owed():
    shop = Shop()
    shop.service.answers["reverse"] = None
    shop.sells(1250, Tap(lost=3), ms=2000)
    shop.service.answers["reverse"] = None
    assert shop.sells(300, Tap(), ms=1000) == "approved" and shop.app.get("owed") == 1


def test_at_rest_nothing_is_loaded_but_the_till_itself():
    shop = Shop()
    shop.sells(1250, Tap(), ms=40000)
    assert [name for name in sys.modules if name.startswith("tos.till")] == ["tos.till"]
    assert shop.sells(300, Tap()) == "approved"


# The keys, and taking back


def typed(shop, keys, *taps, ms=3000):
    shop.nfc.taps = list(taps)
    shop.runs(*[(100 * n, lambda key=key: shop.till.press(key)) for n, key in enumerate(keys)], ms=ms)
    return shop.app.get("sale")


def test_an_amount_and_ok_sell():
    shop = Shop()
    assert typed(shop, ["1", "2", "clear", "3", "0", "0", "ok"], Tap()) == "approved"
    assert shop.rows()[0][2] == 300 and shop.app.get("amount") == 0
    typed(shop, ["7"])
    assert shop.app.get("amount") == 7 and shop.app.get("sale") == "" and shop.shown() == "0.07"


def test_after_a_tap_that_was_lost_ok_sells_once_more():
    shop = Shop()
    assert typed(shop, ["5", "0", "ok"], Tap(lost=2)) == "lost"
    assert typed(shop, ["ok"], Tap()) == "approved" and [row[2:4] for row in shop.rows()] == [[50, 3], [50, 1]]


def test_ok_alone_and_ok_void_the_last_sale():
    shop = Shop()
    shop.sells(1250, Tap())
    typed(shop, ["ok"])
    assert shop.shown() == "Take back 12.50?\nok: all of it\nor type a part"
    assert typed(shop, ["ok"]) == "approved" and shop.shown() == "Taken back\n12.50 EUR"
    path, told = shop.service.told[-1]
    assert path == "void" and sorted(told) == [0, 1] and told[1] == "ab12" and len(told[0]) == 16
    assert shop.rows()[0][3] == 4 and shop.app.get("receipt") == "TILL0001 12.50 EUR taken back A1B2C3 ab12"
    raises(Busy, shop.app.set, "undo", 0)


def test_ok_alone_an_amount_and_ok_refund_a_part():
    shop = Shop()
    shop.sells(1250, Tap())
    assert typed(shop, ["ok", "2", "5", "0", "ok"]) == "approved" and shop.app.get("amount") == 0
    path, told = shop.service.told[-1]
    assert (path, told[1], told[2]) == ("refund", "ab12", 250)
    assert shop.rows()[0][3:5] == [1, 250]
    raises(Busy, shop.app.set, "undo", 1001)
    shop.app.table["undo"].check(1000, "app")


def test_clear_takes_nothing_back():
    shop = Shop()
    shop.sells(1250, Tap())
    typed(shop, ["ok", "clear", "ok", "clear"])
    assert shop.service.paths() == ["auth"] and shop.shown() == "0.00"


def test_what_is_taken_back_is_told_with_one_key_until_it_is_answered_and_done_once():
    shop = Shop()
    shop.sells(1250, Tap())
    shop.service.answers["refund"] = None
    shop.runs((0, lambda: shop.app.set("undo", 250)), ms=14000)
    assert shop.app.get("sale") == "offline" and shop.shown() == "No connection:\nit is done later"
    assert shop.app.get("owed") == 1 and shop.rows()[0][4] == 0
    raises(Busy, shop.app.set, "undo", 250)
    shop.restarts()
    shop.service.answers["refund"] = {0: True, 1: 0, 4: "ab12"}
    shop.runs(ms=3000)
    told = [told for path, told in shop.service.told if path == "refund"]
    assert len(told) > 1 and told == told[:1] * len(told) and shop.rows()[0][4] == 250 and shop.app.get("owed") == 0


def test_what_may_not_be_taken_back_is_told():
    shop = Shop()
    shop.sells(1250, Tap())
    shop.service.answers["void"] = {0: False, 1: 14}
    assert typed(shop, ["ok", "ok"]) == "declined" and shop.shown() == "Not taken back:\nAccount refuses"
    assert shop.rows()[0][3] == 1 and shop.app.get("owed") == 0


# The link


def test_terms_are_brought_by_a_token_service_and_durable_when_it_is_answered():
    shop = Shop(terms=None)
    tokens, owner, hub, guest = [Peer(shop.bench, row, 1000) for row in (TOKENS, OWNER, HUB, GUEST)]
    for peer in (owner, hub, guest):
        assert shop.ask(peer, PUT, "till", TERMS)[0] == 131
    assert shop.ask(owner, GET, "till")[0] == coap.NOT_FOUND
    assert shop.ask(tokens, PUT, "till", TERMS) == (coap.CHANGED, b"")
    assert Record(shop.paths[0]).load()[1] == "TILL0001"
    shop.restarts()
    for row in (TOKENS, OWNER, HUB):
        code, body = shop.ask(Peer(shop.bench, row, 2000), GET, "till")
        assert code == coap.CONTENT and cbor.loads(body) == TERMS
    assert shop.ask(Peer(shop.bench, GUEST, 2000), GET, "till")[0] == 131


def test_terms_that_are_none_are_refused_and_the_others_stay():
    shop = Shop()
    tokens = Peer(shop.bench, TOKENS, 5000)
    for changes in (
        {0: ""}, {0: "x" * 16}, {0: "caf\u00e9"}, {0: 5}, {1: "TILL-1"}, {1: "TILL-0001"}, {2: "978"}, {2: "EUR!"},
        {3: "27"}, {4: "x" * 25}, {4: None}, {5: 5}, {5: [1]}, {5: [1, -1]}, {5: [1, True]}, {5: [1, "1"]}, {6: 1},
    ):  # fmt: skip
        assert shop.ask(tokens, PUT, "till", but(TERMS, changes))[0] == 128, changes
    for broken in (b"", b"\xf6", b"\xa0", b"\xff"):
        assert shop.ask(tokens, PUT, "till", broken)[0] == 128
    assert shop.ask(tokens, DELETE, "till")[0] == coap.METHOD_NOT_ALLOWED
    assert cbor.loads(shop.ask(tokens, GET, "till")[1]) == TERMS
    assert shop.ask(tokens, PUT, "till", but(TERMS, {4: "Canteen", 5: [0, 0]}))[0] == coap.CHANGED


def test_another_service_waits_until_the_first_has_been_told_all():
    shop = Shop()
    other = ("other", roles.TOKENS, b"of another one..", b"", b"\x01", b"\x07")
    shop.bench.link.peers.add(*other)
    shop.service.answers["reverse"] = None
    shop.sells(1250, Tap(lost=3), ms=2000)
    assert shop.ask(Peer(shop.bench, other, 5000), PUT, "till", TERMS)[0] == 163
    shop.service.answers["reverse"] = {0: False, 1: 0}
    shop.runs(ms=20000)
    assert shop.ask(Peer(shop.bench, other, 6000), PUT, "till", TERMS)[0] == coap.CHANGED


def test_the_latest_tap_and_the_latest_sales_are_for_owner_and_hub():
    shop = Shop()
    owner = Peer(shop.bench, OWNER, 1000)
    assert shop.ask(owner, GET, "tap") == (coap.CONTENT, b"\x82\xf6\x80")
    tap = Tap()
    shop.sells(1250, tap)
    for row in (OWNER, HUB):
        code, body = shop.ask(Peer(shop.bench, row, 2000), GET, "tap")
        assert code == coap.CONTENT and len(body) < 1000
    began, rows = cbor.loads(body)
    assert began is None and [kind for _, kind, _ in rows] == [0, 1] * 4 + [2, 3]
    assert [data for _, kind, data in rows if kind == 0] == tap.commands
    assert cbor.loads(rows[-2][2]) == shop.service.told[0][1] and cbor.loads(rows[-1][2]) == APPROVED
    code, body = shop.ask(Peer(shop.bench, OWNER, 4000), GET, "sales")
    assert cbor.loads(body) == [[shop.service.told[0][1][0], "ab12", 1250, 1, 0, "A1B2C3"]]
    for n, (row, path) in enumerate(((GUEST, "tap"), (TOKENS, "tap"), (TOKENS, "sales"), (GUEST, "sales"))):
        assert shop.ask(Peer(shop.bench, row, 5000 + n), GET, path)[0] == 131


def test_each_tap_has_a_trace_of_its_own_and_its_reversal_is_in_it():
    shop = Shop()
    shop.sells(1250, Tap(lost=1), Tap(changed=lambda n, answer: b"\x69\x86" if n == 2 else answer), Tap(lost=3))
    _, rows = cbor.loads(shop.ask(Peer(shop.bench, HUB, 2000), GET, "tap")[1])
    assert [kind for _, kind, _ in rows] == [0, 1, 0, 1, 0, 1, 0, 6, 4, 5]
    assert cbor.loads(rows[-2][2]) == shop.service.told[-1][1] and cbor.loads(rows[-1][2]) == {0: True, 1: 0}
    assert rows[0][0] < 1000


def test_the_most_of_a_trace_and_of_sales_fit_one_datagram():
    shop = Shop()
    shop.service.answers["auth"] = but(APPROVED, {4: "f" * 64})
    for n in range(9):
        assert shop.sells(999990 + n, Tap()) == "approved"
    shop.service.answers["auth"] = 163, b"x" * 600
    shop.sells(1250, *[Tap(lost=1) for _ in range(30)], Tap(), ms=60000)
    owner = Peer(shop.bench, OWNER, 1000)
    for path in ("tap", "sales"):
        code, body = shop.ask(owner, GET, path)
        assert code == coap.CONTENT and len(body) <= 1024 and len(cbor.loads(body)) > 1
    assert len(cbor.loads(shop.ask(owner, GET, "tap")[1])[1]) <= 24


def test_no_number_of_a_customer_is_kept_longer_than_it_is_needed_or_logged():
    shop = Shop()
    shop.sells(1250, Tap())
    shop.sells(1250, Tap(lost=3), ms=9000)
    for path in shop.paths:
        with open(path, "rb") as f:
            assert NUMBER.encode() not in f.read()
    texts = [str(shop.app.log.entries()), shop.app.log.crash or ""] + [str(told) for told in shop.screen.told]
    assert not [text for text in texts if NUMBER[6:] in text or NUMBER in text]
    assert not [r.path for r in shop.app.table.rows if NUMBER in str(r.value)]


def test_the_date_of_a_tap_is_utcs():
    date = load("till_sale")._date
    for wall, text in (
        (None, "000000"), (0, "700101"), (951782399, "000228"), (951782400, "000229"), (951868800, "000301"),
        (1798761599, "261231"), (1798761600, "270101"), (1795255855, "261121"), (4107542399, "000228"),
    ):  # fmt: skip
        assert date(wall) == text, (wall, date(wall))


def test_the_driver_of_its_boards_reader_is_loaded_for_a_sale_and_dropped_behind_it():
    with open("boards/TOS_TILL/board.py") as f:
        text = f.read()
    said = []

    class Driver:
        def Nfc(self, port, tx, rx):
            said.append((port, tx, rx))
            return self

        def find(self, timeout_ms):
            return timeout_ms

        def end(self):
            said.append("end")

    names = {"asyncio": asyncio, "OUT": {"nfc_tx": 17}, "IN": {"nfc_rx": 16}, "drop": lambda *names: said.extend(names)}
    names["load"] = lambda name: said.append(name) or Driver()
    exec(text[text.index("class _Nfc") : text.index("features =")], names)
    nfc = names["_Nfc"]()
    lock = nfc.lock
    nfc.end()
    assert said == []
    assert nfc.find(5) == 5 and nfc.find(6) == 6 and said == ["ports.esp32.nfc", (1, 17, 16)] and nfc.lock is lock
    nfc.end()
    assert said[2] == "end" and "tos.drivers.pn532" in said[3:] and "tos.ports.esp32.nfc" in said[3:]
    assert nfc.find(7) == 7 and said[-2:] == ["ports.esp32.nfc", (1, 17, 16)]
