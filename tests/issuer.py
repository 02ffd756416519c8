"""Who gave a token out, for tests: keys and cryptograms from docs/payments.md's table alone, by `cryptography`."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

IMK = bytes(range(16))
NUMBER, PSN = "9999990000000017", 1


def ecb(key, block):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def cmac(key, message):
    made = CMAC(algorithms.AES(key))
    made.update(message)
    return made.finalize()


def mk(number=NUMBER, psn=PSN, imk=IMK):
    return ecb(imk, bytes.fromhex(f"{number}{psn:02}".rjust(32, "0")))


def luk(ki, number=NUMBER, psn=PSN):
    return cmac(mk(number, psn), b"\x01LUK\x00" + ki.to_bytes(4, "big") + b"\x00\x80")


def sk(luk, atc):
    return ecb(luk, atc.to_bytes(2, "big") + bytes(14))


def cryptogram(luk, pdol, aip, atc, ctq, iad):
    """atc: two bytes, as 9F36 has it."""
    return cmac(sk(luk, int.from_bytes(atc, "big")), pdol + aip + atc + ctq + iad)[:8]


def response(luk, atc, ac, csu, data):
    return cmac(sk(luk, atc), ac + csu + data)[:8]
