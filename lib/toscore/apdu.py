"""Command APDUs, ISO/IEC 7816-4 section 5.1, and the status words that a card answers. Pure: bytes in, bytes out."""

from micropython import const
from toscore.errors import WireError

_CARD_MALFORMED = const(350)

OK = 0x9000
WRONG_LENGTH = 0x6700
NO_CHAINING = 0x6884
NOT_NOW = 0x6985  # conditions of use not satisfied
CHECK_FIRST = 0x6986  # the cardholder has to be checked
WRONG_DATA = 0x6A80
NOT_FOUND = 0x6A82
NO_RECORD = 0x6A83
WRONG_P1P2 = 0x6A86
NO_INS = 0x6D00
NO_CLA = 0x6E00


def parse(capdu):
    """-> (where the data begin, how many there are, Le); Le is None when nothing is expected, 0 never.

    Short and extended forms. CLA, INS, P1 and P2 are its first four bytes. WireError(350, offset).
    """
    n = len(capdu)
    if n < 4:
        raise WireError(_CARD_MALFORMED, n)
    if n == 4:
        return 4, 0, None
    size = capdu[4]
    if n == 5:
        return 5, 0, size or 256
    if size:
        if n == 5 + size:
            return 5, size, None
        if n == 6 + size:
            return 5, size, capdu[n - 1] or 256
        raise WireError(_CARD_MALFORMED, 4)
    if n < 7:
        raise WireError(_CARD_MALFORMED, 5)
    size = capdu[5] << 8 | capdu[6]
    if n == 7:
        return 7, 0, size or 65536
    if size and n == 7 + size:
        return 7, size, None
    if size and n == 9 + size:
        return 7, size, capdu[n - 2] << 8 | capdu[n - 1] or 65536
    raise WireError(_CARD_MALFORMED, 5)


def command(cla, ins, p1, p2, data=b"", le=None):
    """-> bytes, in the short form. data: at most 255 B. le: 1..256, or None."""
    if len(data) > 255:
        raise ValueError(len(data))
    out = bytes((cla, ins, p1, p2))
    if data:
        out += bytes((len(data),)) + data
    return out if le is None else out + bytes((le & 255,))
