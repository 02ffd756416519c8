"""A till's side of a tap: one answer in, the next command out, up to what an authoriser is asked, see docs/payments.md.
Pure. Merchant and terminal are the till's own; the authoriser compares them with its credential.
"""

from binascii import hexlify, unhexlify

from micropython import const
from toscore import apdu, emv, tlv
from toscore.errors import TosError, WireError

_CARD_MALFORMED = const(350)
_NOT_ARMED = const(251)
_CONFIRM_FIRST = const(252)
_OTHER_CARD = const(253)
_TOKEN_EXPIRED = const(254)
_CARD_DECLINED = const(255)

_TTQ = "36004000"  # contactless EMV, online, cardholder verified on the device
_RECORDS = const(8)
# What the answer to GET PROCESSING OPTIONS has to have: tag, length, key in the request to the authoriser.
_BOUND = ((0x82, 2, 4), (0x9F36, 2, 5), (0x9F26, 8, 6), (0x9F6C, 2, 7), (0x9F10, 32, 8))


class Refused(TosError):
    """The card cannot pay like this; the words for its code are for the customer."""


class Sale:
    """One tap. request: {key: value} for POST /y/auth without its key 0, once all is read; None before.

    amount: minor units. date: "YYMMDD". number: 4 random bytes. is_asked: a cryptogram may exist from now on, and a tap
    that is lost has to be reversed by token and atc, when these are known. Raises ValueError for what is no sale.
    """

    def __init__(self, merchant, terminal, amount, date, number, currency="0978", country="0276"):
        if not (0 < amount < 10**12 and len(merchant) <= 15 and len(terminal) == 8 and len(number) == 4):
            raise ValueError("sale")
        text = _TTQ + "%012d" % amount + "0" * 12 + country + "0" * 10 + currency + date + "00"
        self.pdol = unhexlify(text) + number + ("%-15s" % merchant).encode() + terminal.encode()
        if len(self.pdol) != emv.PDOL_B:
            raise ValueError("sale")
        self.request = self.token = self.atc = None
        self.is_asked = False
        self._date = date
        self._found = {}  # 5A and 5F24, of the records
        self._steps = self._run()
        self._is_begun = False

    def step(self, answer):
        """The card's answer, bytes or memoryview, b"" at first -> the next command, None when request is there.

        Raises Refused, or WireError(350) for what is none of our cards' answers; the sale is over then.
        """
        try:
            if not self._is_begun:
                self._is_begun = True
                return next(self._steps)
            return self._steps.send(bytes(answer))
        except StopIteration:
            return None

    def _run(self):
        answer = yield apdu.command(0, 0xA4, 4, 0, emv.PPSE, 256)
        if tlv.find(_data(answer, apdu.NOT_FOUND), 0x4F) != emv.AID:
            raise Refused(_OTHER_CARD)
        answer = yield apdu.command(0, 0xA4, 4, 0, emv.AID, 256)
        if tlv.find(_data(answer, apdu.NOT_FOUND), 0x9F38) != emv.dol(emv.FIELDS):
            raise Refused(_OTHER_CARD)
        self.is_asked = True
        answer = yield apdu.command(0x80, 0xA8, 0, 0, tlv.put(0x83, self.pdol), 256)
        request, records = self._options(_data(answer))
        for record, file in records:
            answer = yield apdu.command(0, 0xB2, record, file << 3 | 4, b"", 256)
            for _, tag, at, end in tlv.walk(_data(answer)):
                if tag in (0x5A, 0x5F24):
                    self._found[tag] = _digits(answer[at:end])
        if self._found.get(0x5A) != self.token:
            raise WireError(_CARD_MALFORMED, "5A")
        if self._found.get(0x5F24, "") < self._date:
            raise Refused(_TOKEN_EXPIRED)
        self.request = request

    def _options(self, data):
        """-> (the request, [(record, file), ...])."""
        objects = {tag: bytes(data[at:end]) for _, tag, at, end in tlv.walk(data)}
        track, psn, cid = [objects.get(tag, b"") for tag in (0x57, 0x5F34, 0x9F27)]
        self.token, _, rest = _digits(track).partition("d")
        self.atc = int.from_bytes(objects.get(0x9F36, b""), "big")
        if len(psn) != 1 or len(cid) != 1 or not 12 <= len(self.token) <= 19 or not self.token.isdigit() or not rest:
            raise WireError(_CARD_MALFORMED, "77")
        if cid[0] != emv.ARQC:
            raise Refused(_CARD_DECLINED)
        request = {1: track, 2: int(_digits(psn)) if _digits(psn).isdigit() else 100, 3: self.pdol, 9: cid[0]}
        for tag, size, key in _BOUND:
            request[key] = objects.get(tag, b"")
            if len(request[key]) != size:
                raise WireError(_CARD_MALFORMED, "%X" % tag)
        if not self.atc or request[2] > 99:
            raise WireError(_CARD_MALFORMED, "9F36")
        return request, _records(objects.get(0x94, b""))


def _records(afl):
    """The application file locator, EMV 4.3 Book 3 section 10.2 -> [(record, file), ...]."""
    rows = []
    for at in range(0, len(afl) - 3, 4):
        file, first, last = afl[at] >> 3, afl[at + 1], afl[at + 2]
        if not 0 < first <= last or last - first >= _RECORDS - len(rows):
            raise WireError(_CARD_MALFORMED, "94")
        rows += [(record, file) for record in range(first, last + 1)]
    if not rows or len(afl) % 4:
        raise WireError(_CARD_MALFORMED, "94")
    return rows


def _data(answer, none_here=0):
    """-> what is in front of the status word 9000; none_here: the one by which a card says that it is another."""
    if len(answer) < 2:
        raise WireError(_CARD_MALFORMED, len(answer))
    status = answer[-2] << 8 | answer[-1]
    if status == apdu.NOT_NOW:
        raise Refused(_NOT_ARMED)
    if status == apdu.CHECK_FIRST:
        raise Refused(_CONFIRM_FIRST)
    if none_here and status == none_here:
        raise Refused(_OTHER_CARD)
    if status != apdu.OK:
        raise WireError(_CARD_MALFORMED, "%04X" % status)
    return answer[:-2]


def _digits(value):
    """Packed BCD -> its digits, without what pads them; with other letters when it is none."""
    return hexlify(value).decode().rstrip("f")
