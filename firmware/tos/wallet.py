"""A device's payment token: its keys, in two phases, and its counter; see docs/payments.md. MicroPython.

Nothing here is written on the way of a tap. The counter is kept twice, as that of sent messages is (tos/peers.py), and
the higher one counts.
"""

from micropython import const
from tos.state import load
from tos.store import Record
from toscore import cbor_viper as cbor
from toscore import emv
from toscore.errors import Busy, Denied, StoreError, WireError

_TOKEN_CAME = const(240)
_TOKEN_GONE = const(241)
_KEY_IN_USE = const(242)
_CARD_MALFORMED = const(350)
_CANNOT_PAY = const(359)
_ROLE = const(367)
_STORE_FAILED = const(407)
_TOKEN_BAD = const(446)
_ATC_LOST = const(447)

# In the keystore.
_USED = "pay"
_PENDING = "pay_next"
_COUNTER = "pay_atc"

# Keys of a token, there and in PUT /y/token. Of what is stored the last two are the device's own.
_ID = const(0)
_NUMBER = const(1)
_PSN = const(2)
_EXPIRY = const(3)
_REQUESTOR = const(4)
_DKI = const(5)
_KI = const(6)
_LUK = const(7)
_USES = const(8)
_UNTIL = const(9)
_BY = const(10)
_SUSPENDED = const(11)
_FIELDS = const(12)
_OF_CARD = (_NUMBER, _PSN, _EXPIRY, _REQUESTOR, _DKI, _KI, _LUK)

NONE, PROVISIONED, ACTIVE, SUSPENDED, LOCKED, RETIRED = range(6)  # states

_AHEAD = const(4)  # counters that are reserved at a time; a restart loses what is left of them
_FIRST = const(1)


class Wallet:
    """token: an emv.Token once it was asked for, of the key in use."""

    def __init__(self, board, log, path):
        self._keystore = board.keystore
        self._aes = board.aes
        self._log = log
        self._record = Record(path)
        self.token = None
        self._row = self._stored(_USED)
        self._next = self._stored(_PENDING)
        if self._row and self._next and _same(self._next, self._row[_ID], self._row[_KI]):
            self._next = None  # it came into use, and the power failed before it was taken off here
        self._counters = self._found()
        self._at = self._end = None
        if self._row:
            self._begin()

    def state(self):
        """One of the above, but for LOCKED."""
        if self._row is None:
            return NONE if self._next is None else PROVISIONED
        if self._row[_SUSPENDED]:
            return SUSPENDED
        return RETIRED if self._at is None or self._at >= emv.ATC_END else ACTIVE

    def key(self):
        """-> (KI in use or None, how often it may be used, the second since 1970 when it ends)."""
        row = self._row or {}
        return row.get(_KI), row.get(_USES, 0), row.get(_UNTIL)

    def status(self):
        """What GET /y/token says of it."""
        row, pending = self._row or {}, self._next or {}
        return {0: row.get(_ID), 2: self._at or 0, 3: row.get(_KI), 4: pending.get(_KI), 9: pending.get(_ID)}

    # The token service

    def offer(self, row, by, checked):
        """A token, or its next key: pending, and durable, when it returns. by: the peer's name.

        Raises WireError, Denied when another peer's token is here, Busy while the cardholder has to be checked.
        """
        self._check(row)
        self.check_owner(by)
        known = self._row
        if known and row[_ID] == known[_ID]:
            if row[_KI] == known[_KI] and row[_LUK] == known[_LUK]:
                return  # it is in use already
            if row[_KI] <= known[_KI]:
                raise WireError(_CARD_MALFORMED, "key index")
        if known and not checked:
            raise Busy(_CANNOT_PAY)
        row = dict(row)
        row[_BY] = by
        row[_SUSPENDED] = False
        if row != self._next:
            self._put(_PENDING, cbor.dumps(row))
            self._next = row
            self._log.event(_TOKEN_CAME, row[_KI])

    def confirm(self, id, ki, by):
        """The pending key is the one in use, and the one before is forgotten. Durable; nothing when it is already."""
        self.check_owner(by)
        if self._row and _same(self._row, id, ki):
            return
        row = self._next
        if not (row and _same(row, id, ki)):
            raise WireError(_CARD_MALFORMED, "no such key")
        if self._row and self._row[_ID] == id:
            row[_SUSPENDED] = self._row[_SUSPENDED]
        else:
            # Before the token is there: one in use without a counter would have lost it. The counter of the token
            # before stays beside it, because this write is not yet the end of that one.
            self._count(id, self._counters.get(id, _FIRST), self._row and self._row[_ID])
        self._put(_USED, cbor.dumps(row))
        self._row = row
        self._next = self.token = None
        self._begin()
        self._erase(_PENDING)
        self._log.event(_KEY_IN_USE, ki)

    def suspend(self, suspended):
        """Of the token in use."""
        if self._row and suspended != self._row[_SUSPENDED]:
            row = dict(self._row)
            row[_SUSPENDED] = suspended
            self._put(_USED, cbor.dumps(row))
            self._row = row

    def remove(self):
        """Keys are gone; the counter stays, so that this token, should it come back, goes on where it was."""
        self._erase(_PENDING)
        self._next = None
        self._erase(_USED)
        self._row = self.token = self._at = self._end = None
        self._log.event(_TOKEN_GONE)

    def check_owner(self, by):
        """Denied unless the token here, if there is one, is this peer's."""
        row = self._row or self._next
        if row and row[_BY] != by:
            raise Denied(_ROLE, "another peer's")

    def check_token(self, id, by):
        """As check_owner; WireError unless it is the token in use."""
        self.check_owner(by)
        if not self._row or self._row[_ID] != id:
            raise WireError(_CARD_MALFORMED, "no such token")

    # The card

    def load(self):
        """-> an emv.Token of the key in use."""
        if self.token is None:
            self.token = emv.Token(self._aes, *[self._row[key] for key in _OF_CARD])
        return self.token

    def reserve(self):
        """Before the device is armed: from here on a cryptogram costs no write. Raises StoreError."""
        if self._at is None:
            raise StoreError(_ATC_LOST)
        if self._at == self._end and self._at < emv.ATC_END:
            end = min(self._at + _AHEAD, emv.ATC_END)
            self._count(self._row[_ID], end, None)
            self._end = end

    def take(self):
        """-> the ATC of one cryptogram, whose reservation is durable; 0 when none is reserved. Writes nothing."""
        atc = self._at
        if atc is None or atc >= self._end:
            return 0
        self._at = atc + 1
        return atc

    # The counter

    def _begin(self):
        """Of the token in use. None, logged, when it is lost: nothing is paid then."""
        self._at = self._end = self._counters.get(self._row[_ID])
        if self._at is None:
            self._log.event(_ATC_LOST)

    def _found(self):
        """{id: the first ATC that was not reserved} of both stores."""
        found = {}
        stored = load(self._record, self._log, None) or []
        try:
            value = self._keystore.get(_COUNTER)
            if value is not None:
                stored = stored + cbor.loads(value)
        except (StoreError, OSError, WireError):
            self._log.event(_STORE_FAILED)
        for id, n in stored:
            found[id] = max(n, found.get(id, 0))
        return found

    def _count(self, id, n, before):
        """Durable in both stores when it returns. before: id of a token that is in use still, or None."""
        pairs = [[id, n]]
        if before is not None and before in self._counters:
            pairs.append([before, self._counters[before]])
        self._put(_COUNTER, cbor.dumps(pairs))
        self._record.save(pairs)
        self._counters = {id: n for id, n in pairs}

    # What is stored

    def _check(self, row):
        """WireError unless it is what PUT /y/token says."""
        kinds = (bytes, str, int, str, str, int, int, bytes, int, int)
        if not isinstance(row, dict) or len(row) != len(kinds):
            raise WireError(_CARD_MALFORMED, "keys")
        for key, kind in enumerate(kinds):
            if not isinstance(row.get(key), kind):
                raise WireError(_CARD_MALFORMED, key)
        digits = row[_NUMBER] + row[_EXPIRY] + row[_REQUESTOR]
        if not (1 <= len(row[_ID]) <= 16 and 1 <= row[_USES] <= 255 and row[_UNTIL] >= 0 and digits.isdigit()):
            raise WireError(_CARD_MALFORMED, "range")
        try:
            emv.Token(self._aes, *[row[key] for key in _OF_CARD])
        except ValueError as e:
            raise WireError(_CARD_MALFORMED, str(e))

    def _stored(self, name):
        """A token's row; None when there is none or, which is logged, it cannot be read."""
        try:
            value = self._keystore.get(name)
            if value is None:
                return None
            row = cbor.loads(value)
            if isinstance(row, dict) and len(row) == _FIELDS:
                return row
        except (StoreError, OSError, WireError):
            pass
        self._log.event(_TOKEN_BAD)
        return None

    def _put(self, name, value):
        try:
            self._keystore.put(name, value)
        except OSError as e:
            raise StoreError(_STORE_FAILED, e.errno)

    def _erase(self, name):
        try:
            self._keystore.erase(name)
        except OSError as e:
            raise StoreError(_STORE_FAILED, e.errno)


def _same(row, id, ki):
    return row[_ID] == id and row[_KI] == ki
