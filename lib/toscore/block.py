"""Bodies in blocks, RFC 7959, on the side that answers: Block2 for what it sends, Block1 for what it gets. Pure."""

import binascii

from micropython import const
from toscore import coap
from toscore.errors import WireError

_BAD_BLOCK = const(329)

_RESERVED = const(7)
_MAX_KEPT = const(3)
_IDLE_MS = const(2000)  # a transfer that rests for this long is not under way any more
_LIFETIME_MS = const(60000)
_MAX_UPLOADS = const(2)

BODY_B = 8192  # of a longer body we keep no copy, and so send none
UPLOAD_B = 4096  # nor do we take a longer one


def asked(options):
    """The Block2 option of a request (section 2.2) -> (number, size exponent), or None. WireError for the reserved
    exponent."""
    value = coap.option(options, coap.BLOCK2)
    if value is None:
        return None
    n = _sized(value)
    return n >> 4, n & 7


def _sized(value):
    """A Block option's uint. WireError for the reserved exponent."""
    n = coap.uint(value)
    if n & 7 == _RESERVED:
        raise WireError(_BAD_BLOCK, n)
    return n


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

    def tick(self, now):
        """As Uploads.tick."""
        self._kept = [kept for kept in self._kept if now - kept[3] < _LIFETIME_MS]
        return min([kept[3] for kept in self._kept]) + _LIFETIME_MS - now if self._kept else None

    def _find(self, peer, path):
        for kept in self._kept:
            if kept[1] == path and kept[0] == peer:
                return kept
        return None


class Uploads:
    """Bodies that come in blocks (section 2.5): one of each peer, two at once, each of UPLOAD_B at most. Who begins a
    third one ends that which rested longest; its peer is told to begin again."""

    def __init__(self):
        self._under_way = []  # [peer, path, what has come, last heard], that which rested longest first

    def take(self, now, peer, path, options, payload):
        """One request that writes -> (code, options, body). The body is whole, and the options belong to whatever
        answers it; or it is None, and code and options are the answer. WireError for a malformed block.

        A request without Block1 has a whole body.
        """
        value = coap.option(options, coap.BLOCK1)
        if value is None:
            return coap.CHANGED, (), payload
        n = _sized(value)
        size_b = 16 << (n & 7)
        at = (n >> 4) * size_b
        more = n & 8
        if len(payload) > size_b or (more and len(payload) < size_b):
            raise WireError(_BAD_BLOCK, n >> 4)
        self.tick(now)
        upload = None
        for other in self._under_way:
            if other[0] == peer:
                upload = other
        if at and (upload is None or upload[1] != path or len(upload[2]) != at):
            return coap.INCOMPLETE, (), None
        if upload:
            self._under_way.remove(upload)
        body = upload[2] if at else bytearray()
        told = coap.option(options, coap.SIZE1)
        try:
            if at + len(payload) > UPLOAD_B or (told and coap.uint(told) > UPLOAD_B):
                raise MemoryError
            body.extend(payload)
            if not more:
                return coap.CHANGED, ((coap.BLOCK1, value),), bytes(body)
        except MemoryError:
            return coap.TOO_LARGE, ((coap.SIZE1, coap.uint_bytes(UPLOAD_B)),), None
        self._under_way = self._under_way[1 - _MAX_UPLOADS :] + [[peer, path, body, now]]
        return coap.CONTINUE, ((coap.BLOCK1, value),), None

    def tick(self, now):
        """Forget what rests for a minute. Returns ms until the next call is needed, or None."""
        self._under_way = [upload for upload in self._under_way if now - upload[3] < _LIFETIME_MS]
        return self._under_way[0][3] + _LIFETIME_MS - now if self._under_way else None
