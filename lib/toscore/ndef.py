"""NDEF messages, NFC Forum NDEF 1.0: what NFC tags hold. Pure: bytes in, bytes out."""

from micropython import const
from toscore.errors import WireError

_TAG_MALFORMED = const(360)

# TNF, section 3.2.6.
EMPTY = const(0)
WELL_KNOWN = const(1)
MEDIA = const(2)

_BEGIN = const(0x80)
_END = const(0x40)
_CHUNK = const(0x20)
_SHORT = const(0x10)
_HAS_ID = const(0x08)
_TNF = const(0x07)

_RECORDS = const(16)


def records(message):
    """-> [(TNF, type, payload), ...], as bytes; ids are skipped, and empty records. WireError(360, offset).

    Chunks are refused: nothing that fits into a tag of ours needs them.
    """
    found = []
    at = 0
    size = len(message)
    head = 0
    while not head & _END:
        begin = at
        if at + 3 > size or len(found) == _RECORDS:
            raise WireError(_TAG_MALFORMED, at)
        head = message[at]
        if bool(head & _BEGIN) != (at == 0) or head & _CHUNK:
            raise WireError(_TAG_MALFORMED, at)
        type_b = message[at + 1]
        length_b = 1 if head & _SHORT else 4
        id_at = at + 2 + length_b
        at = id_at + (1 if head & _HAS_ID else 0)
        if at > size:
            raise WireError(_TAG_MALFORMED, begin)
        payload_b = int.from_bytes(message[begin + 2 : id_at], "big")
        id_b = message[id_at] if head & _HAS_ID else 0
        end = at + type_b + id_b + payload_b
        kind = head & _TNF
        if end > size or (kind == EMPTY and end != at) or kind > 6:
            raise WireError(_TAG_MALFORMED, begin)
        if kind != EMPTY:
            found.append((kind, bytes(message[at : at + type_b]), bytes(message[end - payload_b : end])))
        at = end
    if at != size:
        raise WireError(_TAG_MALFORMED, at)
    return found


def message(rows):
    """[(TNF, type, payload), ...] -> bytes; at least one, types of at most 255 B."""
    out = b""
    for n, (kind, name, payload) in enumerate(rows):
        head = kind | (_BEGIN if n == 0 else 0) | (_END if n == len(rows) - 1 else 0)
        if len(payload) < 256:
            out += bytes((head | _SHORT, len(name), len(payload))) + name + payload
        else:
            out += bytes((head, len(name))) + len(payload).to_bytes(4, "big") + name + payload
    return out


def uri(text):
    """A record of a URI, NFC Forum URI RTD 1.0, unabbreviated."""
    return WELL_KNOWN, b"U", b"\x00" + text.encode()
