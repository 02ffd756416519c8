"""What a sleeper carries over deep sleep in RTC memory: its next report costs no write and no Echo. MicroPython.

A format byte, a CRC-32, and CBOR: [next sequence number, end of the reserve, last command, top of the hub's replay
window, the window]; the last three are null where there is none. It is good for one start, which a deep sleep led to:
any other begins with what is in flash, and an Echo.
"""

import binascii

from micropython import const
from toscore import cbor_viper as cbor
from toscore.errors import StoreError, WireError
from toscore.sequence import LAST

_CARRIED_BAD = const(416)

_SEQUENCE_LOST = const(424)

_FORMAT = const(1)
_HEAD_B = const(5)
_SPARE = const(16)  # numbers that a wake has at least
_AHEAD = const(128)  # as in Reserve


def put(app):
    """The last thing before a deep sleep: nothing may be sent any more."""
    peers = app.link.peers
    if peers is None or not peers.all:
        return
    try:
        at, end = _rest(peers)
    except StoreError as e:
        app.log.event(e.code)
        return
    values = [at, end, None, None, None]
    peer = app.hub.peer()
    if peer is not None:
        values[2] = app.hub.reporter().commands.last
        if peer.context is not None and peer.context.window.known:
            values[3:] = [peer.context.window.top, peer.context.window.seen]
    body = cbor.dumps(values)
    app.board.rtc.put(bytes((_FORMAT,)) + binascii.crc32(body).to_bytes(4, "big") + body)


def take(app, woken):
    """The first thing after a start, before anything is sent. woken: from deep sleep."""
    rtc = app.board.rtc
    data = rtc.get()
    if not data:
        return
    rtc.put(b"")
    peers = app.link.peers
    if not woken or peers is None:
        return
    body = data[_HEAD_B:]
    try:
        if data[0] != _FORMAT or binascii.crc32(body) != int.from_bytes(data[1:_HEAD_B], "big"):
            raise ValueError
        at, end, last, top, seen = cbor.loads(body)
        if not _resume(peers, at, end):
            raise ValueError
    except (WireError, ValueError, TypeError):
        app.log.event(_CARRIED_BAD)
        return
    peer = app.hub.peer()
    if peer is None:
        return
    if last is not None:
        app.hub.reporter().commands.last = last
    if top is not None:
        window = peers.context(peer.name).window
        window.top = top
        window.seen = seen
        window.known = True


def _rest(peers):
    """-> (next number to send with, end of the reserve), for a sleep that forgets all else. It reserves before the
    sleep, so that what wakes can send before it writes. Raises StoreError."""
    numbers = peers.numbers
    if numbers is None:
        raise StoreError(_SEQUENCE_LOST)
    if numbers.end - numbers.at < _SPARE:
        end = min(numbers.at + _AHEAD, LAST + 1)
        peers.save(end)
        numbers.end = end
    return numbers.at, numbers.end


def _resume(peers, at, end):
    """As _rest said, after the sleep and before anything is sent. False: that was another reserve."""
    numbers = peers.numbers
    if numbers is None or not numbers.at == numbers.end == end or not end - _AHEAD - _SPARE <= at <= end:
        return False
    numbers.at = at
    return True
