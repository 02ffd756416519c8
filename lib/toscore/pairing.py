"""Pairing, a device's side of `/p`: who knows its secret becomes a peer. Pure. docs/pairing.md says why it is safe.

Three CBOR maps with integer keys, in this order, and no other keys:

    m1  {0: version, 1: nonce (16 B), 2: x (32 B), 3: role, 4: name (at most 32 B), 5: id (at most 7 B)}
    m2  {1: nonce, 2: x, 5: id, 6: MAC (16 B)}
    m3  {6: MAC}

x is of an ephemeral P-256 key. id is what the *other* side then sends with, its sender id in OSCORE: only who receives
can say which ids it tells apart. m2 and m3 are bytes in one form only, which the parts below say.

    key = HKDF-Extract(salt: nonce of m1, nonce of m2; secret, x of the ECDH)
    each of the keys below = HKDF-Expand(key, label)
    MAC of m2 = HMAC-SHA-256(M2 key, M2 label, m1, m2 up to its MAC), the first 16 bytes
    MAC of m3 = HMAC-SHA-256(M3 key, M3 label, m1, m2, m3 up to its MAC), the first 16 bytes
"""

from micropython import const
from toscore import hkdf, p256
from toscore.errors import AuthError, Busy, Denied, WireError

_PAIR_MALFORMED = const(361)
_PAIR_VERSION = const(362)
_PAIR_ROLE = const(363)
_PAIR_BUSY = const(364)
_PAIR_OVER = const(365)
_PAIR_SECRET = const(366)

VERSION = 1
OWNER, CONTROL, INPUT, HUB, TOKENS, PEER = range(1, 7)  # roles

SECRET_B = 16
EXPIRY_MS = 30000

_NONCE_B = const(16)
_MAC_B = const(16)
_FIRST_B = const(128)  # more than the longest m1, 108 B
_NAME_B = const(32)
_ID_B = const(7)
_MASTER_B = const(16)
_SALT_B = const(8)

_M2 = b"tos:v1 m2"
_M3 = b"tos:v1 m3"
_MASTER = b"tos:v1 master secret"
_SALT = b"tos:v1 master salt"

_M2_NONCE = b"\xa4\x01\x50"
_X = b"\x02\x58\x20"
_ID = b"\x05"
_MAC = b"\x06\x50"
_M3_HEAD = b"\xa1\x06\x50"


def is_last(message):
    """Whether it is an m3 rather than an m1; the rest of it is for begin or finish to judge."""
    return bytes(message[:1]) == _M3_HEAD[:1]


class Pairing:
    """One exchange at a time.

    secret: 16 B. rng(n) -> n bytes fit for keys. cbor: that module, or its fast twin. keep(role, name, secret, salt,
    sender_id, recipient_id): stores a peer for good, and raises when it cannot; the last four are for oscore.Context.
    """

    def __init__(self, secret, rng, cbor, keep):
        if len(secret) != SECRET_B:
            raise ValueError("secret")
        self._secret = secret
        self._rng = rng
        self._cbor = cbor
        self._keep = keep
        self._running = None

    def busy(self, now_ms):
        """Whether an exchange is running, at this time of the clock's."""
        if self._running is not None and now_ms >= self._running.ends_ms:
            self._running = None
        return self._running is not None

    def begin(self, message, peer, now_ms, roles, ids):
        """m1 -> a generator that yields None while it works, and at last m2, to be answered to peer.

        peer: where it comes from; m3 must come from there. roles: those that may be had now. ids: of the peers that
        there are. Raises WireError, Denied, or Busy while another exchange runs, and changes nothing then.
        """
        if self.busy(now_ms):
            raise Busy(_PAIR_BUSY)
        message = bytes(message)
        nonce, x, role, name, sender_id = self._first(message)
        if role not in roles:
            raise Denied(_PAIR_ROLE)
        scalar = p256.draw(self._rng)
        try:
            work = p256.shared(scalar, x, self._rng)
        except ValueError:
            raise WireError(_PAIR_MALFORMED, "x") from None
        exchange = _Exchange()
        exchange.peer = peer
        exchange.ends_ms = now_ms + EXPIRY_MS
        exchange.asked = role, name
        exchange.ids = sender_id, _free(ids, sender_id, role)
        self._running = exchange
        return self._answer(exchange, message, nonce, x, scalar, work)

    def _first(self, message):
        if len(message) > _FIRST_B:
            raise WireError(_PAIR_MALFORMED, "length")
        fields = self._cbor.loads(message, 1, len(message), 16)
        if not isinstance(fields, dict) or not _is_int(fields.get(0)):
            raise WireError(_PAIR_MALFORMED, "m1")
        if fields[0] != VERSION:
            raise WireError(_PAIR_VERSION)
        nonce, x, role, name, sender_id = [fields.get(key) for key in range(1, 6)]
        if len(fields) != 6 or not _is_int(role) or not isinstance(name, str):
            raise WireError(_PAIR_MALFORMED, "m1")
        for value, least, most in ((nonce, _NONCE_B, _NONCE_B), (x, p256.SIZE_B, p256.SIZE_B), (sender_id, 0, _ID_B)):
            if not isinstance(value, bytes) or not least <= len(value) <= most:
                raise WireError(_PAIR_MALFORMED, "m1")
        if len(name.encode()) > _NAME_B or any([ord(char) < 32 or ord(char) == 127 for char in name]):
            raise WireError(_PAIR_MALFORMED, "name")
        return nonce, x, role, name, sender_id

    def _answer(self, exchange, first, nonce, x, scalar, work):
        """As long and as slow for each m1: whether the peer knows the secret comes out with m3 only."""
        rng = self._rng
        agreed = yield from work
        own_x = yield from p256.public(scalar, rng)
        own_nonce = rng(_NONCE_B)
        if own_x == x or own_nonce == nonce:  # a mirror, or a random generator that repeats itself
            self._drop(exchange)
            raise WireError(_PAIR_MALFORMED, "mirror")
        key = hkdf.extract(nonce + own_nonce, self._secret + agreed)
        own_id = exchange.ids[1]
        second = _M2_NONCE + own_nonce + _X + own_x + _ID + bytes((0x40 | len(own_id),)) + own_id + _MAC
        second += _mac(key, _M2, first + second)
        exchange.wanted = _mac(key, _M3, first + second + _M3_HEAD)
        exchange.keys = hkdf.expand(key, _MASTER, _MASTER_B), hkdf.expand(key, _SALT, _SALT_B)
        yield second

    def finish(self, message, peer, now_ms):
        """m3 -> (role, name, secret, salt, sender_id, recipient_id), which keep has then stored. They already protect
        the answer.

        Raises WireError, or AuthError when it is not of who began and knows the secret: the exchange is over then,
        unless the message came from elsewhere. What keep raises ends it too, with no peer.
        """
        if not self.busy(now_ms) or self._running.peer != peer or self._running.keys is None:
            raise WireError(_PAIR_OVER)
        exchange = self._running
        self._running = None
        message = bytes(message)
        if len(message) != len(_M3_HEAD) + _MAC_B or message[: len(_M3_HEAD)] != _M3_HEAD:
            raise WireError(_PAIR_MALFORMED, "m3")
        different = 0
        for i in range(_MAC_B):
            different |= message[len(_M3_HEAD) + i] ^ exchange.wanted[i]
        if different:
            raise AuthError(_PAIR_SECRET)
        paired = exchange.asked + exchange.keys + exchange.ids
        self._keep(*paired)
        return paired

    def _drop(self, exchange):
        if self._running is exchange:
            self._running = None


class _Exchange:
    """What is known of it between m1 and m3."""

    wanted = None  # the MAC of m3
    keys = None  # master secret and salt


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _free(ids, taken, role):
    """The first id of one byte that no peer has, and that is not this one: a peer's two ids differ. A game pad gets the
    empty one while it is free: what it sends is a byte shorter, sixty times a second."""
    if role == INPUT and taken != b"" and b"" not in ids:
        return b""
    for n in range(256):
        id = bytes((n,))
        if id != taken and id not in ids:
            return id
    raise Busy(_PAIR_BUSY)


def _mac(key, label, transcript):
    return hkdf.hmac(hkdf.expand(key, label, 32), label + transcript)[:_MAC_B]
