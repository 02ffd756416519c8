"""Bodies in blocks: the Block2 option of RFC 7959, on the side that answers. Pure."""

import binascii

from micropython import const
from toscore import coap
from toscore.errors import WireError

_BAD_BLOCK = const(329)

_RESERVED = const(7)
_MAX_KEPT = const(3)
_IDLE_MS = const(2000)  # a transfer that rests for this long is not under way any more
_LIFETIME_MS = const(60000)

LARGEST = 6  # size exponents: a block has 16 << exponent bytes, 1024 at most
BODY_B = 8192  # of a longer body we keep no copy, and so send none


def asked(options):
    """The Block2 option of a request (section 2.2) -> (number, size exponent), or None. WireError for the reserved
    exponent."""
    value = coap.option(options, coap.BLOCK2)
    if value is None:
        return None
    n = coap.uint(value)
    if n & 7 == _RESERVED:
        raise WireError(_BAD_BLOCK, n)
    return n >> 4, n & 7


class Bodies:
    """Bodies of which a peer has had the first block, so that it finds the others to be of the same one."""

    def __init__(self):
        self._kept = []  # [peer, path, body, last used, whether its last block was sent]

    def find(self, now, peer, path):
        """The body, or None."""
        kept = self._find(peer, path)
        return kept[2] if kept and now - kept[3] < _LIFETIME_MS else None

    def busy_ms(self, now, peer, path):
        """For how long a newer body would tear a transfer apart: 0 when none is under way."""
        kept = self._find(peer, path)
        return max(0, kept[3] + _IDLE_MS - now) if kept and not kept[4] else 0

    def cut(self, now, peer, path, body, number, exponent, options):
        """One block of a body -> (options, its bytes); ETag and Block2 come before and after the options given.

        Raises WireError when the body ends before that block.
        """
        size_b = 16 << exponent
        at = number * size_b
        if number and at >= len(body):
            raise WireError(_BAD_BLOCK, number)
        more = at + size_b < len(body)
        kept = self._find(peer, path)
        if number == 0:
            if kept:
                self._kept.remove(kept)
            if more:
                for other in self._kept:  # most bodies stay as they are: one copy is enough
                    if other[2] == body:
                        body = other[2]
                self._kept = self._kept[1 - _MAX_KEPT :] + [[peer, path, body, now, False]]
        elif kept and kept[2] is body:
            kept[3] = now
            kept[4] = not more
        etag = binascii.crc32(body).to_bytes(4, "big")
        block = coap.uint_bytes(number << 4 | more << 3 | exponent)
        return ((coap.ETAG, etag),) + options + ((coap.BLOCK2, block),), body[at : at + size_b]

    def _find(self, peer, path):
        for kept in self._kept:
            if kept[1] == path and kept[0] == peer:
                return kept
        return None
