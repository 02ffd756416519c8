"""Whom a device trusts, for those who may know and change it: `/p` and `/r`, see docs/protocol.md. MicroPython.

Loaded when one of them is asked for.
"""

from micropython import const
from tos.link import refuse
from tos.roles import HUB, PEER
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import Denied, WireError

_READ_ONLY = const(332)
_ROLE = const(367)
_PEER_MALFORMED = const(368)
_HUB_MALFORMED = const(369)

_FORMAT_CBOR = ((coap.CONTENT_FORMAT, bytes((coap.CBOR,))),)
_PATHS = const(16)  # of one peer
_ITEMS = const(64)

# Keys of a peer, as in peers.py; its name is in the path.
_KEYS = (0, 1, 2, 3, 4, 6, 7, 8)


def route(app, peer, code, path, payload, seal):
    """-> (code, options, payload) of what the peer's role allows. Raises TosError."""
    if path == "p":
        if code == coap.GET:
            return coap.CONTENT, _FORMAT_CBOR, _listed(app)
    elif path == "r":
        if code == coap.GET:
            return coap.CONTENT, _FORMAT_CBOR, cbor.dumps({0: app.config.get("hub"), 1: app.config.get("hub_peer")})
        if code == coap.PUT:
            _report_to(app, cbor.loads(payload, items=_ITEMS), peer, seal[0].peer.name)
            return coap.CHANGED, (), b""
    elif code == coap.PUT:
        _bring(app.link.peers, path[2:], cbor.loads(payload, items=_ITEMS))
        return coap.CHANGED, (), b""
    elif code == coap.DELETE:
        _revoke(app.link.peers, path[2:], seal[0].peer)
        return coap.DELETED, (), b""
    return refuse(coap.METHOD_NOT_ALLOWED, _READ_ONLY, path)


def _listed(app):
    rows = [[peer.name, peer.role, peer.paths] for peer in app.link.peers.all]
    return cbor.dumps({0: app.pairing.open_ms(), 1: rows})


def _bring(peers, name, row):
    """A peer that a hub brings, so that two devices work together. Denied: the name is of one that has paired."""
    known = peers.find(name)
    if known is not None and known.role != PEER:
        raise Denied(_ROLE, name)
    if not isinstance(row, dict) or [key for key in row if key not in _KEYS]:
        raise WireError(_PEER_MALFORMED, "keys")
    secret, salt, sender_id, recipient_id, id_context, role, paths, address = [row.get(key) for key in _KEYS]
    paths = paths or []
    if role != PEER or not isinstance(paths, list) or len(paths) > _PATHS:
        raise WireError(_PEER_MALFORMED, "role or paths")
    texts = paths + ([] if address is None else [address])
    keys = [secret, salt, sender_id, recipient_id] + ([] if id_context is None else [id_context])
    if [text for text in texts if not isinstance(text, str)] or [key for key in keys if not isinstance(key, bytes)]:
        raise WireError(_PEER_MALFORMED, "type")
    for other in peers.all:  # add would take it for the same
        if other.name != name and (other.recipient_id, other.id_context) == (recipient_id, id_context):
            raise WireError(_PEER_MALFORMED, "id")
    try:
        peers.add(name, role, secret, salt, sender_id, recipient_id, id_context, paths, address)
    except ValueError as e:
        raise WireError(_PEER_MALFORMED, str(e))


def _revoke(peers, name, by):
    """Nothing if there is none. A hub may let go only of what it, or another, has brought."""
    known = peers.find(name)
    if known is not None and known.role != PEER and by.role == HUB:
        raise Denied(_ROLE, name)
    peers.remove(name)


def _report_to(app, value, peer, name):
    """value: {0: "HOST:PORT"}; without HOST, where the request came from."""
    address = value.get(0) if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(address, str) or address.count(":") != 1:
        raise WireError(_HUB_MALFORMED)
    host, port = address.split(":")
    radio = app.board.radio
    host = host or radio.parts(peer)[0]
    try:
        radio.address(host, int(port))
    except (OSError, ValueError):
        raise WireError(_HUB_MALFORMED)
    app.config.update({"hub": "%s:%d" % (host, int(port)), "hub_peer": name})
