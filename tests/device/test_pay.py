"""A device that pays, on a bench board: who may arm it, for how long, whom it asks, what it keeps. Unix port."""

import asyncio

import cryptolib
from helpers import Random, raises
from rig import Keystore, Output, bound, by, fresh
from test_link import DELETE, GET, POST, PUT, Bench
from test_peers import Paired, Peer
from tos import App, roles
from tos.pay import Pay
from tos.ports import FieldLost
from tos.store import Record
from toscore import apdu, cbor, coap, emv, tlv
from toscore.cmac import cmac
from toscore.errors import Busy, Denied, StoreError

LUK = b"sixteen bytes..1"
ID = b"token one"
EUR = b"\x09\x78"
OFFER = {
    0: ID, 1: "9999990000000017", 2: 1, 3: "311231", 4: "12345678901", 5: 1, 6: 1, 7: LUK, 8: 10, 9: 2000000000,
}  # fmt: skip
TOKENS = ("tokens", roles.TOKENS, b"of the service..", b"", b"\x01", b"\x03")
OWNER = ("owner", roles.OWNER, b"of the owner....", b"", b"\x01", b"\x04")
HUB = ("hub", roles.HUB, b"of the hub......", b"", b"\x01", b"\x05")
GUEST = ("guest", roles.CONTROL, b"of the guest....", b"", b"\x01", b"\x06")


def pdol(amount=1000, currency=EUR, asks=False):
    text = "%012d" % amount
    amount = bytes([int(text[n : n + 2], 16) for n in range(0, 12, 2)])
    ttq = b"\x36\x40\x40\x00" if asks else b"\x36\x00\x40\x00"
    return ttq + amount + bytes(13) + currency + b"\x26\x11\x21\x00" + bytes(4) + b"CANTEEN        " + b"TILL0001"


SELECT = apdu.command(0, 0xA4, 4, 0, emv.AID, 256)
READ = apdu.command(0, 0xB2, 1, 12, b"", 256)


def options(*args, **named):
    return apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, pdol(*args, **named)), 256)


class Nfc:
    """A reader that the test holds up: a tap is a row of commands, and of functions that are called between them."""

    def __init__(self):
        self.lock = asyncio.Lock()
        self.taps = []
        self.answers = []
        self.tap = None
        self.emulates = False
        self.clock = None
        self.buzzed = []

    async def listen(self):
        self.emulates = True
        while not self.taps:
            await self.clock.sleep_ms(100)
        self.tap = list(self.taps.pop(0))

    async def receive(self):
        while self.tap and callable(self.tap[0]):
            self.tap.pop(0)()
            await asyncio.sleep_ms(0)
        if not self.tap:
            raise FieldLost
        if isinstance(self.tap[0], Exception):
            raise self.tap.pop(0)
        return memoryview(self.tap.pop(0))

    async def send(self, answer):
        answer = bytes(answer)
        self.answers.append((answer[-2] << 8 | answer[-1], answer[:-2]))

    async def silence(self):
        self.emulates = False


def product():
    app = App("watch", needs=("nfc", "screen"))

    @app.write("text", initial="", depends=())
    def text(dev, line):
        dev.screen(line)

    @app.write("buzz", initial=False, depends=())
    def buzz(dev, on):
        dev.nfc.buzzed.append(on)

    app.use(Pay(screen="text", buzz="buzz"))
    return app


class Watch:
    """bench: with a link."""

    def __init__(self, bench=None, records=("atc", "pay")):
        self.nfc = Nfc()
        self.screen = Output()
        self.bench = bench
        self.paths = [fresh(name) for name in records]
        self.board = None
        self.start(Keystore())

    def start(self, keystore):
        app = product()
        features = {"nfc": lambda: self.nfc, "screen": lambda: self.screen}
        if self.bench is None:
            self.board = bound(app, features)[1]
        else:
            self.bench = self.bench(app, features)
            self.board = self.bench.board
        self.board.keystore = keystore
        self.app = app
        self.nfc.clock = self.board.clock
        self.pay = app.pay
        self.pay.begin(app, *self.paths)
        return self

    def restart(self):
        return self.start(self.board.keystore)

    def provisioned(self, offer=OFFER, by=""):
        self.pay.wallet.offer(offer, by, self.pay.checked())
        self.pay.wallet.confirm(offer[0], offer[6], by)
        self.pay.changed()
        return self

    def runs(self, *steps, ms=40000):
        """The service, while the clock moves on by ms; each step is (after ms, function)."""

        async def main():
            task = asyncio.create_task(self.pay.run(self.app))
            waiting = list(steps)
            begin = self.board.clock.now
            while self.board.clock.now < begin + ms:
                for _ in range(6):
                    await asyncio.sleep_ms(0)
                now = self.board.clock.now
                while waiting and now - begin >= waiting[0][0]:
                    waiting.pop(0)[1]()
                self.board.clock.now += 50
                if task.done():
                    await task
            task.cancel()

        by(self.board.clock, main())
        assert not self.nfc.emulates

    def pays(self, *tap, **more):
        """Arm, and hold it to a reader -> answers."""
        self.nfc.answers = []
        self.nfc.taps = [tap or (SELECT, options(), READ)]
        self.runs((0, lambda: self.app.set("arm", True)), **more)
        return self.nfc.answers

    def result(self, atc, ac, approved=True, reason=b"\x00", csu=None):
        csu = csu or (b"\x00\x80\x00\x00" if approved else bytes(4))
        text = bytearray(ac + csu + reason + bytes(16))
        return atc, cmac(cryptolib.aes, self.pay.wallet.load().session(atc), text, 12 + len(reason))[:8], csu, reason

    def codes(self):
        return sorted([code for code in self.app.log.counts if code >= 300])


def ac_of(answers):
    return tlv.find(answers[1][1], 0x9F36), tlv.find(answers[1][1], 0x9F26)


def test_a_tap_from_the_button_to_the_result():
    watch = Watch().provisioned()
    words = []
    watch.app.watch(lambda r: r.path == "payment" and words.append(r.value))
    watch.nfc.taps = [(SELECT, options(1250), READ)]
    watch.runs((0, watch.pay.press))
    assert [status for status, _ in watch.nfc.answers] == [0x9000] * 3
    atc, ac = ac_of(watch.nfc.answers)
    assert atc == b"\x00\x01" and watch.app.get("payment") == "sent" and watch.app.get("arm") is False
    assert watch.app.get("pay_left") == 9
    assert watch.pay.result(*watch.result(1, ac))
    assert words == ["armed", "sent", "approved"] and watch.screen.told[-3:] == ["Hold to reader", "Sent", "Approved"]
    assert watch.pay._taps.all == [[1, 1250, "0978", "CANTEEN", 0, 1, ac, 0]]
    assert watch.restart().pay._taps.all == [[1, 1250, "0978", "CANTEEN", 0, 1, ac, 0]]


def test_it_vibrates_when_it_has_something_to_say_and_not_when_it_is_armed():
    watch = Watch().provisioned()
    seen = []
    watch.nfc.taps = [(SELECT, lambda: seen.append(list(watch.nfc.buzzed)), options(1250), READ)]
    watch.runs((0, watch.pay.press))
    assert (seen, watch.nfc.buzzed) == ([[False]], [False, True, False])
    _, ac = ac_of(watch.nfc.answers)
    watch.runs((0, lambda: watch.pay.result(*watch.result(1, ac))))
    assert watch.nfc.buzzed[3:] == [True, False]


def test_a_device_that_is_not_armed_emulates_no_card():
    watch = Watch().provisioned()
    watch.nfc.taps = [(SELECT,)]
    watch.runs()
    assert watch.nfc.answers == [] and len(watch.nfc.taps) == 1
    watch.runs((0, lambda: watch.app.set("arm", True)), (1000, lambda: watch.app.set("arm", False)), ms=3000)
    watch.nfc.taps.append((SELECT,))
    watch.runs(ms=3000)
    assert len(watch.nfc.taps) == 1


def test_it_is_armed_for_thirty_seconds_at_most():
    for later_ms, answered in ((29000, True), (30500, False)):
        watch = Watch().provisioned()
        watch.runs(
            (0, lambda: watch.app.set("arm", True)),  # noqa: B023
            (later_ms, lambda: watch.nfc.taps.append((SELECT, options()))),  # noqa: B023
        )
        assert bool(watch.nfc.answers) == answered and watch.app.get("arm") is False
        assert watch.app.get("payment") == ("sent" if answered else "")


def test_the_press_that_wakes_it_arms_it_before_its_service_runs():
    watch = Watch().provisioned()
    pay, begin = watch.pay, watch.pay.begin
    pay.wallet = None
    pay.begin = lambda app: begin(app, *watch.paths)
    pay.press()
    assert watch.app.get("arm") and watch.app.get("payment") == "armed"
    watch.nfc.taps = [[SELECT, options()]]
    watch.runs()
    assert watch.nfc.answers[-1][0] == apdu.OK


def test_one_arming_one_cryptogram_also_over_taps():
    watch = Watch().provisioned()
    watch.nfc.taps = [(SELECT,), (SELECT, options()), (SELECT, options())]  # the first is lost before it is paid
    watch.runs((0, lambda: watch.app.set("arm", True)))
    assert [status for status, _ in watch.nfc.answers] == [0x9000, 0x9000, 0x9000] and len(watch.nfc.taps) == 1
    assert len(watch.pay._taps.all) == 1


def test_a_radio_that_fails_behind_the_cryptogram_costs_neither_the_tap_nor_the_next_one():
    watch = Watch().provisioned()
    watch.nfc.taps = [(SELECT, options(), OSError(5))]
    raises(OSError, lambda: watch.runs((0, lambda: watch.app.set("arm", True)), ms=2000))
    assert len(watch.pay._taps.all) == 1 and not watch.pay.armed() and watch.app.get("arm") is False
    assert watch.pays()[1][0] == 0x9000 and watch.restart().pay.left() == 8


def test_neither_voice_nor_pad_nor_rule_arms_it_nor_sets_its_limit():
    watch = Watch().provisioned()
    for origin in ("voice", "pad", "rule"):
        for path, value in (("arm", True), ("pay_limit", 99999)):
            raises(Denied, watch.app.set, path, value, origin)
    assert not watch.pay.armed() and watch.app.get("pay_limit") == 2500


def linked(app, features):
    """A bench whose link has all kinds of peers."""
    return Paired(TOKENS, OWNER, HUB, GUEST, app=app, features=features)


class Asker(Peer):
    """One of the peers, who asks with CBOR -> (code as 2.05, value or text)."""

    def __init__(self, watch, row):
        super().__init__(watch.bench, row, address=row[0])
        code, options, _ = self.ask(GET, [(coap.URI_PATH, b"d")])
        self.ask(GET, [(coap.URI_PATH, b"d"), (coap.ECHO, bytes(coap.option(options, coap.ECHO)))])

    def says(self, code, path, value=None):
        path = [(coap.URI_PATH, segment.encode()) for segment in path.split("/")]
        body = b"" if value is None else cbor.dumps(value)
        code, _, payload = self.ask(code, path + ([(coap.CONTENT_FORMAT, b"\x3c")] if body else []), body)
        payload = bytes(payload)
        if code >> 5 == 2:
            payload = cbor.loads(payload) if payload else None
        return "%d.%02d" % (code >> 5, code & 31), payload


def test_over_the_link_only_an_owner_arms_it():
    watch = Watch(linked).provisioned()
    for row in (TOKENS, HUB, GUEST):
        code, text = Asker(watch, row).says(PUT, "s/arm", True)
        assert (code, text) == ("4.03", b"367 arm" if row is not TOKENS else b"367 s/arm")
    assert not watch.pay.armed()
    owner = Asker(watch, OWNER)
    assert owner.says(PUT, "s/arm", True) == ("2.04", None) and watch.pay.armed()
    assert owner.says(PUT, "s/pay_limit", 100) == ("2.04", None) and watch.pay.limit == 100


def test_a_device_without_a_token_cannot_be_armed_and_says_why():
    watch = Watch(linked)
    owner = Asker(watch, OWNER)
    assert owner.says(PUT, "s/arm", True) == ("5.03", b"359 none")
    watch.pay.press()
    assert watch.app.get("payment") == "none" and watch.screen.told[-1] == "No token" and not watch.pay.armed()


# Tokens and keys over the link


def test_a_token_comes_in_two_phases_and_both_may_be_repeated():
    watch = Watch(linked)
    service = Asker(watch, TOKENS)
    empty = {0: None, 1: 0, 2: 0, 3: None, 4: None, 5: 0, 6: None, 7: None, 8: None, 9: None}
    assert service.says(GET, "y/token") == ("2.05", empty)
    for _ in range(2):
        assert service.says(PUT, "y/token", OFFER) == ("2.04", None)
    status = {0: None, 1: 1, 2: 0, 3: None, 4: 1, 5: 0, 6: None, 7: None, 8: None, 9: ID}
    assert service.says(GET, "y/token") == ("2.05", status)
    assert service.says(POST, "y/token", {0: ID, 6: 2})[0] == "4.00"
    raises(Busy, watch.app.set, "arm", True)  # pending is not in use
    for _ in range(2):
        assert service.says(POST, "y/token", {0: ID, 6: 1}) == ("2.04", None)
    status = {0: ID, 1: 2, 2: 1, 3: 1, 4: None, 5: 10, 6: 2000000000, 7: None, 8: None, 9: None}
    assert service.says(GET, "y/token") == ("2.05", status)
    assert service.says(PUT, "y/token", OFFER) == ("2.04", None)  # it is in use: nothing is pending
    assert service.says(GET, "y/token") == ("2.05", status)
    assert watch.pays()[1][0] == 0x9000


def test_no_secret_is_in_a_status():
    watch = Watch(linked).provisioned()
    watch.pay.pin.set("2468")
    _, status = Asker(watch, OWNER).says(GET, "y/token")
    assert LUK not in [value for value in status.values() if isinstance(value, bytes)]
    assert not [value for value in status.values() if isinstance(value, str)]


def test_no_key_pin_or_number_is_in_an_answer_a_resource_an_error_or_the_log():
    watch = Watch(linked).provisioned(by="tokens")
    peers = [Asker(watch, row) for row in (OWNER, TOKENS, HUB, GUEST)]
    owner, service = peers[:2]
    pin, number = "97531864", OFFER[1]
    heard = [owner.says(PUT, "y/pin", {1: pin})]
    heard.append(owner.says(PUT, "s/arm", True))
    watch.nfc.taps = [(SELECT, options(1250), READ), (SELECT, FieldLost())]
    watch.runs()
    assert watch.app.get("payment") == "sent"
    heard.append(service.says(PUT, "y/result", {0: 1, 1: bytes(8), 2: bytes(4), 3: b""}))
    bad = (1, number + "x"), (1, number * 2), (3, number), (7, LUK[:15]), (7, LUK + LUK), (9, -1), (5, LUK)
    for key, wrong in bad:
        offer = dict(OFFER)
        offer[key] = wrong
        heard.append(service.says(PUT, "y/token", offer))
    heard.append(service.says(POST, "y/token", {0: LUK, 6: number}))
    heard.append(owner.says(PUT, "y/pin", {0: pin[:-1] + "5"}))
    heard.append(owner.says(PUT, "y/pin", {0: pin + "x"}))
    for peer in peers:
        heard += [peer.says(GET, path) for path in ("d", "s", "l", "y/token", "p", "r", "c", "o", "b")]
    assert len([answer for answer, _ in heard if answer[0] == "4"]) > 12 and len(watch.app.log.entries()) > 5
    texts = [str(heard), str(watch.app.log.entries()), watch.app.log.crash or "", str(watch.screen.told)]
    texts += [str(r.value) for r in watch.app.table.rows] + [repr(one) for one in (watch.pay, watch.pay.wallet)]
    texts.append(repr(watch.pay.wallet.load()))
    for secret in (LUK.decode(), LUK.hex(), pin, number):
        assert not [text for text in texts if secret in text], secret


def test_what_a_role_may_not():
    watch = Watch(linked).provisioned(by="tokens")
    result = {0: 1, 1: bytes(8), 2: bytes(4), 3: b""}
    asks = (
        (GET, "y/token", None, "TO"), (PUT, "y/token", OFFER, "T"), (POST, "y/token", {0: ID, 6: 1}, "T"),
        (PUT, "y/state", {0: ID}, "T"), (PUT, "y/result", result, "TH"), (PUT, "y/pin", {1: "2468"}, "O"),
        (DELETE, "y/token", None, "TO"),
    )  # fmt: skip
    for letter, row in (("G", GUEST), ("H", HUB), ("T", TOKENS), ("O", OWNER)):
        peer = Asker(watch, row)
        for code, path, value, may in asks[:-1] if letter in "TO" else asks:
            got, text = peer.says(code, path, value)
            assert (got == "4.03" and text[:3] == b"367") == (letter not in may), (letter, code, path, got, text)
    assert peer.says(DELETE, "y/token") == ("2.02", None)


def test_only_a_token_service_brings_a_token():
    watch = Watch(linked)
    for row in (GUEST, HUB, OWNER):
        assert Asker(watch, row).says(PUT, "y/token", OFFER) == ("4.03", b"367 y/token")
    assert Asker(watch, TOKENS).says(PUT, "y/token", OFFER)[0] == "2.04"


def test_a_token_is_its_services_alone():
    watch = Watch(linked)
    watch.bench.link.peers.add("other", roles.TOKENS, b"of another one..", b"", b"\x01", b"\x07")
    service = Asker(watch, TOKENS)
    assert service.says(PUT, "y/token", OFFER)[0] == "2.04"
    other = Asker(watch, ("other", roles.TOKENS, b"of another one..", b"", b"\x01", b"\x07"))
    for ask in ((PUT, "y/token", dict(OFFER, **{})), (POST, "y/token", {0: ID, 6: 1}), (DELETE, "y/token")):
        assert other.says(*ask)[0] == "4.03", ask
    assert service.says(POST, "y/token", {0: ID, 6: 1})[0] == "2.04"
    for ask in ((PUT, "y/token", OFFER), (PUT, "y/state", {0: ID, 1: True}), (DELETE, "y/token")):
        assert other.says(*ask)[0] == "4.03", ask


def with_(message, **changes):
    changed = dict(message)
    for key, value in changes.items():
        key = int(key[1:])
        if value is None:
            changed.pop(key)
        else:
            changed[key] = value
    return changed


def test_what_is_no_token_is_refused_and_nothing_is_kept():
    watch = Watch(linked)
    service = Asker(watch, TOKENS)
    wrong = [with_(OFFER, **{"k%d" % key: None}) for key in OFFER] + [[], 5, "x", {}, with_(OFFER, k10="by")]
    wrong += [with_(OFFER, k0=b""), with_(OFFER, k0=bytes(17)), with_(OFFER, k1="1" * 20), with_(OFFER, k1="12x4" * 4)]
    wrong += [with_(OFFER, k2=100), with_(OFFER, k3="3112"), with_(OFFER, k4="1"), with_(OFFER, k5=256)]
    wrong += [with_(OFFER, k6=1 << 32), with_(OFFER, k7=bytes(15)), with_(OFFER, k8=0), with_(OFFER, k8=256)]
    wrong += [with_(OFFER, k9=-1), with_(OFFER, k0="text"), with_(OFFER, k6="1"), with_(OFFER, k6=True)]
    wrong += [with_(OFFER, k5=-1), with_(OFFER, k6=-1), with_(OFFER, k2=-1)]
    for value in wrong:
        assert service.says(PUT, "y/token", value)[0] == "4.00", value
    assert watch.board.keystore.get("pay_next") is None
    service.says(PUT, "y/token", OFFER)
    for path, code, values in (
        ("y/token", POST, ([], {}, {0: ID}, {0: "x", 6: 1}, {0: ID, 6: 1, 7: 1}, {0: b"other", 6: 1})),
        ("y/state", PUT, ([], {}, {0: ID, 1: 1}, {0: ID, 3: True}, {1: True}, {0: b"other", 1: True}, {0: ID})),
        ("y/result", PUT, ([], {}, {0: 1, 1: bytes(7), 2: bytes(4), 3: b""}, {0: 1, 1: bytes(8), 2: b"", 3: b""})),
    ):
        for value in values:
            assert service.says(code, path, value)[0] == "4.00", (path, value)
    owner = Asker(watch, OWNER)
    for value in ([], {}, {2: "1234"}, {1: "123"}, {1: "123456789"}, {1: 1234}, {1: "12a4"}, {0: "1"}):
        assert owner.says(PUT, "y/pin", value)[0] == "4.00", value
    assert service.says(GET, "y/nothing")[0] == "4.04" and service.says(GET, "y/state")[0] == "4.05"


def test_the_next_key_comes_only_behind_a_cardholder_check_and_has_a_higher_index():
    watch = Watch(linked)
    service = Asker(watch, TOKENS)
    service.says(PUT, "y/token", OFFER)
    service.says(POST, "y/token", {0: ID, 6: 1})
    second = with_(OFFER, k6=2, k7=b"sixteen bytes..2")
    for offer in (second, with_(second, k0=b"token two")):
        assert service.says(PUT, "y/token", offer) == ("5.03", b"359")
    watch.pay._check()
    for offer in (with_(second, k6=1), with_(OFFER, k6=0)):
        assert service.says(PUT, "y/token", offer)[0] == "4.00"
    assert service.says(PUT, "y/token", second)[0] == "2.04"
    assert service.says(GET, "y/token")[1][4] == 2 and service.says(GET, "y/token")[1][7] == 0
    assert watch.pays()[1][0] == 0x9000  # with the first, as long as the second is pending
    assert watch.pay._taps.all[-1][5] == 1
    watch.board.clock.now += 300000
    assert service.says(GET, "y/token")[1][7] is None
    assert service.says(POST, "y/token", {0: ID, 6: 2})[0] == "2.04"
    watch.pays()
    assert watch.pay._taps.all[-1][5] == 2 and watch.pay._taps.all[-1][0] > watch.pay._taps.all[-2][0]
    assert watch.app.get("pay_left") == 9


def test_a_token_that_is_suspended_pays_nothing_from_that_moment():
    watch = Watch(linked)
    service = Asker(watch, TOKENS)
    service.says(PUT, "y/token", OFFER)
    service.says(POST, "y/token", {0: ID, 6: 1})
    watch.app.set("arm", True)
    assert service.says(PUT, "y/state", {0: ID, 1: True}) == ("2.04", None)
    assert not watch.pay.armed() and service.says(GET, "y/token")[1][1] == 3
    raises(Busy, watch.app.set, "arm", True)
    assert watch.app.get("payment") == "suspended"
    assert service.says(PUT, "y/state", {0: ID, 1: False}) == ("2.04", None) and watch.app.get("payment") == ""
    assert watch.pays()[1][0] == 0x9000


def test_what_is_deleted_is_gone_and_its_counter_is_not():
    watch = Watch().provisioned()
    watch.pays()
    watch.pay.wallet.remove()
    assert watch.pay.token is None and watch.board.keystore.get("pay") is None
    raises(Busy, watch.app.set, "arm", True)
    watch.restart().provisioned()
    assert watch.pay.wallet.status()[2] > 1
    assert ac_of(watch.pays())[0] != b"\x00\x01"


def test_whatever_comes_to_y_is_answered_and_nothing_is_kept_of_what_is_wrong():
    watch = Watch(linked).provisioned(by="tokens")
    service, owner = Asker(watch, TOKENS), Asker(watch, OWNER)
    rng = Random(3)
    values = [None, True, -1, 0, 1, 1 << 40, 1.5, "", "1234", b"", ID, bytes(8), bytes(16), bytes(17), [], {}, {0: 1}]
    right = (
        (PUT, "y/token", with_(OFFER, k6=2)), (POST, "y/token", {0: ID, 6: 2}), (PUT, "y/state", {0: ID, 1: False}),
        (PUT, "y/result", {0: 1, 1: bytes(8), 2: bytes(4), 3: b""}), (PUT, "y/pin", {0: "1234", 1: "5678"}),
    )  # fmt: skip
    for _ in range(400):
        code, path, value = right[rng.below(len(right))]
        value = dict(value)
        for _ in range(1 + rng.below(2)):
            value[rng.below(12)] = values[rng.below(len(values))]
        answer, text = (owner if path == "y/pin" else service).says(code, path, value)
        assert answer[:2] in ("2.", "4.") or (answer, text) == ("5.03", b"359"), (path, value, answer, text)
    assert watch.app.log.crash is None and watch.pay.state() in (2, 3, 4)
    assert cbor.loads(watch.board.keystore.get("pay"))[7] == LUK and watch.board.keystore.get("pay_next") is None


# The counter


def test_the_counter_is_reserved_when_it_is_armed_and_a_tap_writes_nothing():
    watch = Watch().provisioned()
    seen = []

    def note():
        seen.append((watch.board.keystore.puts, Record(watch.paths[0]).load()))

    watch.nfc.taps = [(note, SELECT, note, options(), note, READ, note)]
    watch.runs((0, lambda: watch.app.set("arm", True)))
    assert len(seen) == 4 and len({str(one) for one in seen}) == 1 and seen[0][1] == [[ID, 5]]
    assert cbor.loads(watch.board.keystore.get("pay_atc")) == [[ID, 5]]


def test_no_counter_comes_twice_over_restarts():
    watch = Watch().provisioned()
    seen = []
    for n in range(12):
        seen.append(int.from_bytes(ac_of(watch.pays())[0], "big"))
        if n % 3 == 2:
            watch.restart()
            watch.pay._taps._used = 0
    assert len(set(seen)) == 12 and seen == sorted(seen) and seen[:4] == [1, 2, 3, 5]


def test_the_higher_of_both_counters_counts():
    for spoil in (
        lambda watch: watch.board.keystore.put("pay_atc", cbor.dumps([[ID, 1]])),
        lambda watch: Record(watch.paths[0]).save([[ID, 1]]),
        lambda watch: Record(watch.paths[0]).erase(),
        lambda watch: watch.board.keystore.erase("pay_atc"),
    ):
        watch = Watch().provisioned()
        watch.pays()
        spoil(watch)
        watch.restart()
        assert watch.pay.wallet.status()[2] == 5 and watch.pay.state() == 2


def test_with_both_counters_lost_nothing_is_paid():
    watch = Watch().provisioned()
    watch.pays()
    watch.board.keystore.erase("pay_atc")
    Record(watch.paths[0]).erase()
    watch.restart()
    assert watch.pay.state() == 5 and watch.codes() == [447]
    raises(Busy, watch.app.set, "arm", True)


def test_a_counter_that_cannot_be_kept_arms_nothing():
    watch = Watch().provisioned()

    def fails(name, value):
        raise OSError(5)

    put, watch.board.keystore.put = watch.board.keystore.put, fails
    raises(Busy, watch.app.set, "arm", True)
    assert watch.app.get("payment") == "failed" and watch.codes() == [407] and watch.pay.wallet.take() == 0
    watch.board.keystore.put = put
    assert ac_of(watch.pays())[0] == b"\x00\x01"


def test_a_token_is_retired_at_the_end_of_its_counter():
    watch = Watch().provisioned()
    last = cbor.dumps([[ID, 0xEFFF]])
    watch.board.keystore.put("pay_atc", last)
    watch.restart()
    assert ac_of(watch.pays())[0] == b"\xef\xff" and watch.pay.state() == 5
    raises(Busy, watch.app.set, "arm", True)
    assert watch.restart().pay.state() == 5


# Limits of a key


def test_a_key_is_good_for_so_many_payments_and_so_many_days():
    watch = Watch().provisioned(with_(OFFER, k8=2))
    for left in (1, 0):
        ac = ac_of(watch.pays())[1]
        assert watch.app.get("pay_left") == left
    raises(Busy, watch.app.set, "arm", True)
    assert watch.app.get("payment") == "replenish"
    assert watch.restart().pay.left() == 0
    assert watch.pay.result(*watch.result(2, ac, False, b"\x08"))  # one that was declined is no use
    assert watch.pay.left() == 1 and watch.app.get("payment") == "declined"
    watch = Watch().provisioned()
    watch.board.clock.wall = lambda: 1999999999
    watch.app.set("arm", True)
    watch.app.set("arm", False)
    watch.board.clock.wall = lambda: 2000000000
    raises(Busy, watch.app.set, "arm", True)


# The cardholder


def test_above_the_limit_it_asks_and_a_press_confirms():
    watch = Watch().provisioned()
    big = (SELECT, options(9999))
    watch.nfc.taps = [big]
    seen = []
    watch.runs(
        (0, watch.pay.press),
        (2000, lambda: seen.append(watch.app.get("payment"))),
        (2100, watch.pay.press),
        (2200, lambda: watch.nfc.taps.append(big)),
    )
    assert [status for status, _ in watch.nfc.answers] == [0x9000, 0x6986, 0x9000, 0x9000] and seen == ["confirm"]
    assert watch.app.get("payment") == "sent"
    assert tlv.find(watch.nfc.answers[3][1], 0x9F6C) == b"\x00\x80"


def test_whatever_a_terminal_calls_itself_is_written_down():
    watch = Watch().provisioned()
    watch.pay._check()
    value = bytearray(pdol(1, b"\xab\xcd"))
    value[33:48] = bytes(range(120, 135))
    watch.nfc.taps = [(SELECT, apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, value), 256))]
    watch.runs((0, lambda: watch.app.set("arm", True)))
    assert watch.pay._taps.all[0][2:4] == ["abcd", "xyz{|}~????????"] and watch.codes() == []


def test_a_check_counts_for_five_minutes_and_not_over_a_restart():
    watch = Watch().provisioned()
    watch.pay._check()
    watch.board.clock.now += 299999
    assert watch.pay.checked()
    watch.board.clock.now += 1
    assert not watch.pay.checked()
    watch.pay._check()
    assert not watch.restart().pay.checked()


def test_with_a_pin_a_press_confirms_nothing():
    watch = Watch().provisioned()
    watch.pay.pin.set("2468")
    watch.app.set("arm", True)
    watch.pay.press()
    assert not watch.pay.checked()
    watch.pay.enter("2468")
    assert watch.pay.checked()
    watch.app.set("arm", False)
    watch.board.clock.now += 300000
    watch.nfc.taps = [(SELECT, options(9999))]
    watch.runs((0, watch.pay.press))
    assert watch.nfc.answers[-1][0] == 0x6986


def test_three_wrong_pins_lock_and_only_the_service_unlocks():
    watch = Watch(linked)
    service, owner = Asker(watch, TOKENS), Asker(watch, OWNER)
    service.says(PUT, "y/token", OFFER)
    service.says(POST, "y/token", {0: ID, 6: 1})
    assert owner.says(PUT, "y/pin", {0: "2468"}) == ("4.03", b"349")  # there is none
    assert owner.says(PUT, "y/pin", {1: "2468"}) == ("2.04", None)
    assert owner.says(PUT, "y/pin", {1: "1357"}) == ("4.03", b"349")  # not without the old one; no try
    assert owner.says(PUT, "y/pin", {0: "1111"}) == ("4.03", b"349 2")
    assert owner.says(PUT, "y/pin", {0: "2468", 1: "1357"}) == ("2.04", None)
    assert service.says(GET, "y/token")[1][8] == 3
    watch.app.set("arm", True)
    for text in (b"349 2", b"349 1", b"348 0"):
        assert owner.says(PUT, "y/pin", {0: "2468"}) == ("4.03", text)
    assert not watch.pay.armed() and watch.app.get("payment") == "locked" and service.says(GET, "y/token")[1][1] == 4
    assert owner.says(PUT, "y/pin", {0: "1357"}) == ("4.03", b"348")
    assert owner.says(PUT, "s/arm", True) == ("5.03", b"359 locked")
    keystore = watch.board.keystore
    assert service.says(PUT, "y/state", {0: ID, 2: True}) == ("2.04", None)
    assert service.says(GET, "y/token")[1][8] is None and keystore.get("pay_pin") is None
    assert owner.says(PUT, "s/arm", True) == ("2.04", None)


def test_a_try_is_counted_before_it_is_looked_at():
    watch = Watch().provisioned()
    watch.pay.pin.set("2468")
    keystore = watch.board.keystore
    get = keystore.get

    def cut(name):
        if name == "pay_pin":
            raise OSError(5)
        return get(name)

    for left in (2, 1, 0):
        keystore.get = cut
        raises(StoreError, watch.pay.enter, "2468")
        keystore.get = get
        assert watch.restart().pay.pin.tries == left
    raises(Denied, watch.pay.enter, "2468")


def test_a_pin_whose_tries_are_lost_is_locked():
    watch = Watch().provisioned()
    watch.pay.pin.set("2468")
    watch.board.keystore.erase("pay_tries")
    assert watch.restart().pay.state() == 4


# Results


def test_a_result_that_nobody_with_the_keys_has_sent_is_not_shown():
    watch = Watch(linked)
    service, hub = Asker(watch, TOKENS), Asker(watch, HUB)
    service.says(PUT, "y/token", OFFER)
    service.says(POST, "y/token", {0: ID, 6: 1})
    ac = ac_of(watch.pays())[1]
    atc, mac, csu, data = watch.result(1, ac)
    right = {0: atc, 1: mac, 2: csu, 3: data}
    for wrong in (with_(right, k0=2), with_(right, k1=bytes(8)), with_(right, k2=bytes(4)), with_(right, k3=b"\x01")):
        assert hub.says(PUT, "y/result", wrong)[0] == "4.00", wrong
    assert watch.app.get("payment") == "sent" and watch.pay._taps.all[0][7] is None
    for _ in range(2):
        assert hub.says(PUT, "y/result", right) == ("2.04", None)
        assert watch.app.get("payment") == "approved"
    late = watch.result(1, ac, False, b"\x08")  # the first one counts
    assert service.says(PUT, "y/result", dict(zip(range(4), late))) == ("2.04", None)
    assert watch.app.get("payment") == "approved"


def test_a_result_may_block_the_token():
    watch = Watch().provisioned()
    ac = ac_of(watch.pays())[1]
    assert watch.pay.result(*watch.result(1, ac, csu=b"\x00\x20\x00\x00", reason=b"\x03"))
    assert watch.app.get("payment") == "declined" and watch.pay.state() == 3 and watch.restart().pay.state() == 3


def test_a_product_that_does_not_pay_knows_no_such_path():
    assert Bench().ask(GET, "y/token") == ("4.04", b"331 y/token")


def test_an_app_without_a_reader_says_so_by_name():
    app = product()
    assert "nfc" in str(raises(Exception, bound, app))
