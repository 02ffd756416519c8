"""Whom a device trusts, for those who may know and change it: `/p` and `/r`, see docs/protocol.md. MicroPython.

Lent when one of them is asked for, and whenever a peer comes or goes.
"""

from micropython import const
from tos.bodies import refuse
from tos.peers import MOST, SLOT, Peer
from tos.roles import HUB, PEER
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import Busy, Denied, StoreError, WireError

_PEER_CAME = const(212)
_PEER_GONE = const(213)
_READ_ONLY = const(332)
_PEERS_FULL = const(357)
_ROLE = const(367)
_PEER_MALFORMED = const(368)
_HUB_MALFORMED = const(369)
_STORE_FAILED = const(407)

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


def add(
    peers, name, role, secret, salt, sender_id, recipient_id, id_context=None, paths=(), address=None, is_new=False
):
    """One more, in place of those with the same name or the same ids. Durable when it returns.

    is_new: nobody has sent anything with this key. Raises ValueError, Busy when there are enough, StoreError.
    """
    if not (16 <= len(secret) <= 64 and len(salt) <= 64 and 0 < len(name.encode()) <= 32):
        raise ValueError("peer")
    if sender_id == recipient_id or len(sender_id) > 7 or len(recipient_id) > 7 or len(id_context or b"") > 23:
        raise ValueError("id")
    row = {0: secret, 1: salt, 2: sender_id, 3: recipient_id, 4: id_context}
    row.update({5: name, 6: role, 7: list(paths), 8: address})
    same = [p for p in peers.all if p.name == name or (p.recipient_id, p.id_context) == (recipient_id, id_context)]
    if len(same) == 1 and peers.row(same[0].slot) == row:  # spares the flash
        return
    free = [slot for slot in range(MOST) if slot not in [p.slot for p in peers.all]]
    if not same and not free:
        raise Busy(_PEERS_FULL)
    for other in same[1:]:
        _erase(peers, other)
    if not peers.all and peers.numbers is None:
        peers.save(0)
        peers.begin()
    slot = same[0].slot if same else free[0]
    peers.keep(SLOT % slot, cbor.dumps(row))
    if same:
        peers.forget(same[0])
    peers.put(Peer(peers, slot, row, is_new))
    peers.app.log.event(_PEER_CAME, slot, role)
    _changed(peers)


def remove(peers, name):
    """Forget a peer, for good when it returns; nothing if there is none of that name. Raises StoreError."""
    for peer in peers.all[:]:
        if peer.name == name:
            _erase(peers, peer)
            peers.app.log.event(_PEER_GONE, peer.slot)
            _changed(peers)


def _erase(peers, peer):
    try:
        peers.app.board.keystore.erase(SLOT % peer.slot)
    except OSError as e:
        raise StoreError(_STORE_FAILED, e.errno)
    peers.forget(peer)


def _changed(peers):
    """Nobody hears, or goes on with, what it may not ask for any more."""
    app = peers.app
    if app.remote is not None:
        app.remote.trust_changed()
    contexts = [peer.context for peer in peers.all]
    plain = getattr(app.board, "plain", False)
    peers.link.forget(lambda o: plain if o.seal is None else o.seal[0] in contexts)
