"""A pairing on a device, from somebody's m1 on, see docs/pairing.md. Loaded by pairing.py for as long as it lasts.
MicroPython.
"""

import asyncio

from micropython import const
from tos.bodies import refuse
from tos.roles import CONTROL, HUB, INPUT, OWNER, PEER, TOKENS
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import Busy, Denied, TosError, WireError
from toscore.pairing import Pairing

_PEER_NO_ROOM = const(358)
_PAIR_ROLE = const(363)
_PAIR_BUSY = const(364)
_PAIR_OVER = const(365)

_PATIENCE_MS = const(3000)
_IDLE_MS = const(30000)  # as long as an exchange may take
_M3_HEAD = b"\xa1"  # a map of one
_NAMELESS = "unnamed"
_ROLES = (OWNER, CONTROL, INPUT, HUB, TOKENS, PEER)
_FORMAT_CBOR = ((coap.CONTENT_FORMAT, bytes((coap.CBOR,))),)


class Exchange:
    """One after the other, each with a machine of lib/toscore/pairing.py."""

    def __init__(self, app):
        self._app = app
        self._peers = app.link.peers
        self._machine = None  # that of the last exchange
        self._work = None  # a task, while an m2 is being made
        self._patient_until = 0  # then the exchange makes way for another
        self._idle_at = app.clock.ms() + _IDLE_MS

    def is_over(self, now):
        return self._work is None and now >= self._idle_at

    def ask(self, peer, token, message):
        """POST /p, which is m1 or m3 -> (code, options, payload); EMPTY for an m1, and m2 later. Raises TosError."""
        now = self._app.clock.ms()
        if message[:1] == _M3_HEAD:
            return self._finish(now, peer, message)
        roles = self._roles()
        if not roles:
            raise Denied(_PAIR_ROLE)
        if self._work is not None or now < self._patient_until:
            raise Busy(_PAIR_BUSY)
        self._idle_at = now + _IDLE_MS
        try:
            machine = Pairing(self._app.pairing.secret, self._app.board.rng, cbor, self._keep)
            work = machine.begin(message, peer, now, roles, [p.recipient_id for p in self._peers.all])
        except MemoryError:
            raise Busy(_PEER_NO_ROOM)
        self._machine = machine
        self._work = asyncio.create_task(self._make(work, peer, token))
        return coap.EMPTY, (), b""

    def _roles(self):
        left_ms = self._app.pairing.open_ms()
        return (OWNER,) if left_ms is None else _ROLES if left_ms else ()

    def _finish(self, now, peer, message):
        if self._machine is None:
            raise WireError(_PAIR_OVER)
        try:
            self._machine.finish(message, peer, now)
        finally:
            if not self._machine.busy(now):  # else it came from elsewhere
                self._patient_until = self._idle_at = now
        return coap.CHANGED, (), b""

    def _keep(self, role, name, secret, salt, sender_id, recipient_id):
        self._peers.add(name or _NAMELESS, role, secret, salt, sender_id, recipient_id, is_new=True)
        self._app.pairing.clear()

    async def _make(self, work, peer, token):
        """An m2, in pieces, so that the loop turns meanwhile and the watchdog is fed."""
        try:
            message = None
            while message is None:
                message = next(work)
                await self._app.clock.sleep_ms(0)
            answer = coap.CHANGED, _FORMAT_CBOR, message
            self._patient_until = self._app.clock.ms() + _PATIENCE_MS
        except TosError as e:
            self._app.log.event(e.code)
            answer = refuse(e.coap, e.code, e.detail)
        except MemoryError:
            answer = refuse(Busy.coap, _PEER_NO_ROOM, None)
        finally:
            self._work = None
        self._app.link.respond(peer, answer[0], token, answer[1], answer[2])
