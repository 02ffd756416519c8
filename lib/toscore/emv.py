"""Our payment applet in EMV's terms: names, data objects, a token and its cryptograms, see docs/payments.md. Pure."""

from binascii import unhexlify

from micropython import const
from toscore import tlv
from toscore.cmac import cmac

PPSE = b"2PAY.SYS.DDF01"
PSE = b"1PAY.SYS.DDF01"
AID = b"\xf0TOS+PAY\x00\x01"
CONTACT_AID = b"\xf0TOS+PAY\x00\x02"
LABEL = b"TOSPLUS PAY"

# What a cryptogram binds of what the terminal says: tag, length. The last two are merchant and terminal.
FIELDS = (
    (0x9F66, 4), (0x9F02, 6), (0x9F03, 6), (0x9F1A, 2), (0x95, 5), (0x5F2A, 2), (0x9A, 3), (0x9C, 1), (0x9F37, 4),
    (0x9F16, 15), (0x9F1C, 8),
)  # fmt: skip
PDOL_B = const(56)
TTQ = const(0)  # where they begin
AMOUNT = const(4)
CURRENCY = const(23)
MERCHANT = const(33)

ARQC = 0x80
TC = 0x40
AAC = 0x00
# The first byte of the card verification results: what was answered to the first request, and what to the second.
CVR_ARQC = 0xA0
CVR_AAC = 0x80
CVR_SECOND_TC = 0x60
CVR_SECOND_AAC = 0x20

ATC_END = 0xF000  # a token is retired there

_ECB = const(1)
_AIP = b"\x02\x00"  # on-device cardholder verification
_AFL = b"\x08\x01\x01\x00"  # record 1 of file 1
_BOUND_B = const(94)
# Where the answer to GET PROCESSING OPTIONS has what differs from tap to tap.
_ATC_AT = const(15)
_AC_AT = const(20)
_IAD_AT = const(35)
# Within what a cryptogram binds behind the PDOL value: AIP, ATC, CTQ, IAD.
_TAIL_CTQ = const(4)
_TAIL_CVR = const(9)


def dol(fields):
    """A data object list -> bytes."""
    return b"".join([tlv.put(tag, b"")[:-1] + bytes((size,)) for tag, size in fields])


def template(aid):
    """What a directory says of an application, in its entry template."""
    return tlv.put(0x61, tlv.put(0x4F, aid) + tlv.put(0x50, LABEL) + tlv.put(0x87, b"\x01"))


def fci(name, proprietary):
    """File control information."""
    return tlv.put(0x6F, tlv.put(0x84, name) + tlv.put(0xA5, proprietary))


class Token:
    """What stands for an account, with one limited-use key.

    number: 12 to 19 digits. expiry: "YYMMDD". requestor: 11 digits. luk: 16 B. Raises ValueError.
    answer, record: what a terminal is told, see card.py.
    """

    def __init__(self, aes, number, psn, expiry, requestor, dki, ki, luk):
        if not (12 <= len(number) <= 19 and 0 <= psn <= 99 and len(expiry) == 6 and len(requestor) == 11):
            raise ValueError("token")
        if len(luk) != 16 or dki >> 8 or ki >> 32:
            raise ValueError("key")
        psn = unhexlify("%02d" % psn)
        self._aes = aes
        self._luk = aes(luk, _ECB)
        iad = b"\x0f\xa6" + bytes((dki,)) + bytes(13) + b"\x0f" + ki.to_bytes(4, "big") + bytes(11)
        self._tail = bytearray(_AIP + bytes(4) + iad)
        self._bound = bytearray(_BOUND_B + 2)
        track = _bcd(number + "D" + expiry[:4] + "201" + "0" * 10)
        self.options = tlv.put(0x82, _AIP) + tlv.put(0x94, _AFL)
        body = self.options + tlv.put(0x9F36, bytes(2)) + tlv.put(0x9F26, bytes(8))
        body += tlv.put(0x9F27, bytes((ARQC,))) + tlv.put(0x9F10, iad)
        body += tlv.put(0x57, track) + tlv.put(0x5F34, psn) + tlv.put(0x9F6C, bytes(2))
        self.answer = bytearray(tlv.put(0x77, body) + b"\x90\x00")
        self.record = tlv.put(0x5A, _bcd(number)) + tlv.put(0x5F24, _bcd(expiry)) + tlv.put(0x5F34, psn)
        self.record += tlv.put(0x9F19, _bcd("0" + requestor))

    def session(self, atc):
        """-> the key of one tap (CSK of EMV 4.3 Book 2 Annex A1.3, with AES)."""
        block = bytearray(16)
        block[0] = atc >> 8
        block[1] = atc & 255
        self._luk.encrypt(block, block)
        return block

    def cryptogram(self, atc, pdol, checked, cvr):
        """-> 8 bytes. pdol: the values of FIELDS, 56 B. checked: the cardholder was, on this device. cvr: CVR_..."""
        tail = self._tail
        tail[2] = atc >> 8
        tail[3] = atc & 255
        tail[_TAIL_CTQ + 1] = 0x80 if checked else 0
        tail[_TAIL_CVR] = cvr
        tail[_TAIL_CVR + 1] = 8 if checked else 0
        bound = self._bound
        bound[:PDOL_B] = pdol
        bound[PDOL_B:_BOUND_B] = tail
        return cmac(self._aes, self.session(atc), bound, _BOUND_B)[:8]

    def answered(self, atc, ac):
        """The answer to GET PROCESSING OPTIONS with the cryptogram that was made last, and 9000 behind it."""
        answer = self.answer
        tail = self._tail
        answer[_ATC_AT : _ATC_AT + 2] = tail[2:4]
        answer[_AC_AT : _AC_AT + 8] = ac
        answer[_IAD_AT + 3] = tail[_TAIL_CVR]
        answer[_IAD_AT + 4] = tail[_TAIL_CVR + 1]
        answer[-3] = tail[_TAIL_CTQ + 1]
        return answer

    def generated(self, cid, atc, ac):
        """The answer to GENERATE AC with the cryptogram that was made last."""
        body = tlv.put(0x9F27, bytes((cid,))) + tlv.put(0x9F36, atc.to_bytes(2, "big")) + tlv.put(0x9F26, ac)
        return tlv.put(0x77, body + tlv.put(0x9F10, bytes(self._tail[_TAIL_CTQ + 2 :])))

    def confirms(self, atc, ac, csu, data, mac):
        """Whether a result comes from who has the keys: mac, 8 B, is over the cryptogram, csu and data, at most 8 B."""
        text = bytearray(ac + csu + data + bytes(16))
        made = cmac(self._aes, self.session(atc), text, 8 + len(csu) + len(data))
        wrong = len(mac) ^ 8
        for n in range(min(8, len(mac))):
            wrong |= made[n] ^ mac[n]
        return not wrong


def amount(pdol):
    """The amount in minor units; None when it is no number."""
    try:
        return int(bytes(pdol[AMOUNT : AMOUNT + 6]).hex())
    except ValueError:
        return None


def _bcd(digits):
    """Padded with F to whole bytes."""
    return unhexlify(digits + "F" * (len(digits) & 1))
