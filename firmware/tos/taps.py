"""The latest taps of a device that pays, and how often each key was used; see docs/payments.md. MicroPython.

They are written when a tap is over, never on its way. What a power cut takes of them, the token service knows.
"""

from micropython import const
from tos.state import load
from tos.store import Record
from toscore import emv
from toscore.errors import StoreError

# Of a tap.
ATC = const(0)
AMOUNT = const(1)  # minor units
CURRENCY = const(2)  # as the terminal said it, in hex
MERCHANT = const(3)
WALL = const(4)  # s since 1970 UTC; 0 when nobody knew
_KI = const(5)
AC = const(6)
OUTCOME = const(7)  # None: sent. 0: approved. Else the reason why not

_MOST = const(8)
_NO_REASON = const(255)
_MERCHANT_B = const(15)


class Taps:
    """all: oldest first."""

    def __init__(self, log, path):
        self._log = log
        self._record = Record(path)
        kept = load(self._record, log, None) or {}
        self._ki = kept.get(0)
        self._used = kept.get(1, 0)
        self.all = kept.get(2, [])

    def used(self, ki):
        """How many cryptograms were made with this key, without those that were declined."""
        return self._used if ki == self._ki else 0

    def add(self, ki, atc, ac, pdol, wall):
        """pdol: what the terminal said. In memory; `save` keeps it."""
        currency = pdol[emv.CURRENCY : emv.CURRENCY + 2].hex()
        merchant = pdol[emv.MERCHANT : emv.MERCHANT + _MERCHANT_B]
        merchant = bytes([b if 32 <= b < 127 else 63 for b in merchant]).decode().strip()
        if ki != self._ki:
            self._ki = ki
            self._used = 0
        self._used += 1
        self.all = self.all[1 - _MOST :] + [[atc, emv.amount(pdol), currency, merchant, wall, ki, ac, None]]

    def find(self, ki, atc):
        """The tap, or None."""
        for tap in self.all:
            if tap[ATC] == atc and tap[_KI] == ki:
                return tap

    def settle(self, tap, approved, data):
        """How it ended; the first result counts. data: the reason why not, in its first byte."""
        if tap[OUTCOME] is None:
            tap[OUTCOME] = 0 if approved else (data[0] if data else 0) or _NO_REASON
            if not approved and tap[_KI] == self._ki:
                self._used = max(0, self._used - 1)
            self.save()

    def save(self):
        try:
            self._record.save({0: self._ki, 1: self._used, 2: self.all})
        except StoreError as e:
            self._log.event(e.code, e.detail)
