"""Every cryptogram of a card, by `cryptography` and the table of docs/payments.md; nothing that it binds may change."""

import issuer
import pytest
from helpers import aes
from test_card import Purse, Tap, pdol
from toscore import emv, tlv

BOUND = {  # where in the PDOL value
    "TTQ": 0, "amount": 9, "other amount": 15, "country": 17, "TVR": 18, "currency": 24, "date": 27, "type": 28,
    "unpredictable number": 32, "merchant": 33, "end of merchant": 47, "terminal": 48, "end of terminal": 55,
}  # fmt: skip


class Device(Purse):
    def __init__(self, ki=1, uses=1):
        super().__init__(uses)
        self.luk = issuer.luk(ki)
        self.token = emv.Token(aes, issuer.NUMBER, issuer.PSN, "311231", "12345678901", 1, ki, self.luk)


def paid(purse, value=None):
    """-> (PDOL value, {tag: value} of the answer)."""
    tap = Tap(purse)
    tap.select(emv.AID)
    value = pdol() if value is None else value
    status, data = tap.options(value)
    assert status == 0x9000
    return value, {tag: data[at:end] for _, tag, at, end in tlv.walk(data)}


def verifies(luk, value, answer):
    bound = [answer[tag] for tag in (0x82, 0x9F36, 0x9F6C, 0x9F10)]
    return answer[0x9F26] == issuer.cryptogram(luk, value, *bound)


def test_the_keys_of_the_design():
    luk = issuer.luk(1)
    assert issuer.mk().hex() == "bfd723fcc518de05d348b9cc8704a6f9"
    assert luk.hex() == "4075f4c561d7df63a8023279be6bda69"
    assert issuer.sk(luk, 1).hex() == "dcd7cdfd8ab50ed5c1b4eb23a5112a15"


@pytest.mark.parametrize("is_checked", [False, True])
def test_each_cryptogram_of_a_card_verifies(is_checked):
    for ki in (1, 2, 0xFFFFFFFF):
        purse = Device(ki, uses=300)
        purse.is_checked = is_checked
        for n in range(300):
            value = pdol(n * 7, ttq=f"{n:08x}" if is_checked else "36004000")
            value, answer = paid(purse, value)
            assert verifies(purse.luk, value, answer), n
            assert answer[0x9F36] == (n + 1).to_bytes(2, "big") and answer[0x9F10][17:21] == ki.to_bytes(4, "big")


def test_at_the_ends_of_the_counter():
    purse = Device(uses=5)
    for atc in (0x00FF, 0x0100, 0x7FFF, 0x8000, 0xEFFF):
        purse.atc = atc - 1
        value, answer = paid(purse)
        assert answer[0x9F36] == atc.to_bytes(2, "big") and verifies(purse.luk, value, answer)


@pytest.mark.parametrize("field", BOUND)
def test_what_the_terminal_said_is_bound(field):
    purse = Device()
    value, answer = paid(purse)
    assert verifies(purse.luk, value, answer)
    for bit in range(8):
        other = bytearray(value)
        other[BOUND[field]] ^= 1 << bit
        assert not verifies(purse.luk, bytes(other), answer)


@pytest.mark.parametrize("tag", [0x82, 0x9F36, 0x9F6C, 0x9F10, 0x9F26], ids=["AIP", "ATC", "CTQ", "IAD", "AC"])
def test_what_the_card_said_is_bound(tag):
    purse = Device()
    value, answer = paid(purse)
    assert verifies(purse.luk, value, answer)
    for bit in range(8 * len(answer[tag])):
        other = bytearray(answer[tag])
        other[bit // 8] ^= 1 << bit % 8
        assert not verifies(purse.luk, value, {**answer, tag: bytes(other)})


def test_each_byte_of_the_pdol_value_is_bound():
    value, answer = paid(Device())
    luk = issuer.luk(1)
    assert verifies(luk, value, answer)
    for at in range(emv.PDOL_B):
        assert not verifies(luk, value[:at] + bytes((value[at] ^ 1,)) + value[at + 1 :], answer)


def test_another_key_does_not_verify():
    value, answer = paid(Device(ki=2))
    assert verifies(issuer.luk(2), value, answer)
    for luk in (issuer.luk(1), issuer.luk(2, "9999990000000025"), issuer.luk(2, psn=2)):
        assert not verifies(luk, value, answer)


def test_the_cryptograms_of_the_contact_profile_verify_and_say_what_they_are():
    for asked, then, cvrs in ((0x80, 0x40, (0xA0, 0x60)), (0x40, 0x00, (0xA0, 0x20)), (0x00, None, (0x80,))):
        purse = Device()
        tap = Tap(purse, contact=True)
        tap.select(emv.CONTACT_AID)
        tap.send(b"\x80\xa8\x00\x00\x02\x83\x00\x00")
        sent = [(asked, pdol())] + ([] if then is None else [(then, pdol() + b"00")])
        for (kind, value), cvr in zip(sent, cvrs, strict=True):
            status, data = tap.generate(kind, value)
            answer = {tag: data[at:end] for _, tag, at, end in tlv.walk(data)}
            assert status == 0x9000 and answer[0x9F10][3] == cvr
            assert verifies(purse.luk, value[:56], {**answer, 0x82: b"\x02\x00", 0x9F6C: b"\x00\x00"})


def test_the_answer_of_the_issuer_is_believed():
    purse = Device()
    paid(purse)
    (atc, ac, _) = purse.given[0]
    approved, blocked = b"\x00\x80\x00\x00", b"\x00\x20\x00\x00"
    for csu, data in ((approved, b"\x00"), (bytes(4), b"\x08"), (blocked, b""), (bytes(4), bytes(8))):
        mac = issuer.response(purse.luk, atc, ac, csu, data)
        assert purse.token.confirms(atc, ac, csu, data, mac)
        for bit in range(64):
            other = bytearray(mac)
            other[bit // 8] ^= 1 << bit % 8
            assert not purse.token.confirms(atc, ac, csu, data, bytes(other))
