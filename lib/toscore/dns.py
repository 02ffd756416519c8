"""DNS of a captive portal, RFC 1035: every name has one address, ours. Pure: a query in, its answer out."""

import struct

from micropython import const
from toscore.errors import WireError

_PORTAL_MALFORMED = const(386)

PORT = 53
_QUERY_B = const(512)  # section 4.2.1
_NAME_B = const(255)
_LABEL_B = const(63)

_A = const(1)
_ANY = const(255)
_IN = const(1)

_RESPONSE = const(0x8000)
_OPCODE = const(0x7800)
_AUTHORITATIVE = const(0x0400)
_ASKED_RECURSION = const(0x0100)
_RECURSION = const(0x0080)  # phones distrust a resolver that has none
_NOT_IMPLEMENTED = const(4)
_TTL_S = const(5)  # soon the phone is elsewhere, where the name has its right address
_POINTER = b"\xc0\x0c"  # to the name of the question, behind the header


def answer(query, ip):
    """query: a datagram. ip: 4 B -> the answer's datagram. An address for A, none for any other type, as for AAAA.

    Additional records of the query, as EDNS has them, are not looked at. Raises WireError for what is no query.
    """
    if not 12 <= len(query) <= _QUERY_B:
        raise WireError(_PORTAL_MALFORMED, 0)
    id, flags, questions = struct.unpack_from(">HHH", query)
    if flags & _RESPONSE or questions != 1:
        raise WireError(_PORTAL_MALFORMED, 2)
    head = _RESPONSE | flags & (_OPCODE | _ASKED_RECURSION)
    if flags & _OPCODE:
        return struct.pack(">HHHHHH", id, head | _NOT_IMPLEMENTED, 0, 0, 0, 0)
    end = _name_end(query) + 4
    if end > len(query):
        raise WireError(_PORTAL_MALFORMED, len(query))
    kind, where = struct.unpack_from(">HH", query, end - 4)
    ours = kind in (_A, _ANY) and where in (_IN, _ANY)
    out = struct.pack(">HHHHHH", id, head | _AUTHORITATIVE | _RECURSION, 1, ours, 0, 0) + bytes(query[12:end])
    if ours:
        out += _POINTER + struct.pack(">HHIH", _A, _IN, _TTL_S, len(ip)) + ip
    return out


def _name_end(query):
    """Behind the question's name, section 4.1.2. Nothing stands before it that a pointer could mean."""
    at = 12
    while True:
        if at >= len(query):
            raise WireError(_PORTAL_MALFORMED, at)
        size = query[at]
        if size > _LABEL_B:
            raise WireError(_PORTAL_MALFORMED, at)
        at += size + 1
        if at - 12 > _NAME_B:
            raise WireError(_PORTAL_MALFORMED, at)
        if size == 0:
            return at
