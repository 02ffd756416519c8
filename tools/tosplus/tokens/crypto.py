"""Keys and cryptograms of a tap, the service's side: docs/token-service.md. By the library `cryptography` alone."""

import hmac
from collections import OrderedDict
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

_MAC_B = 8
_ZEROS = bytes(14)
_CACHED = 20_000


def _blocks(key: bytes) -> CipherContext:
    """AES of one block at a time, as the derivation of keys wants it."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor()


def cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC, RFC 4493."""
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def master_key(imk: bytes, number: str, psn: int) -> bytes:
    """MK, by EMV's option C: the digits of the token and two of the PSN, zeros to the left."""
    return _blocks(imk).update(bytes.fromhex(f"{number}{psn:02}".rjust(32, "0")))


def limited_key(mk: bytes, ki: int) -> bytes:
    """LUK number KI, as in SP 800-108."""
    return cmac(mk, b"\x01LUK\x00" + ki.to_bytes(4, "big") + b"\x00\x80")


def session_key(luk: bytes, atc: int) -> bytes:
    return _blocks(luk).update(atc.to_bytes(2, "big") + _ZEROS)


def cryptogram(sk: bytes, bound: bytes) -> bytes:
    """AC. bound: the value of the PDOL, then of 82, 9F36, 9F6C and 9F10."""
    return cmac(sk, bound)[:_MAC_B]


def response_mac(sk: bytes, ac: bytes, csu: bytes, data: bytes) -> bytes:
    return cmac(sk, ac + csu + data)[:_MAC_B]


class Keys:
    """The keys that IMKs give, {DKI: IMK}. read: all that there are by now. LUKs used last are kept, for one thread."""

    def __init__(self, read: Callable[[], dict[int, bytes]]) -> None:
        self._read = read
        self._imks = read()
        self._derived: OrderedDict[tuple[int, str, int, int], CipherContext] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Keys {sorted(self._imks)}>"

    def luk(self, dki: int, number: str, psn: int, ki: int) -> bytes:
        """KeyError: there is no such IMK."""
        if dki not in self._imks:
            self._imks = self._read()
        return limited_key(master_key(self._imks[dki], number, psn), ki)

    def session(self, dki: int, number: str, psn: int, ki: int, atc: int) -> bytes:
        """SK of a tap. KeyError: there is no such IMK."""
        what = dki, number, psn, ki
        blocks = self._derived.get(what)
        if blocks is None:
            blocks = self._derived[what] = _blocks(self.luk(*what))
            if len(self._derived) > _CACHED:
                self._derived.popitem(last=False)
        return blocks.update(atc.to_bytes(2, "big") + _ZEROS)


def right(sk: bytes, bound: bytes, ac: bytes) -> bool:
    return hmac.compare_digest(cryptogram(sk, bound), ac)
