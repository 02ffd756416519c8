"""The PIN of a device that pays: three tries, each counted before it is looked at; see docs/payments.md. MicroPython.

It is kept as a salted hash. Who opens the device and reads its flash can try all of them: docs/payments.md says what
that is worth.
"""

from micropython import const
from toscore import hkdf
from toscore.errors import Denied, StoreError

_PIN_SET = const(243)
_PIN_LOCKED = const(348)
_PIN_WRONG = const(349)
_STORE_FAILED = const(407)

# In the keystore.
_PIN = "pay_pin"
_TRIES = "pay_tries"

_MOST = const(3)
_SALT_B = const(8)
_HASH_B = const(32)


class Pin:
    """tries: how many are left; None without a PIN."""

    def __init__(self, board, log):
        self._keystore = board.keystore
        self._rng = board.rng
        self._log = log
        try:
            self.tries = None
            if self._keystore.get(_PIN) is not None:
                tries = self._keystore.get(_TRIES)
                self.tries = min(tries[0], _MOST) if tries else 0  # nobody knows how many: locked
        except (StoreError, OSError):
            log.event(_STORE_FAILED)
            self.tries = 0

    def check(self, pin):
        """Denied when it is wrong, or there are no tries left, or no PIN; StoreError. Who cuts the power after a try
        has had it."""
        if not self.tries:
            raise Denied(_PIN_WRONG if self.tries is None else _PIN_LOCKED)
        self._put(_TRIES, bytes((self.tries - 1,)))
        self.tries -= 1
        try:
            kept = self._keystore.get(_PIN) or b""
        except OSError as e:
            raise StoreError(_STORE_FAILED, e.errno)
        wrong = len(kept) ^ _SALT_B + _HASH_B
        for a, b in zip(kept[_SALT_B:], hkdf.hmac(kept[:_SALT_B], pin.encode())):
            wrong |= a ^ b
        if wrong:
            raise Denied(_PIN_WRONG if self.tries else _PIN_LOCKED, self.tries)
        self._put(_TRIES, bytes((_MOST,)))
        self.tries = _MOST

    def set(self, pin):
        """The first, or the next once the old one was checked. Durable when it returns; StoreError."""
        salt = self._rng(_SALT_B)
        if self.tries is None:
            self._put(_TRIES, bytes((_MOST,)))
        self._put(_PIN, salt + hkdf.hmac(salt, pin.encode()))
        self.tries = _MOST
        self._log.event(_PIN_SET)

    def forget(self):
        """There is none, and nothing is locked any more. StoreError."""
        try:
            self._keystore.erase(_PIN)
        except OSError as e:
            raise StoreError(_STORE_FAILED, e.errno)
        self.tries = None

    def _put(self, name, value):
        try:
            self._keystore.put(name, value)
        except OSError as e:
            raise StoreError(_STORE_FAILED, e.errno)
