"""What a till has sold and what it owes: its latest eight sales, durable, see docs/payments.md. MicroPython."""

from micropython import const
from tos.state import load
from tos.store import Record
from toscore.errors import Busy, StoreError

_CANNOT_SELL = const(456)

# Of a sale. The first six are what others are told.
KEY = const(0)  # 16 B, of its authorisation
NUMBER = const(1)  # the service's, or None
AMOUNT = const(2)  # minor units
STATE = const(3)
REFUNDED = const(4)
APPROVAL = const(5)
TOKEN = const(6)  # the customer's number; None when it is not needed any more, to reverse by
ATC = const(7)
REQUEST = const(8)  # what is to be authorised later, whole
UNDO = const(9)  # [key, how much; 0 is all], to be told
TOLD = 6

ASKS, APPROVED, DECLINED, REVERSED, VOID, OFFLINE = range(6)

_MOST = const(8)

# Keys of the terms, as in PUT /y/till, and the name of the peer that brought them.
MERCHANT = const(0)
TERMINAL = const(1)
CURRENCY = const(2)
COUNTRY = const(3)
NAME = const(4)
MOST = const(5)  # [a tap, in all], offline
BY = const(6)


def terms(till):
    """-> {key: value}, or None."""
    return load(Record(till.terms_path), till.app.log, None)


def agree(till, value):
    """Durable when it returns. Raises StoreError."""
    Record(till.terms_path).save(value)


class Sales:
    """rows: oldest first. One at a time may write; whoever only reads has what is durable."""

    def __init__(self, till):
        self._record = Record(till.sales_path)
        self.rows = load(self._record, till.app.log, None) or []
        for row in self.rows:
            if row[STATE] == ASKS:  # the power failed: nobody has heard an answer
                row[STATE] = REVERSED

    def begin(self, key, amount):
        """-> the row of a sale whose cryptogram is asked for next. Durable. Raises StoreError, Busy when none of eight
        can be forgotten."""
        rows = self.rows
        if len(rows) >= _MOST:
            done = [row for row in rows if not owes(row)]
            if not done:
                raise Busy(_CANNOT_SELL, "owed")
            rows = [row for row in rows if row is not done[0]]
        row = [key, None, amount, ASKS, 0, None, None, None, None, None]
        self._save(rows + [row])
        return row

    def update(self, row, changes):
        """changes: {place: value}. Durable when it returns; StoreError leaves all as it was."""
        before = row[:]
        for place, value in changes.items():
            row[place] = value
        try:
            self._save(self.rows)
        except StoreError:
            row[:] = before
            raise

    def settle(self, row, state, changes=None):
        """As update, and nothing is owed of it any more."""
        changes = changes or {}
        changes.update({STATE: state, TOKEN: None, ATC: None, REQUEST: None})
        self.update(row, changes)

    def last(self):
        """The latest sale that can be taken back, or None."""
        for row in reversed(self.rows):
            if row[STATE] == APPROVED and row[NUMBER] and not row[UNDO] and row[REFUNDED] < row[AMOUNT]:
                return row

    def owed(self):
        return [row for row in self.rows if owes(row)]

    def held(self):
        """How much is kept offline."""
        return sum([row[AMOUNT] for row in self.rows if row[STATE] == OFFLINE])

    def _save(self, rows):
        self._record.save(rows)
        self.rows = rows


def owes(row):
    """Whether the service has still to hear of it. A reversal without a token has nobody to tell: its cryptogram went
    nowhere."""
    return bool(row[UNDO] or row[STATE] in (ASKS, OFFLINE) or (row[STATE] == REVERSED and row[TOKEN]))
