"""The peers of a device, each with a security context of its own (RFC 8613), see docs/protocol.md. MicroPython."""

from micropython import const
from tos import roles
from tos.bodies import refuse
from tos.lazy import lend
from tos.state import load
from tos.store import Record
from toscore import cbor_viper as cbor
from toscore import coap
from toscore import oscore_kernel_viper as kernel
from toscore.errors import AuthError, Busy, StoreError, TosError, WireError
from toscore.oscore import Context
from toscore.oscore_server import Server
from toscore.sequence import Reserve

_STORE_FAILED = const(407)
_UNSECURED = const(356)
_NOT_A_PEER = const(375)
_PEER_NO_ROOM = const(358)
_PEER_BAD = const(423)
_SEQUENCE_LOST = const(424)

MOST = 8
_OPEN = ((coap.GET, ".well-known/core"), (coap.POST, "p"))  # to everybody
SLOT = "peer%d"
_SENT = "sent"

# Keys of a peer in the keystore, as in trust.py.
_SECRET = const(0)
_SALT = const(1)
_SENDER = const(2)
_RECIPIENT = const(3)
_ID_CONTEXT = const(4)
_NAME = const(5)
_ROLE = const(6)
_PATHS = const(7)
_ADDRESS = const(8)
_FIELDS = const(9)


class Peer:
    """One of them. Its secret stays in the keystore, and its keys are derived when it first speaks: that takes 7 ms
    and 1.5 KB on a chip. From each start on, until it has shown to be there, its requests are answered with an Echo;
    not with a new key, of which there can be no recording.

    role: of tos.roles. paths: of the resources that a PEER may read and write. address: where it is called, or None.
    """

    def __init__(self, peers, slot, row, is_new=False):
        self.slot = slot
        self.name = row[_NAME]
        self.role = row[_ROLE]
        self.paths = row[_PATHS]
        self.address = row[_ADDRESS]
        self.recipient_id = row[_RECIPIENT]
        self.id_context = row[_ID_CONTEXT]
        self.context = None
        self.is_new = is_new
        self._peers = peers

    # What Server asks of a context

    def is_for(self, value):
        """See Context.is_for."""
        named = self.recipient_id
        if value[0] & 16:
            if self.id_context is None:
                return False
            named = bytes((len(self.id_context),)) + self.id_context + named
        return kernel.same(value, 1 + (value[0] & 7), named)

    def unprotect_request(self, value, options, payload):
        """See Context.unprotect_request."""
        if self.context is None:
            self.context = self._peers.derive(self)
        return self.context.unprotect_request(value, options, payload)


class Peers:
    """At most MOST, and what they ask of the link.

    All contexts send with numbers of one counter. That is one write for each 128 messages, whoever gets them; and a
    key that is removed and comes back meets no number for the second time. The counter is kept twice, in the keystore
    and in a record, and the higher one counts: a bit that flips can bring an older one of either back, see
    tests/crash/lab.py. With both lost, nothing is sent.
    """

    def __init__(self, app, link, path="/sent.rec"):
        board = app.board
        self.app = app
        self._keystore = board.keystore
        self._aes = board.aes
        self._log = app.log
        self.link = link
        self._is_plain = getattr(board, "plain", False)
        self._record = Record(path)
        self._server = Server(board.rng)
        self.all = []
        for slot in range(MOST):
            row = self.row(slot)
            if row is not None:
                self.put(Peer(self, slot, row))
        self.begin()

    def add(self, *about, **more):
        """See trust.add. Others may change who is trusted only by this, and remove."""
        lend("trust").add(self, *about, **more)

    def remove(self, name):
        """See trust.remove."""
        lend("trust").remove(self, name)

    def find(self, name):
        """The peer of this name, or None."""
        for peer in self.all:
            if peer.name == name:
                return peer

    def has_owner(self):
        return any([peer.role == roles.OWNER for peer in self.all])

    def derive(self, peer):
        """-> a Context, whose `peer` says who asks. Raises StoreError, and Busy without memory."""
        row = self.row(peer.slot)
        if row is None:
            raise StoreError(_PEER_BAD, peer.slot)
        ids = row[_SENDER], row[_RECIPIENT]
        try:
            context = Context(self._aes, kernel, row[_SECRET], row[_SALT], *ids, self._next, row[_ID_CONTEXT])
        except MemoryError:
            raise Busy(_PEER_NO_ROOM)
        context.peer = peer
        if peer.is_new:
            context.window.begin()
        return context

    # What the device asks itself

    def context(self, name):
        """-> the Context of a peer, to ask with. Raises AuthError without such a peer, StoreError, Busy."""
        peer = self.find(name)
        if peer is None:
            raise AuthError(_NOT_A_PEER, name)
        if peer.context is None:
            peer.context = self.derive(peer)
        return peer.context

    # What the link asks

    def check(self, seal, code, path):
        """The one place where a request is let through: AuthError in the clear, Denied to whom may not ask for it."""
        if seal is not None:
            peer = seal[0].peer
            roles.check(peer.role, peer.paths, code, path)
        elif not self._is_plain and (code, path) not in _OPEN:
            raise AuthError(_UNSECURED, path)

    def answer(self, peer, token, options, payload):
        """RFC 8613 sections 8.2 to 8.4. What comes of an error before there is a context is not protected."""
        try:
            code, options, payload, request, context = self._server.receive(options, payload)
            if context is None:  # the peer must show that it is there, and this says so
                return code, options, payload
            answer = self.link.reply(peer, code, token, options, bytes(payload), (context, request))
            return answer if answer[0] == coap.EMPTY else context.protect_response(request, *answer)
        except TosError as e:
            self._log.event(e.code)
            return refuse(e.coap, e.code, e.detail, ((coap.MAX_AGE, b""),))

    def protect(self, seal, message):
        """-> (code, options, payload) of a notification; None, logged, without a number to send it with."""
        try:
            return seal[0].protect_response(seal[1], *message)
        except StoreError as e:
            self._log.event(e.code)

    # What is stored

    def put(self, peer):
        self.all.append(peer)
        self._server.put(peer)

    def forget(self, peer):
        self.all.remove(peer)
        self._server.remove(peer)

    def row(self, slot):
        """What is stored of a peer; None when there is none or, which is logged, it cannot be read."""
        try:
            value = self._keystore.get(SLOT % slot)
            if value is None:
                return None
            row = cbor.loads(value)
            if isinstance(row, dict) and len(row) == _FIELDS:
                return row
        except (StoreError, OSError, WireError):
            pass
        self._log.event(_PEER_BAD, slot)
        return None

    def keep(self, name, value):
        try:
            self._keystore.put(name, value)
        except OSError as e:
            raise StoreError(_STORE_FAILED, e.errno)

    # The counter

    def begin(self):
        found = [load(self._record, self._log, None)]
        try:
            value = self._keystore.get(_SENT)
            if value is not None:
                found.append(int.from_bytes(value, "big"))
        except (StoreError, OSError):
            self._log.event(_STORE_FAILED)
        found = [n for n in found if n is not None]
        self.numbers = Reserve(max(found), self.save) if found else None

    def _next(self):
        if self.numbers is None:
            raise StoreError(_SEQUENCE_LOST)
        return self.numbers.next()

    def save(self, n):
        self.keep(_SENT, n.to_bytes(6, "big"))
        self._record.save(n)
