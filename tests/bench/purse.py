"""What a payment card asks of its wallet, always armed. MicroPython."""

from cryptolib import aes
from toscore import emv


class Purse:
    token = emv.Token(aes, "9999990000000017", 1, "311231", "12345678901", 1, 1, bytes(16))
    limit = 2500
    currency = b"\x09\x78"
    atc = 0

    def armed(self):
        return True

    def checked(self):
        return False

    def take(self):
        self.atc += 1
        return self.atc & 0x7FFF

    def gave(self, atc, ac, pdol):
        pass
