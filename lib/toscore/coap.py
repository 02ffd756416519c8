"""CoAP messages, RFC 7252 section 3. Pure: bytes in, bytes out.

A message is the tuple (type, code, message id, token, options, payload); options is [(number, value), ...] in ascending
order of number, values are bytes.
"""

from micropython import const
from toscore.errors import WireError

_COAP_SHORT = const(321)
_COAP_VERSION = const(322)
_COAP_FORMAT = const(323)

_MAX_OPTIONS = const(32)

CON = 0
NON = 1
ACK = 2
RST = 3

EMPTY = 0
GET = 1
POST = 2
PUT = 3
DELETE = 4
DELETED = 66
CHANGED = 68
CONTENT = 69
CONTINUE = 95
UNAUTHORIZED = 129
BAD_OPTION = 130
NOT_FOUND = 132
METHOD_NOT_ALLOWED = 133
NOT_ACCEPTABLE = 134
INCOMPLETE = 136
TOO_LARGE = 141
UNSUPPORTED_FORMAT = 143
INTERNAL_ERROR = 160

ETAG = 4
OBSERVE = 6
URI_PATH = 11
CONTENT_FORMAT = 12
MAX_AGE = 14
URI_QUERY = 15
ACCEPT = 17
BLOCK2 = 23
BLOCK1 = 27
SIZE1 = 60
ECHO = 252
NO_RESPONSE = 258

LINK_FORMAT = 40
CBOR = 60


def decode(data):
    """data: bytes of one datagram -> message tuple. Raises WireError with the offset of what is malformed."""
    end = len(data)
    if end < 4:
        raise WireError(_COAP_SHORT, end)
    first = data[0]
    if first >> 6 != 1:
        raise WireError(_COAP_VERSION, 0)
    code = data[1]
    at = 4 + (first & 15)
    if first & 15 > 8 or at > end or (code == 0 and end != 4):
        raise WireError(_COAP_FORMAT, 4)
    token = data[4:at]
    options = []
    number = 0
    while at < end:
        head = data[at]
        at += 1
        if head == 0xFF:
            if at == end:
                raise WireError(_COAP_FORMAT, at)
            break
        delta, at = _extended(data, at, head >> 4)
        length, at = _extended(data, at, head & 15)
        number += delta
        if at + length > end or number > 65535 or len(options) == _MAX_OPTIONS:
            raise WireError(_COAP_FORMAT, at)
        options.append((number, data[at : at + length]))
        at += length
    return first >> 4 & 3, code, data[2] << 8 | data[3], token, options, data[at:]


def _extended(data, at, nibble):
    """An option's delta or length with its extension: (value, next offset)."""
    if nibble < 13:
        return nibble, at
    extra = nibble - 12
    if nibble == 15 or at + extra > len(data):
        raise WireError(_COAP_FORMAT, at)
    if extra == 1:
        return 13 + data[at], at + 1
    return 269 + (data[at] << 8 | data[at + 1]), at + 2


def encode(type, code, mid, token=b"", options=(), payload=b""):
    """Message -> bytes. Raises ValueError for a token over 8 bytes or options out of order."""
    if len(token) > 8:
        raise ValueError("token")
    out = bytearray(4)
    out[0] = 0x40 | type << 4 | len(token)
    out[1] = code
    out[2] = mid >> 8
    out[3] = mid & 255
    out.extend(token)
    last = 0
    for number, value in options:
        if number < last:
            raise ValueError("options out of order")
        delta, more = _nibble(number - last)
        length, most = _nibble(len(value))
        out.append(delta << 4 | length)
        out.extend(more)
        out.extend(most)
        out.extend(value)
        last = number
    if payload:
        out.append(0xFF)
        out.extend(payload)
    return bytes(out)


def _nibble(n):
    """(nibble, extension bytes) of an option's delta or length."""
    if n < 13:
        return n, b""
    if n < 269:
        return 13, bytes((n - 13,))
    n -= 269
    return 14, bytes((n >> 8, n & 255))


def uint(value):
    """The uint of an option value, RFC 7252 section 3.2."""
    return int.from_bytes(value, "big")


def uint_bytes(n):
    """n -> the shortest option value; zero is empty."""
    out = b""
    while n:
        out = bytes((n & 255,)) + out
        n >>= 8
    return out


def option(options, number):
    """The first value of that number, or None."""
    for n, value in options:
        if n == number:
            return value
    return None
