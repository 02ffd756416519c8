"""Whom a device trusts, for those who may know and change it: `/p` and `/r`, see docs/protocol.md. MicroPython.

Loaded when one of them is asked for.
"""

from micropython import const
from tos import roles
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import Denied, WireError

_ROLE = const(367)
_PEER_MALFORMED = const(368)
_HUB_MALFORMED = const(369)

_FORMAT_CBOR = ((coap.CONTENT_FORMAT, bytes((coap.CBOR,))),)
_PATHS = const(16)  # of one peer

# Keys of a peer, as in peers.py; its name is in the path.
_KEYS = (0, 1, 2, 3, 4, 6, 7, 8)
_OPTIONAL = (4, 7, 8)


def find(app, path):
    """As Bodies.find. A target has put(value, peer, seal), and that of a peer's row remove(seal)."""
    if path == "p":
        return (lambda: _listed(app)) if app.pairing else None, None, app.pairing and _FORMAT_CBOR
    if path == "r":
        mailbox = Mailbox(app)
        return mailbox.body, mailbox, _FORMAT_CBOR
    return None, Row(app.link.secure(), path[2:]), _FORMAT_CBOR


def _listed(app):
    rows = [[peer.name, peer.role, peer.paths] for peer in app.link.peers.all]
    return cbor.dumps({0: app.pairing.open_ms(), 1: rows})


class Row:
    """`/p/<name>`: a peer that a hub brings so that two devices work together, or one that is to be revoked."""

    def __init__(self, peers, name):
        self._peers = peers
        self._name = name

    def put(self, row, peer, seal):
        """Raises WireError, Denied for the name of one that came by pairing, Busy, StoreError."""
        known = self._peers.find(self._name)
        if known is not None and known.role != roles.PEER:
            raise Denied(_ROLE, self._name)
        if not isinstance(row, dict) or [key for key in row if key not in _KEYS]:
            raise WireError(_PEER_MALFORMED, "keys")
        secret, salt, sender_id, recipient_id, id_context, role, paths, address = [row.get(key) for key in _KEYS]
        for key in _KEYS:
            if row.get(key) is None and key not in _OPTIONAL:
                raise WireError(_PEER_MALFORMED, key)
        for value in (secret, salt, sender_id, recipient_id):
            if not isinstance(value, bytes):
                raise WireError(_PEER_MALFORMED, "keys")
        if paths is None:
            paths = []
        if role != roles.PEER or not isinstance(paths, list) or len(paths) > _PATHS:
            raise WireError(_PEER_MALFORMED, "role")
        if [path for path in paths if not isinstance(path, str)] or not isinstance(address, (str, type(None))):
            raise WireError(_PEER_MALFORMED, "paths")
        if not isinstance(id_context, (bytes, type(None))):
            raise WireError(_PEER_MALFORMED, "id context")
        for other in self._peers.all:  # whose ids it has would have to go
            if (other.recipient_id, other.id_context) == (recipient_id, id_context) and other.name != self._name:
                raise WireError(_PEER_MALFORMED, "id")
        try:
            self._peers.add(self._name, role, secret, salt, sender_id, recipient_id, id_context, paths, address)
        except ValueError as e:
            raise WireError(_PEER_MALFORMED, str(e))

    def remove(self, seal):
        """Nothing if there is none. Raises Denied, StoreError."""
        known = self._peers.find(self._name)
        if known is not None and known.role != roles.PEER and seal is not None and seal[0].peer.role == roles.HUB:
            raise Denied(_ROLE, self._name)
        self._peers.remove(self._name)


class Mailbox:
    """`/r`: where the device reports to, and with whose context."""

    def __init__(self, app):
        self._app = app

    def body(self):
        config = self._app.config
        return cbor.dumps({0: config.get("hub"), 1: config.get("hub_peer")})

    def put(self, value, peer, seal):
        """{0: "HOST:PORT"}; without a host the one that asks. Raises WireError, StoreError."""
        address = value.get(0) if isinstance(value, dict) and len(value) == 1 else None
        if not isinstance(address, str) or address.count(":") != 1:
            raise WireError(_HUB_MALFORMED)
        host, port = address.split(":")
        radio = self._app.board.radio
        try:
            radio.address(host or "127.0.0.1", int(port))
        except (OSError, ValueError):
            raise WireError(_HUB_MALFORMED)
        if not host:
            host = radio.host(peer)
        name = None if seal is None else seal[0].peer.name
        self._app.config.update({"hub": "%s:%d" % (host, int(port)), "hub_peer": name})
