"""The payment applet, command by command, and AES-CMAC. Both interpreters; host/test_card.py checks cryptograms."""

import json
from binascii import unhexlify

from helpers import Random, aes, raises
from toscore import apdu, emv, tlv
from toscore.card import Card
from toscore.cmac import cmac

NUMBER = "9999990000000017"
LUK = unhexlify("4075f4c561d7df63a8023279be6bda69")
EUR = b"\x09\x78"


class Purse:
    """What a card asks of its device; the test says what is so."""

    limit = 2500
    currency = EUR

    def __init__(self, uses=1):
        self.token = emv.Token(aes, NUMBER, 1, "311231", "12345678901", 1, 1, LUK)
        self.uses = uses
        self.is_checked = False
        self.atc = 0
        self.given = []
        self.asked = 0

    def armed(self):
        return self.uses > 0

    def checked(self):
        return self.is_checked

    def take(self):
        self.uses -= 1
        self.atc += 1
        return self.atc

    def asks(self, pdol):
        self.asked += 1

    def gave(self, atc, ac, pdol):
        self.given.append((atc, ac, bytes(pdol)))


class Tap:
    """A terminal. Answers are (status word, data)."""

    def __init__(self, purse=None, contact=False):
        self.purse = purse or Purse()
        self.card = Card(self.purse, contact)
        self.out = bytearray(258)

    def send(self, capdu):
        n = self.card.step(memoryview(capdu), self.out)
        assert 2 <= n <= 258 and len(self.out) == 258
        return self.out[n - 2] << 8 | self.out[n - 1], bytes(self.out[: n - 2])

    def select(self, name):
        return self.send(apdu.command(0, 0xA4, 4, 0, name, 256))

    def options(self, pdol):
        return self.send(apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, pdol), 256))

    def read(self, record=1, file=1):
        return self.send(apdu.command(0, 0xB2, record, file << 3 | 4, b"", 256))

    def generate(self, kind, data):
        return self.send(apdu.command(0x80, 0xAE, kind, 0, data, 256))


def pdol(amount=1000, currency="0978", ttq="36004000"):
    text = ttq + "%012d" % amount + "0" * 12 + "0280" + "0" * 10 + currency + "261121" + "00" + "12345678"
    return unhexlify(text) + b"CANTEEN        " + b"TILL0001"


def at_gpo(purse=None):
    tap = Tap(purse)
    assert tap.select(emv.AID)[0] == 0x9000
    return tap


def test_rfc4493_section_4():
    with open("tests/vectors/aes_cmac_rfc4493.json") as f:
        vectors = json.load(f)
    for case in vectors["cases"]:
        message = unhexlify(case["message"])
        for room in (16, 32):
            buf = bytearray(message + bytes((-len(message)) % 16 + (room if not message or room > 16 else 0)))
            mac = cmac(aes, unhexlify(vectors["key"]), buf, len(message))
            assert mac == unhexlify(case["mac"])
    assert len(vectors["cases"]) == 4


def test_the_session_key_of_the_design():
    assert bytes(Purse().token.session(1)) == unhexlify("dcd7cdfd8ab50ed5c1b4eb23a5112a15")


def test_a_tap_from_the_directory_to_the_record():
    tap = Tap()
    status, data = tap.select(emv.PPSE)
    assert status == 0x9000 and tlv.find(data, 0x84) == emv.PPSE
    assert tlv.find(data, 0x4F) == emv.AID == unhexlify("f0544f532b5041590001")
    assert tlv.find(data, 0x50) == b"TOSPLUS PAY"
    status, data = tap.select(emv.AID)
    assert tlv.find(data, 0x9F38) == unhexlify("9f66049f02069f03069f1a0295055f2a029a039c019f37049f160f9f1c08")
    status, data = tap.options(pdol())
    assert status == 0x9000
    tags = [tag for depth, tag, _, _ in tlv.walk(data) if depth == 1]
    assert tags == [0x82, 0x94, 0x9F36, 0x9F26, 0x9F27, 0x9F10, 0x57, 0x5F34, 0x9F6C]
    assert tlv.find(data, 0x9F36) == b"\x00\x01" and tlv.find(data, 0x9F27) == b"\x80"
    assert tlv.find(data, 0x57) == unhexlify(NUMBER + "d31122010000000000")
    assert tlv.find(data, 0x9F10) == b"\x0f\xa6\x01\xa0" + bytes(12) + b"\x0f\x00\x00\x00\x01" + bytes(11)
    assert tlv.find(data, 0x94) == b"\x08\x01\x01\x00"
    assert tap.purse.given == [(1, tlv.find(data, 0x9F26), pdol())]
    status, data = tap.read()
    assert status == 0x9000 and [tag for depth, tag, _, _ in tlv.walk(data)] == [0x70, 0x5A, 0x5F24, 0x5F34, 0x9F19]
    assert tlv.find(data, 0x5A) == unhexlify(NUMBER) and tlv.find(data, 0x9F19) == unhexlify("012345678901")


def test_a_number_of_each_length():
    for digits in range(12, 20):
        number = "1234567890123456789"[:digits]
        token = emv.Token(aes, number, 99, "311231", "12345678901", 255, 0xFFFFFFFF, LUK)
        track = tlv.find(bytes(token.answer[:-2]), 0x57)
        assert len(track) <= 19 and tlv.find(token.record, 0x5A)[:6] == unhexlify(number[:12])
        assert len(list(tlv.walk(bytes(token.answer[:-2])))) == 10
    right = {"number": "1" * 16, "psn": 1, "expiry": "311231", "requestor": "1" * 11, "dki": 1, "ki": 1, "luk": LUK}
    emv.Token(aes, **right)
    wrong = (("number", "1" * 11), ("number", "1" * 20), ("number", "x" * 16), ("psn", 100), ("psn", -1))
    wrong += (("expiry", "3112"), ("expiry", "31123x"), ("requestor", "1"), ("dki", 256), ("ki", 1 << 32))
    for name, value in wrong + (("luk", LUK[1:]), ("luk", LUK + b"x")):
        raises(ValueError, lambda: emv.Token(aes, **dict(right, **{name: value})))  # noqa: B023


def test_while_it_is_not_armed_it_answers_nothing_but_that():
    tap = Tap(Purse(0))
    for name in (emv.PPSE, emv.AID, b"\xa0\x00\x00\x00\x03"):
        assert tap.select(name) == (0x6985, b"")
    assert tap.options(pdol()) == (0x6985, b"") and tap.read() == (0x6985, b"")
    tap = at_gpo()
    tap.purse.uses = 0  # it was armed when it was selected
    assert tap.options(pdol()) == (0x6985, b"") and tap.purse.given == []
    tap = at_gpo()
    tap.purse.token = None
    assert tap.options(pdol()) == (0x6985, b"")


def test_one_arming_is_good_for_one_cryptogram():
    tap = at_gpo()
    assert tap.options(pdol())[0] == 0x9000
    assert tap.options(pdol()) == (0x6985, b"") and tap.read()[0] == 0x9000 and tap.read()[0] == 0x9000
    assert tap.select(emv.AID) == (0x6985, b"") and tap.read() == (0x6985, b"")
    assert tap.purse.atc == 1
    tap = at_gpo(Purse(2))
    assert tap.options(pdol())[0] == 0x9000 and tap.options(pdol())[0] == 0x6985  # a tap has one, whoever armed it


def test_a_record_is_read_only_behind_a_cryptogram_and_not_after_the_field():
    tap = at_gpo(Purse(3))
    assert tap.read() == (0x6985, b"")
    assert tap.options(pdol())[0] == 0x9000
    assert tap.read(2) == (0x6A83, b"") and tap.read(1, 2) == (0x6A82, b"") and tap.read(0)[0] == 0x6A86
    assert tap.send(b"\x00\xb2\x01\x0d\x00")[0] == 0x6A86
    assert tap.read()[0] == 0x9000
    tap.card.reset()
    assert tap.read() == (0x6985, b"")
    assert tap.select(emv.PPSE)[0] == 0x9000 and tap.read() == (0x6985, b"")


def test_no_counter_no_cryptogram():
    tap = at_gpo()
    tap.purse.take = lambda: 0
    assert tap.options(pdol()) == (0x6985, b"") and tap.purse.given == [] and tap.read() == (0x6985, b"")


def test_above_the_limit_it_wants_the_cardholder_whatever_the_terminal_asks():
    for amount, asked in ((2500, False), (2501, True), (999999999999, True), (0, False)):
        tap = at_gpo()
        assert tap.options(pdol(amount, ttq="00000000"))[0] == (0x6986 if asked else 0x9000), amount
        assert tap.purse.asked == asked and tap.purse.atc == (not asked)


def test_the_terminal_may_want_the_cardholder_too_and_another_currency_always_does():
    for more in ({"ttq": "36404000"}, {"currency": "0840"}, {"currency": "0978", "ttq": "3640c000"}):
        tap = at_gpo()
        assert tap.options(pdol(1, **more)) == (0x6986, b"") and tap.purse.asked == 1
        assert tap.purse.uses == 1  # it stays armed for the tap that follows
        tap.purse.is_checked = True
        status, data = tap.options(pdol(1, **more))
        assert status == 0x9000 and tlv.find(data, 0x9F6C) == b"\x00\x80"
        assert tlv.find(data, 0x9F10)[:5] == b"\x0f\xa6\x01\xa0\x08"


def test_what_was_said_of_the_cardholder_in_one_tap_is_not_in_the_next():
    tap = at_gpo(Purse(2))
    tap.purse.is_checked = True
    tap.options(pdol())
    tap.purse.is_checked = False
    tap.select(emv.AID)
    _, data = tap.options(pdol())
    assert tlv.find(data, 0x9F6C) == b"\x00\x00" and tlv.find(data, 0x9F10)[4] == 0
    assert tlv.find(data, 0x9F36) == b"\x00\x02"


def test_an_amount_that_is_no_number_is_refused():
    for n in range(256):
        tap = at_gpo()
        tap.purse.is_checked = True
        bad = bytearray(pdol())
        bad[7] = n
        status, _ = tap.options(bad)
        assert status == (0x9000 if n >> 4 < 10 and n & 15 < 10 else 0x6A80), n


def test_status_words_for_what_is_bad():
    good = apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, pdol()), 256)
    bad = (
        (b"", 0x6700), (b"\x00", 0x6700), (good[:-2], 0x6700), (good + b"\x00", 0x6700),
        (b"\x80\xa8\x01\x00" + good[4:], 0x6A86), (b"\x80\xa8\x00\x01" + good[4:], 0x6A86),
        (b"\x80\xa8\x00\x00\x3a\x84" + good[6:], 0x6A80), (b"\x80\xa8\x00\x00\x3a\x83\x39" + good[7:], 0x6A80),
        (b"\x80\xa8\x00\x00\x02\x83\x00\x00", 0x6700), (b"\x80\xa8\x00\x00\x00", 0x6700),
        (b"\x90" + good[1:], 0x6884), (b"\x00" + good[1:], 0x6D00), (b"\x01" + good[1:], 0x6E00),
        (b"\xff\xff\xff\xff", 0x6884), (b"\x0c\xa4\x04\x00", 0x6E00), (b"\x00\xa4\x00\x00", 0x6A86),
        (b"\x80\xae\x80\x00" + good[4:], 0x6D00), (b"\x80\xca\x9f\x36\x00", 0x6D00), (b"\x00\xc0\x00\x00\x00", 0x6D00),
    )  # fmt: skip
    for capdu, status in bad:
        tap = at_gpo()
        assert tap.send(capdu) == (status, b""), capdu
        assert tap.purse.atc == 0
    tap = at_gpo()
    assert tap.select(emv.AID[:-1]) == (0x6A82, b"") and tap.options(pdol()) == (0x6985, b"")
    assert tap.send(b"\x00\xa4\x04\x02\x0a" + emv.AID + b"\x00") == (0x6A82, b"")
    assert tap.select(emv.CONTACT_AID) == (0x6A82, b"") and tap.select(emv.PSE) == (0x6A82, b"")


def test_whatever_comes_the_answer_is_a_status_word():
    rng = Random(11)
    good = [
        apdu.command(0, 0xA4, 4, 0, emv.PPSE, 256), apdu.command(0, 0xA4, 4, 0, emv.AID, 256),
        apdu.command(0, 0xA4, 4, 0, emv.PSE, 256), apdu.command(0, 0xA4, 4, 0, emv.CONTACT_AID, 256),
        apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, pdol()), 256), b"\x80\xa8\x00\x00\x02\x83\x00\x00",
        apdu.command(0, 0xB2, 1, 12, b"", 256), apdu.command(0x80, 0xAE, 0x80, 0, pdol(), 256),
        apdu.command(0x80, 0xAE, 0x40, 0, pdol() + b"00", 256),
    ]  # fmt: skip
    seen = set()
    for n in range(3000):
        if n % 40 == 0:
            tap = Tap(Purse(2), contact=bool(n & 64))
        capdu = bytearray(good[rng.below(len(good))])
        for _ in range(rng.below(3)):
            what = rng.below(3)
            if what == 0:
                capdu[rng.below(len(capdu))] = rng.below(256)
            elif what == 1:
                capdu = capdu[: 1 + rng.below(len(capdu))]
            elif len(capdu) < 200:
                capdu += rng.bytes(rng.below(8))
        status, data = tap.send(capdu)
        assert status in STATUSES and (status == 0x9000 or not data)
        seen.add(status)
        assert tap.purse.atc <= 2
    assert len(seen) > 7


STATUSES = (0x9000, 0x6700, 0x6884, 0x6985, 0x6986, 0x6A80, 0x6A82, 0x6A83, 0x6A86, 0x6D00, 0x6E00)


# The contact-shaped profile


def at_ac(purse=None):
    tap = Tap(purse, contact=True)
    assert tap.select(emv.CONTACT_AID)[0] == 0x9000
    status, data = tap.send(b"\x80\xa8\x00\x00\x02\x83\x00\x00")
    assert status == 0x9000 and [tag for _, tag, _, _ in tlv.walk(data)] == [0x77, 0x82, 0x94]
    return tap


def test_a_tool_finds_the_contact_profile_and_its_lists():
    tap = Tap(contact=True)
    status, data = tap.select(emv.PSE)
    assert status == 0x9000 and tlv.find(data, 0x88) == b"\x01"
    status, data = tap.read()
    assert status == 0x9000 and tlv.find(data, 0x4F) == emv.CONTACT_AID
    status, data = at_ac().read()
    assert status == 0x9000 and tlv.find(data, 0x8C) == emv.dol(emv.FIELDS)
    assert tlv.find(data, 0x8D) == emv.dol(emv.FIELDS) + b"\x8a\x02" and tlv.find(data, 0x5A) == unhexlify(NUMBER)
    assert tap.select(emv.CONTACT_AID)[0] == 0x9000 and tap.read() == (0x6985, b"")


def test_generate_ac_takes_one_counter_and_what_is_asked():
    for asked, cid, cvr in ((0x80, 0x80, 0xA0), (0x40, 0x80, 0xA0), (0x00, 0x00, 0x80)):
        tap = at_ac(Purse(3))
        status, data = tap.generate(asked, pdol())
        assert status == 0x9000 and [tag for _, tag, _, _ in tlv.walk(data)] == [0x77, 0x9F27, 0x9F36, 0x9F26, 0x9F10]
        assert tlv.find(data, 0x9F27) == bytes((cid,)) and tlv.find(data, 0x9F10)[3] == cvr
        assert len(tap.purse.given) == (cid == 0x80) and tap.purse.atc == 1
        assert tap.generate(asked, pdol())[0] == (0x6700 if cid else 0x6985)


def test_the_second_generate_ac_says_how_it_ended_and_there_is_no_third():
    for asked, arc, cid, cvr in ((0x40, b"00", 0x40, 0x60), (0x40, b"05", 0, 0x20), (0, b"00", 0, 0x20)):
        tap = at_ac()
        first = tap.generate(0x80, pdol())[1]
        status, data = tap.generate(asked, pdol() + arc)
        assert status == 0x9000 and tlv.find(data, 0x9F27) == bytes((cid,)) and tlv.find(data, 0x9F10)[3] == cvr
        assert tlv.find(data, 0x9F36) == b"\x00\x01" and tlv.find(data, 0x9F26) != tlv.find(first, 0x9F26)
        assert tap.generate(asked, pdol() + arc) == (0x6985, b"") and tap.purse.atc == 1


def test_generate_ac_wants_what_a_tap_wants():
    tap = at_ac()
    assert tap.generate(0x80, pdol(2501)) == (0x6986, b"") and tap.purse.asked == 1
    assert tap.generate(0x00, pdol(2501))[0] == 0x9000  # an AAC is worth nothing
    for kind, data, status in ((0xC0, pdol(), 0x6A86), (0x90, pdol(), 0x6A86), (0x80, pdol()[1:], 0x6700)):
        assert at_ac().generate(kind, data) == (status, b"")
    tap = at_ac()
    tap.purse.uses = 0
    assert tap.generate(0x80, pdol()) == (0x6985, b"")
    tap = at_ac()
    tap.purse.token = None  # it was taken away in between
    assert tap.generate(0x80, pdol()) == (0x6985, b"") and tap.purse.atc == 0
    assert at_gpo().generate(0x80, pdol()) == (0x6D00, b"")


# The answer of whom it pays


def test_a_result_is_believed_by_its_mac_only():
    purse = Purse()
    tap = at_gpo(purse)
    tap.options(pdol())
    atc, ac, _ = purse.given[0]
    csu, data = b"\x00\x80\x00\x00", b"\x00"
    text = bytearray(ac + csu + data + bytes(3))
    mac = cmac(aes, purse.token.session(atc), text, 13)[:8]
    assert purse.token.confirms(atc, ac, csu, data, mac)
    for wrong in (
        (atc + 1, ac, csu, data, mac), (atc, bytes(8), csu, data, mac), (atc, ac, bytes(4), data, mac),
        (atc, ac, csu, b"\x01", mac), (atc, ac, csu, b"", mac), (atc, ac, csu, data, mac[:7]),
        (atc, ac, csu, data, b""), (atc, ac, csu, data, mac + b"\x00"), (atc, ac, csu, data, bytes(8)),
    ):  # fmt: skip
        assert not purse.token.confirms(*wrong)
