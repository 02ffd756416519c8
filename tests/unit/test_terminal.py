"""A till's side of a tap against the card's own, and against cards that are none. Both interpreters."""

from binascii import unhexlify

from helpers import Random, raises
from test_card import NUMBER, Purse, Tap
from toscore import emv, tlv
from toscore.errors import TosError, WireError
from toscore.terminal import Refused, Sale

UN = unhexlify("01020304")


def sale(amount=1000, date="261121"):
    return Sale("CANTEEN", "TILL0001", amount, date, UN)


def run(sale, card, change=lambda n, answer: answer):
    """-> the commands; change(n, answer) is what the till hears in the n-th answer's place."""
    commands = []
    answer = b""
    while True:
        command = sale.step(answer)
        if command is None:
            return commands
        commands.append(command)
        status, data = card.send(command)
        answer = change(len(commands) - 1, data + status.to_bytes(2, "big"))


def test_a_sale_reads_a_card_and_asks_for_all_that_its_cryptogram_binds():
    card, till = Tap(), sale(1234)
    commands = run(till, card)
    assert [command[1] for command in commands] == [0xA4, 0xA4, 0xA8, 0xB2]
    request = till.request
    assert sorted(request) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    atc, ac, pdol = card.purse.given[0]
    assert request[3] == pdol == till.pdol and len(pdol) == 56
    assert request[5] == atc.to_bytes(2, "big") and request[6] == ac
    assert (request[2], request[4], request[9]) == (1, b"\x02\x00", emv.ARQC)
    assert request[1] == unhexlify(NUMBER + "D3112201" + "0" * 10)
    assert till.token == NUMBER and till.atc == atc
    assert emv.amount(pdol) == 1234 and pdol[33:] == b"CANTEEN        TILL0001"


def test_what_the_customer_can_do_about_it_is_told_apart():
    unarmed, limited, none = Purse(uses=0), Purse(), Purse()
    none.token = None
    assert raises(Refused, run, sale(), Tap(unarmed)).code == 251
    assert raises(Refused, run, sale(), Tap(none)).code == 251
    assert raises(Refused, run, sale(2501), Tap(limited)).code == 252
    assert limited.asked == 1 and limited.given == []
    limited.is_checked = True
    run(sale(2501), Tap(limited))
    assert raises(Refused, run, sale(date="320101"), Tap()).code == 254


def test_a_card_of_somebody_else_is_another_card():
    def answers(*rows):
        return lambda n, answer: rows[n] if n < len(rows) else answer

    other = tlv.put(0x6F, tlv.put(0xA5, tlv.put(0xBF0C, tlv.put(0x61, tlv.put(0x4F, b"\xa0\x00\x00\x00\x04")))))
    short = tlv.put(0x6F, tlv.put(0xA5, tlv.put(0x9F38, emv.dol(emv.FIELDS[:3]))))
    for first in (b"\x6a\x82", other + b"\x90\x00", b"\x90\x00"):
        assert raises(Refused, run, sale(), Tap(), answers(first)).code == 253
    for second in (b"\x6a\x82", short + b"\x90\x00"):
        change = lambda n, answer, second=second: second if n == 1 else answer  # noqa: E731
        assert raises(Refused, run, sale(), Tap(), change).code == 253


def changed(tag, value):
    """The answer to GET PROCESSING OPTIONS with another value there, of the same length."""

    def change(n, answer):
        if n != 2:
            return answer
        at = answer.index(tlv.put(tag, value)[: -len(value)]) + len(tlv.put(tag, value)) - len(value)
        return answer[:at] + value + answer[at + len(value) :]

    return change


def test_what_is_no_cryptogram_for_money_is_declined():
    for cid in (b"\x00", b"\x40"):
        till = sale()
        assert raises(Refused, run, till, Tap(), changed(0x9F27, cid)).code == 255
        assert till.request is None and till.is_asked


def test_the_record_has_to_be_of_the_same_token():
    def change(n, answer):
        return answer.replace(unhexlify("9999990000000017"), unhexlify("9999990000000025")) if n == 3 else answer

    assert raises(WireError, run, sale(), Tap(), change).code == 350


def test_a_tap_that_is_lost_is_known_to_be_reversed_once_money_may_be_under_way():
    for heard in range(4):
        till, card = sale(), Tap()
        answer = b""
        for _ in range(heard + 1):
            status, data = card.send(till.step(answer))
            answer = data + status.to_bytes(2, "big")
        assert till.is_asked == (heard >= 2) and till.request is None
        assert till.token == (NUMBER if heard == 3 else None)
        assert bool(card.purse.given) == (heard >= 2)


def test_records_that_would_not_end_are_refused():
    class Counting(Tap):
        sent = 0

        def send(self, capdu):
            self.sent += 1
            return super().send(capdu)

    for afl in ("08000100", "08020100", "0801ff00", "08010900"):
        card = Counting()
        assert raises(WireError, run, sale(), card, changed(0x94, unhexlify(afl))).code == 350
        assert card.sent == 3


def test_what_is_no_sale():
    for arguments in (
        ("M", "TILL0001", 0, "261121", UN), ("M" * 16, "TILL0001", 1, "261121", UN), ("M", "T", 1, "261121", UN),
        ("M", "TILL0001", 10**12, "261121", UN), ("M", "TILL0001", 1, "2611", UN), ("M", "TILL0001", 1, "261121", b""),
    ):  # fmt: skip
        raises(ValueError, Sale, *arguments)


def test_whatever_a_card_says_is_a_request_or_refused():
    random = Random(8)
    refused = read = 0
    for _ in range(600):
        at, kind = random.below(4), random.below(3)

        def change(n, answer, at=at, kind=kind):
            if n != at or not answer:
                return answer
            answer = bytearray(answer)
            where = random.below(len(answer))
            if kind == 0:
                answer[where] ^= 1 << random.below(8)
            elif kind == 1:
                answer = answer[:where]
            else:
                answer[where:where] = bytes((random.below(256),))
            return bytes(answer)

        till = sale()
        try:
            run(till, Tap(), change)
            assert len(till.request) == 9
            read += 1
        except TosError:
            assert till.request is None
            refused += 1
    assert refused > 300 and read
