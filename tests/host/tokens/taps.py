"""A card in a few lines, for tests of the token service: taps with right cryptograms, by `cryptography` alone."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from tosplus.tokens.tap import Tap


def cmac(key, message):
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def aes(key, block):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def pdol(amount, currency=978, mid="CAMPUS", tid="TILL-1", ttq=b"\xb6\x20\xc0\x00", number=b"\x12\x34\x56\x78"):
    money = bytes.fromhex(f"{amount:012}") + bytes(6)
    date = bytes.fromhex("261121") + b"\x00"
    head = ttq + money + b"\x02\x76" + bytes(5) + bytes.fromhex(f"{currency:04}") + date + number
    return head + mid.ljust(15).encode() + tid.ljust(8).encode()


class Card:
    """One key of a token, as a watch has it. tap() counts on, or says the ATC that it is told."""

    def __init__(self, number, luk, ki=1, dki=1, psn=1, atc=0):
        self.number, self.luk, self.ki, self.dki, self.psn, self.atc = number, luk, ki, dki, psn, atc

    def tap(self, amount, checked=True, atc=None, **about):
        if atc is None:
            self.atc += 1
            atc = self.atc
        asked = pdol(amount, **about)
        flag = b"\x08" if checked else b"\x00"
        cvr = b"\xa0" + flag + bytes(3)
        iad = b"\x0f\xa6" + bytes([self.dki]) + cvr + bytes(8) + b"\x0f" + self.ki.to_bytes(4, "big") + bytes(11)
        ctq = b"\x00\x80" if checked else bytes(2)
        atc = atc.to_bytes(2, "big")
        bound = asked + b"\x02\x00" + atc + ctq + iad
        sk = aes(self.luk, atc + bytes(14))
        return Tap(self.number, self.psn, asked, b"\x02\x00", atc, cmac(sk, bound)[:8], ctq, iad, 0x80)

    def accepts(self, tap, answer):
        """Whether the answer is from who has the key."""
        sk = aes(self.luk, tap.atc + bytes(14))
        return cmac(sk, tap.ac + answer.csu + bytes([answer.reason]))[:8] == answer.mac
