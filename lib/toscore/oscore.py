"""OSCORE, RFC 8613: a security context, and messages protected and unprotected with it. Pure.

Messages are (code, options, payload) as in coap.py. A request is known by the value of its OSCORE option, in which its
partial IV is; it must have been through oscore_wire.check.
"""

import micropython
from micropython import const
from toscore import coap, hkdf, oscore_wire
from toscore.ccm import KEY_B, MAX_B, NONCE_B, TAG_B, Ccm
from toscore.errors import AuthError, WireError
from toscore.oscore_wire import OPTION
from toscore.sequence import Window

_OSCORE_REPLAY = const(353)
_OSCORE_FORGED = const(354)
_OSCORE_OBSERVE = const(355)

_PIV_B = const(5)
_ID_B = const(7)  # the longest id that fits a nonce of 13 bytes
_CONTEXT_B = const(23)
_POST = const(2)
_FETCH = const(5)


class Side:
    """One direction of a context (section 3.1): id, key, and what is alike in all its nonces and AADs."""

    def __init__(self, aes, kernel, id, key, iv):
        self.id = id
        self.ccm = Ccm(aes, kernel, key)
        base = bytearray(iv)
        base[0] ^= len(id)
        for n in range(len(id)):
            base[8 - len(id) + n] ^= id[n]
        self.base = base  # the nonce of partial IV zero (section 5.2)
        self.nonce = bytearray(base)
        self._aads = [None] * (_PIV_B + 1)

    def aad(self, size):
        """Of an exchange whose request came from this side, with a partial IV of that size (section 5.4). Kept."""
        aad = self._aads[size]
        if aad is None:
            kid = self.id
            head = bytes((0x47 + len(kid) + size, 0x85, 1, 0x81, 10, 0x40 | len(kid)))
            aad = b"\x83\x68Encrypt0\x40" + head + kid + bytes((0x40 | size,)) + bytes(size) + b"\x40"
            aad = self._aads[size] = bytearray(aad)
        return aad


class Context:
    """What two peers share. secret, salt: bytes. ids: at most 7 B, different. id_context: at most 23 B, or None.

    next_sequence() -> the number to send with, as Reserve.next. aes, kernel: see Ccm. Replaced as a whole when the key
    is: neither numbers nor window outlive a key, nor it them.
    """

    def __init__(self, aes, kernel, secret, salt, sender_id, recipient_id, next_sequence, id_context=None):
        if sender_id == recipient_id or len(sender_id) > _ID_B or len(recipient_id) > _ID_B:
            raise ValueError("id")
        if id_context is not None and len(id_context) > _CONTEXT_B:
            raise ValueError("id context")
        extracted = hkdf.extract(salt, secret)

        def derive(id, type, length):  # section 3.2.1
            context = b"\xf6" if id_context is None else _bstr(id_context)
            info = b"\x85" + _bstr(id) + context + b"\x0a" + bytes((0x60 | len(type),)) + type + bytes((length,))
            return hkdf.expand(extracted, info, length)

        iv = derive(b"", b"IV", NONCE_B)
        self._sender = Side(aes, kernel, sender_id, derive(sender_id, b"Key", KEY_B), iv)
        self._recipient = Side(aes, kernel, recipient_id, derive(recipient_id, b"Key", KEY_B), iv)
        self._next_sequence = next_sequence
        self._option = bytes((8 if id_context is None else 24,))  # of the last request
        extra = b"" if id_context is None else bytes((len(id_context),)) + id_context
        self._tail = extra + sender_id
        self._other_tail = extra and extra + recipient_id
        self._unanswered = None  # the one request whose nonce an answer may still use
        self.kernel = kernel
        self.recipient_id = recipient_id
        self.id_context = id_context
        self.window = Window()

    # A client's half

    def protect_request(self, code, options, payload):
        """-> (code, options, payload, request); the last goes to unprotect_response (section 8.1).

        Raises ValueError for a message that cannot be one, StoreError without a number to send with.
        """
        outer = []
        size = oscore_wire.split(self.kernel, outer, code, options, payload)
        sender = self._sender
        value = self._value(self._next_sequence())
        sealed = self._crypt(sender, value, sender, value, oscore_wire.plain, size, False)
        code = _POST
        if outer:
            if oscore_wire.observes(outer):
                code = _FETCH
            oscore_wire.insert(outer, OPTION, value)
        else:
            outer.append((OPTION, value))
        return code, outer, sealed, value

    def unprotect_response(self, request, options, payload, notifications=None):
        """request: from protect_request; notifications: what came of it before, if it was a registration (section 8.4).

        -> (code, options, payload). Observe then has the low 24 bits of the notification's number. Raises WireError
        and, for a notification that is not the newest, AuthError. Nothing is lost by that: it is to be ignored.
        """
        value = oscore_wire.find(options)
        kid = oscore_wire.check(value)
        sender = self._sender
        recipient = self._recipient
        if value and (value[0] & 16 or (kid and not self.kernel.same(value, kid, recipient.id))):
            raise oscore_wire.undecoded()
        if value and value[0] & 7:
            n = oscore_wire.number(value)
            inner = self._crypt(recipient, value, sender, request, payload, len(payload) - TAG_B, True)
        else:
            n = None
            inner = self._crypt(sender, request, sender, request, payload, len(payload) - TAG_B, True)
        if not inner:
            raise WireError(_OSCORE_FORGED, "Decryption failed")
        inner = memoryview(inner)
        options, payload = oscore_wire.join(self.kernel, inner, options, n)
        observes = oscore_wire.observes(options)
        if notifications is None:
            if observes:
                raise WireError(_OSCORE_OBSERVE)
        elif (observes or n is not None) and not notifications.newer(n):
            raise AuthError(_OSCORE_REPLAY)
        return inner[0], options, payload

    # A server's half

    def is_for(self, value):
        """Whether a checked OSCORE option with a kid is of this context's peer. The kid context may be missing."""
        at = 1 + (value[0] & 7)
        return self.kernel.same(value, at, self._other_tail if value[0] & 16 else self.recipient_id)

    def unprotect_request(self, request, options, payload):
        """request: a checked OSCORE option with a partial IV -> (code, options, payload, request, self) (section 8.2).

        Raises WireError or AuthError, and then the window is as it was, but for a message that is authentic and yet
        malformed. Damage and forgery are not told apart. While the window is not known, the caller must see that a
        request is fresh, and then call begin.
        """
        # Small, so that its frame is on the stack: one on the heap would make all that is kept here slow to find.
        inner = memoryview(self._open(request, payload))
        options, payload = oscore_wire.join(self.kernel, inner, options)
        return inner[0], options, payload, request, self

    def _open(self, request, payload):
        n = oscore_wire.number(request)
        window = self.window
        if not window.allows(n):
            raise AuthError(_OSCORE_REPLAY, "Replay detected")
        recipient = self._recipient
        inner = self._crypt(recipient, request, recipient, request, payload, len(payload) - TAG_B, True)
        if not inner:
            raise WireError(_OSCORE_FORGED, "Decryption failed")
        self._unanswered = None
        if window.known:
            window.add(n)
            self._unanswered = request
        return inner

    def begin(self, request):
        """This request, the last that was unprotected, is fresh (section B.1.2)."""
        self.window.begin(oscore_wire.number(request))
        self._unanswered = request

    def protect_response(self, request, code, options, payload):
        """request: as unprotect_request returned it -> (code, options, payload) (section 8.3).

        The first answer to the last request has the nonce of that; every other, and each notification, a number of its
        own, so that none is used twice. Raises as protect_request.
        """
        outer = []
        size = oscore_wire.split(self.kernel, outer, code, options, payload)
        observes = oscore_wire.observes(outer)
        recipient = self._recipient
        first = request == self._unanswered
        if first:
            self._unanswered = None
        if first and not observes:
            value = b""
            sealed = self._crypt(recipient, request, recipient, request, oscore_wire.plain, size, False)
        else:
            own = coap.uint_bytes(self._next_sequence()) or b"\0"
            value = bytes((len(own),)) + own
            sealed = self._crypt(self._sender, value, recipient, request, oscore_wire.plain, size, False)
        oscore_wire.insert(outer, OPTION, value)
        return coap.CONTENT if observes else coap.CHANGED, outer, sealed

    # Both

    def _value(self, n):
        """The OSCORE option of a request (section 6.1)."""
        value = self._option
        size = 1
        while n >> 8 * size:
            size += 1
        if size != value[0] & 7:
            value = self._option = bytearray((value[0] & 24 | size,)) + bytes(size) + self._tail
        while size:
            value[size] = n & 255
            n >>= 8
            size -= 1
        return bytes(value)

    @micropython.native  # as Ccm.crypt
    def _crypt(self, generator, own, asker, asked, data, size, opening):
        """generator: the side whose partial IV makes the nonce; asker: that of the request. None: it was forged."""
        if size < 0 or size > MAX_B:
            if opening:
                return None
            raise ValueError("length")
        aad = asker.aad(asked[0] & 7)
        nonce = generator.nonce
        self.kernel.bind(nonce, generator.base, aad, own, asked)
        side = self._recipient if opening else self._sender
        return side.ccm.crypt(nonce, aad, data, size, opening)


def _bstr(data):
    return bytes((0x40 | len(data),)) + data
