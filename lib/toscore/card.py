"""The payment applet: one command in, one answer out, see docs/payments.md. Pure: key, counter and consent come from
a purse.

A purse has
token       an emv.Token; None without one
limit       in minor units; a larger amount wants the cardholder checked
currency    of the limit, as the two bytes of 5F2A
armed()     whether the device may pay now
checked()   whether its cardholder was checked, and that still counts
take()      -> the ATC of one cryptogram, durable before it is used, and it is armed no more; 0 when there is none
asks(pdol)  the terminal was told that the cardholder has to be checked
gave(atc, ac, pdol)  a cryptogram that is worth money was made; the answer is not sent yet
"""

from micropython import const
from toscore import apdu, emv, tlv
from toscore.errors import WireError

_SELECT = const(0xA4)
_READ_RECORD = const(0xB2)
_OPTIONS = const(0xA8)
_GENERATE = const(0xAE)

# What is selected, and how far it came.
_NOTHING = const(0)
_DIRECTORY = const(1)
_CONTACT_DIRECTORY = const(2)
_TAP = const(3)
_CONTACT = const(4)
_PAID = const(5)
_CONTACT_READY = const(6)
_CONTACT_ASKED = const(7)
_CONTACT_DONE = const(8)

_CVM_REQUIRED = const(0x40)  # in the second byte of 9F66
_PDOL_B = const(56)  # as in emv


class Card:
    """contact: also has the contact-shaped profile, which is for tools and never on a radio."""

    def __init__(self, purse, contact=False):
        self._purse = purse
        self._contact = contact
        self._state = _NOTHING
        self._token = None  # whose cryptogram was given, while its record may be read
        self._atc = 0
        self._ac = b""
        self._checked = False
        self._pdol = bytearray(_PDOL_B)
        self._first = (emv.PPSE, emv.fci(emv.PPSE, tlv.put(0xBF0C, emv.template(emv.AID))))
        proprietary = tlv.put(0x50, emv.LABEL) + tlv.put(0x87, b"\x01")
        self._second = (emv.AID, emv.fci(emv.AID, proprietary + tlv.put(0x9F38, emv.dol(emv.FIELDS))))

    def reset(self):
        """The field is gone, or the reader let go."""
        self._state = _NOTHING
        self._token = None

    def step(self, capdu, out):
        """One C-APDU -> R-APDU (ISO/IEC 7816-4 section 5.1).

        capdu: bytes or memoryview, of any length. out: bytearray(258), reused. Returns how many bytes were written,
        status word included. Raises nothing: what is bad becomes a status word.
        """
        try:
            at, size, _ = apdu.parse(capdu)
        except WireError:
            return _status(out, apdu.WRONG_LENGTH)
        cla = capdu[0]
        ins = capdu[1]
        if ins == _OPTIONS and cla == 0x80:
            status = self._options(capdu, at, size, out)
        elif cla & 0x10:
            status = apdu.NO_CHAINING
        elif cla & 0x7F:
            status = apdu.NO_CLA
        elif ins == _SELECT and not cla:
            status = self._select(capdu, at, size, out)
        elif ins == _READ_RECORD and not cla:
            status = self._read(capdu, out)
        elif ins == _GENERATE and cla and self._contact:
            status = self._generate(capdu, at, size, out)
        else:
            status = apdu.NO_INS
        return status if status < 0x6000 else _status(out, status)

    # Each returns how many bytes it has written, or a status word.

    def _select(self, capdu, at, size, out):
        if capdu[2] != 4 or capdu[3] & 0xFC:
            return apdu.WRONG_P1P2
        self.reset()
        if not self._ready():
            return apdu.NOT_NOW
        name = bytes(capdu[at : at + size])
        if capdu[3]:  # there is no second one of that name
            return apdu.NOT_FOUND
        if name == self._first[0]:
            self._state = _DIRECTORY
            return _put(out, self._first[1])
        if name == self._second[0]:
            self._state = _TAP
            return _put(out, self._second[1])
        if self._contact and name == emv.PSE:
            self._state = _CONTACT_DIRECTORY
            return _put(out, emv.fci(name, tlv.put(0x88, b"\x01")))
        if self._contact and name == emv.CONTACT_AID:
            self._state = _CONTACT
            return _put(out, emv.fci(name, tlv.put(0x50, emv.LABEL) + tlv.put(0x87, b"\x01")))
        return apdu.NOT_FOUND

    def _options(self, capdu, at, size, out):
        contact = self._state == _CONTACT
        if capdu[2] or capdu[3]:
            return apdu.WRONG_P1P2
        if not contact and self._state != _TAP:
            return apdu.NOT_NOW
        want = 0 if contact else _PDOL_B
        if size != want + 2:
            return apdu.WRONG_LENGTH
        if capdu[at] != 0x83 or capdu[at + 1] != want:
            return apdu.WRONG_DATA
        if not self._ready():
            return apdu.NOT_NOW
        if contact:
            self._state = _CONTACT_READY
            return _put(out, tlv.put(0x77, self._purse.token.options))
        status = self._give(capdu, at + 2, True, emv.CVR_ARQC)
        if status:
            return status
        self._state = _PAID
        answer = self._token.answered(self._atc, self._ac)
        n = len(answer)
        out[:n] = answer
        return n

    def _read(self, capdu, out):
        state = self._state
        if state == _CONTACT_DIRECTORY:
            record = emv.template(emv.CONTACT_AID)
        elif state == _PAID:
            record = self._token.record
        elif state >= _CONTACT_READY and self._purse.token:
            record = (self._token or self._purse.token).record
            record += tlv.put(0x8C, emv.dol(emv.FIELDS)) + tlv.put(0x8D, emv.dol(emv.FIELDS + ((0x8A, 2),)))
        else:
            return apdu.NOT_NOW
        if capdu[3] & 7 != 4 or not capdu[2]:
            return apdu.WRONG_P1P2
        if capdu[3] >> 3 != 1:
            return apdu.NOT_FOUND
        if capdu[2] != 1:
            return apdu.NO_RECORD
        return _put(out, tlv.put(0x70, record))

    def _generate(self, capdu, at, size, out):
        """EMV 4.3 Book 3 section 6.5.5. What is asked first is answered by an ARQC, or an AAC where one was asked."""
        kind = capdu[2] & 0xC0
        if capdu[2] & 0x3F or kind == 0xC0 or capdu[3]:
            return apdu.WRONG_P1P2
        if self._state == _CONTACT_READY:
            if size != _PDOL_B:
                return apdu.WRONG_LENGTH
            cid, cvr = (emv.ARQC, emv.CVR_ARQC) if kind else (emv.AAC, emv.CVR_AAC)
            status = self._give(capdu, at, bool(kind), cvr)
            if status:
                return status
            self._state = _CONTACT_ASKED if kind else _CONTACT_DONE
        elif self._state == _CONTACT_ASKED:
            if size != _PDOL_B + 2:
                return apdu.WRONG_LENGTH
            approved = kind == emv.TC and bytes(capdu[at + _PDOL_B : at + size]) == b"00"
            cid, cvr = (emv.TC, emv.CVR_SECOND_TC) if approved else (emv.AAC, emv.CVR_SECOND_AAC)
            pdol = capdu[at : at + _PDOL_B]
            self._ac = self._token.cryptogram(self._atc, pdol, self._checked, cvr)
            self._state = _CONTACT_DONE
        else:
            return apdu.NOT_NOW
        return _put(out, self._token.generated(cid, self._atc, self._ac))

    def _ready(self):
        return self._purse.token is not None and self._purse.armed()

    def _give(self, capdu, at, money, cvr):
        """Make a cryptogram -> 0, or the status word that says why not. money: it may be turned into some."""
        purse = self._purse
        pdol = self._pdol
        pdol[:] = capdu[at : at + _PDOL_B]
        amount = emv.amount(pdol)
        if amount is None:
            return apdu.WRONG_DATA
        checked = purse.checked()
        if money and not checked:
            own = pdol[23] == purse.currency[0] and pdol[24] == purse.currency[1]
            if amount > purse.limit or not own or pdol[1] & _CVM_REQUIRED:
                purse.asks(pdol)
                return apdu.CHECK_FIRST
        token = purse.token
        atc = token and purse.armed() and purse.take()
        if not atc:
            return apdu.NOT_NOW
        self._ac = token.cryptogram(atc, pdol, checked, cvr)
        self._token = token
        self._atc = atc
        self._checked = checked
        if money:
            purse.gave(atc, self._ac, pdol)
        return 0


def _put(out, data):
    n = len(data)
    out[:n] = data
    return _status(out, apdu.OK, n)


def _status(out, status, n=0):
    out[n] = status >> 8
    out[n + 1] = status & 255
    return n + 2
