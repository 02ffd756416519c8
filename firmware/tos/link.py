"""The link: the device's resources over CoAP, see docs/protocol.md. A service. MicroPython."""

import asyncio

from micropython import const
from tos.bodies import Bodies, refuse
from tos.lazy import drop, load
from tos.ports import DATAGRAM_B
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import Busy, StoreError, TosError, WireError
from toscore.exchange import Exchange
from toscore.observe import Observers

_DATAGRAM_TOO_LONG = const(324)
_OBSERVERS_FULL = const(325)
_OBSERVER_GONE = const(326)
_BAD_OPTION = const(327)
_NOT_CBOR = const(328)
_NO_SUCH_PATH = const(331)
_READ_ONLY = const(332)
_WRONG_TYPE = const(334)
_BODY_INCOMPLETE = const(346)
_BODY_TOO_LONG = const(347)
_PEER_NO_ROOM = const(358)
_CANNOT_IDENTIFY = const(385)
_PORT_TAKEN = const(410)
_TOO_LONG_TO_SEND = const(411)
_OTA_MEMORY = const(441)

_EADDRINUSE = (98, 112)  # Linux, ESP-IDF
_ANY = "0.0.0.0"
_PORT = 5683
_PEERS = const(8)  # as in peers.py

_OSCORE = const(9)
_LARGEST = const(6)  # size exponent: a block has 16 << exponent bytes, 1024 at most
_BODY_B = const(8192)
_ITEMS = const(512)  # of a payload: a thousand empty arrays would take 74 KB
_FORMAT_CBOR = (coap.CONTENT_FORMAT, bytes((coap.CBOR,)))


class Link:
    """Answers requests, notifies observers. The exchange machine below it knows no resource, this knows no message.

    peers: see peers.py; None on a simulated device that is plain and has none. A seal is (context, request) of what was
    asked by one of them, and None of what was asked in the clear.
    """

    def __init__(self, app):
        self._app = app
        self.port = None  # as others reach it; None while there is no socket
        self._udp = None
        self._observers = Observers()
        self._bodies = Bodies(app)
        self._transfers = None  # Bodies and Uploads of block.py, while there are any
        self._exchange = Exchange(self._answer, app.board.rng, self._reset)
        self._wake = asyncio.Event()
        app.watch(self._changed)
        self.peers = None
        if not getattr(app.board, "plain", False) or _has_peers(app.board.keystore):
            self.secure()

    def secure(self):
        """-> peers, which are loaded now if they were not."""
        if self.peers is None:
            from tos.peers import Peers

            self.peers = Peers(self._app, self)
        return self.peers

    def is_owned(self):
        """Whether one of the peers is an owner."""
        return self.peers is not None and self.peers.has_owner()

    async def run(self, app):
        port = app.config.get("port", _PORT)
        try:
            self._udp = app.board.radio.udp(app.config.get("listen", _ANY), port)
        except OSError as e:
            if e.errno in _EADDRINUSE:
                app.log.event(_PORT_TAKEN, port)
            raise
        self.port = self._udp.port
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._notify())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            self.port = None
            self._udp.close()

    async def _listen(self):
        while True:
            datagram, peer = await self._udp.recv()
            self._receive(datagram, peer)

    def _receive(self, datagram, peer):
        log = self._app.log
        if len(datagram) > DATAGRAM_B:
            log.event(_DATAGRAM_TOO_LONG)
            return
        try:
            self._exchange.receive(self._app.clock.ms(), peer, datagram)
        except WireError as e:
            log.event(e.code, e.detail)
        self.flush()

    def flush(self):
        """Send what waits."""
        for peer, datagram in self._exchange.out:
            self._udp.send(datagram, peer)
        self._exchange.out.clear()

    def asker(self, name=None):
        """-> an Asker, with the context of the peer of that name. Raises AuthError without one, StoreError, Busy."""
        from tos.asker import Asker

        context = None if name is None else self.secure().context(name)
        return Asker(self._app, self._exchange, self._wake.set, context)

    def ask(self, peer, code, path, payload, done, name=None):
        """A request with CBOR, from the link's own socket -> its Asker; name: of the peer whose context protects it.
        Raises as asker. done(code, options, payload) is called once, with code None when no answer came that counts."""
        options = [(coap.URI_PATH, segment.encode()) for segment in path.split("/")]
        if payload:
            options.append(_FORMAT_CBOR)
        asker = self.asker(name)
        asker.request(self._app.clock.ms(), peer, code, options, payload, done)
        return asker

    # Requests

    def _answer(self, peer, code, token, options, payload):
        """The exchange's handler: a request -> (code, options, payload)."""
        if self.peers is not None and coap.option(options, _OSCORE) is not None:
            return self.peers.answer(peer, token, options, payload)
        return self.reply(peer, code, token, options, payload, None)

    def reply(self, peer, code, token, options, payload, seal):
        """As _answer, of what is in the clear now."""
        answer = self._outcome(peer, code, token, options, payload, seal)
        unwanted = coap.option(options, coap.NO_RESPONSE)  # RFC 7967 section 2.1: a bit for each class of codes
        if code == coap.GET or answer[0] in (coap.EMPTY, coap.CONTINUE) or not unwanted or len(unwanted) > 1:
            return answer
        return (coap.EMPTY, (), b"") if unwanted[0] >> (answer[0] >> 5) - 1 & 1 else answer

    def _outcome(self, peer, code, token, options, payload, seal):
        path = None
        try:
            path = "/".join([str(value, "utf-8") for number, value in options if number == coap.URI_PATH])
            if self.peers is not None:
                self.peers.check(seal, code, path)
            return self._route(peer, code, token, path, options, payload, seal)
        except TosError as e:
            self._app.log.event(e.code)
            return refuse(e.coap, e.code, e.detail)
        except UnicodeError:
            return refuse(coap.BAD_OPTION, _BAD_OPTION, coap.URI_PATH)

    def _route(self, peer, code, token, path, options, payload, seal):
        blocks = coap.BLOCK2 if code == coap.GET else coap.BLOCK1
        for number, value in options:
            # Critical options are odd (RFC 7252 section 5.4.6). Known: Uri-Host, -Port, -Path, -Query, Accept, Block.
            known = number in (3, 7, coap.URI_PATH, coap.URI_QUERY, coap.ACCEPT, blocks)
            if (number & 1 and not known) or (number == blocks and len(value) > 3):
                return refuse(coap.BAD_OPTION, _BAD_OPTION, number)
        if self._app.pairing is not None and path[:2] in ("p", "p/", "r"):
            return self._app.pairing.route(peer, code, token, path, options, payload, seal)
        if self._app.pay is not None and path[:2] == "y/":
            return load(self._app.pay.link).route(self._app.pay, code, path, options, payload, seal)
        if path == "d" and code == coap.POST:
            from tos.identify import begin

            if begin(self._app):
                return coap.CHANGED, (), b""
            return refuse(coap.METHOD_NOT_ALLOWED, _CANNOT_IDENTIFY, None)
        produce, target, form = self._bodies.find(path)
        if not (produce or target):
            return refuse(coap.NOT_FOUND, _NO_SUCH_PATH, path)
        if code == coap.GET and produce:
            accept = coap.option(options, coap.ACCEPT)
            if accept is not None and bytes(accept) != form[0][1]:
                return refuse(coap.NOT_ACCEPTABLE, _NOT_CBOR, path)
            return self._get(peer, token, path, options, produce, form, seal)
        if (code == coap.PUT and target is not None) or (code == coap.POST and path == "o"):
            return self._put(peer, code, token, path, target, options, payload, seal)
        return refuse(coap.METHOD_NOT_ALLOWED, _READ_ONLY, path)

    def _get(self, peer, token, path, options, produce, form, seal):
        now = self._app.clock.ms()
        who = _who(peer, seal)
        number, exponent = 0, _LARGEST
        in_blocks = coap.option(options, coap.BLOCK2) is not None
        if in_blocks:
            number, exponent = self._blocks().asked(options)
        body = self._transfers[0].find(now, who, path) if number else None
        if body is None:
            body = self._make(produce)
        if body is None:
            return refuse(coap.INTERNAL_ERROR, _TOO_LONG_TO_SEND, path)
        observe = coap.option(options, coap.OBSERVE)
        if number:
            self._wake.set()  # a notification may have waited for the end of this transfer
        elif observe is not None and path[0] in "sebo":
            if coap.uint(observe) != 0:
                self._observers.remove(peer, token)
            elif self._observers.add(now, peer, token, path, exponent, seal):
                form = self._observe_option() + form
            else:
                self._app.log.event(_OBSERVERS_FULL)
        if in_blocks or len(body) > 16 << exponent:
            self._blocks()
            return (coap.CONTENT,) + self._transfers[0].cut(now, who, path, body, number, exponent, form)
        return coap.CONTENT, form, body

    def _put(self, peer, method, token, path, target, options, payload, seal):
        origin = "link" if seal is None else "link/" + seal[0].peer.name
        form = coap.option(options, coap.CONTENT_FORMAT)
        if form is not None and coap.uint(form) != coap.CBOR:
            return refuse(coap.UNSUPPORTED_FORMAT, _NOT_CBOR, path)
        if path[:2] == "s/" and not target.writable:
            return refuse(coap.METHOD_NOT_ALLOWED, _READ_ONLY, target.path)
        now = self._app.clock.ms()
        if coap.option(options, coap.BLOCK1) is None:
            code, options = coap.CHANGED, ()
        else:
            self._blocks()
            code, options, payload = self._transfers[1].take(now, _who(peer, seal), path, options, payload)
        if code == coap.CONTINUE:
            return code, options, b""
        if payload is None:
            word = _BODY_INCOMPLETE if code == coap.INCOMPLETE else _BODY_TOO_LONG
            self._app.log.event(word)
            return refuse(code, word, path, options)
        if path == "i":
            target.take(now, _who(peer, seal), payload)
            # Without a token no answer can be told from another, and a pad's events want none: one datagram each.
            return code if token else coap.EMPTY, options, b""
        value = cbor.loads(payload, items=_ITEMS)
        if path == "o":
            try:
                from tos.ota import ask
            except MemoryError:
                raise Busy(_OTA_MEMORY)
            ask(self._app, method, value, peer, None if seal is None else seal[0].peer.name)
            return code, options, b""
        if path == "b":
            target.replace(value)
            self.changed("b")
            return code, options, b""
        if path == "n":
            target.put(value)
            return code, options, b""
        if path != "s":
            changes = [(target, value)]
        elif isinstance(value, dict):
            changes = [(self._app.table.at(index), value) for index, value in value.items()]
        else:
            raise WireError(_WRONG_TYPE, path)
        for r, value in changes:
            r.check(value, origin)
        for r, value in changes:
            self._app.set(r.path, value, origin)
        return code, options, b""

    def _make(self, produce):
        """A body; None, logged, when it is too long or there is no memory for it."""
        for _ in range(2):
            try:
                body = produce()
                if len(body) <= _BODY_B:
                    return body
            except MemoryError:
                self._end_transfers()  # what is kept for others may be the room that is missing
        self._app.log.event(_TOO_LONG_TO_SEND)

    def _blocks(self):
        """-> block.py, loaded now if it was not; the notifier drops it when no transfer is under way."""
        try:
            from toscore import block
        except MemoryError:
            raise Busy(_PEER_NO_ROOM)
        if self._transfers is None:
            self._transfers = block.Bodies(), block.Uploads()
            self._wake.set()
        return block

    def _end_transfers(self):
        self._transfers = None
        drop("toscore.block")

    def respond(self, *answer):
        """(peer, code, token, options, payload): what was answered EMPTY is answered now, RFC 7252 section 5.2.2."""
        self._exchange.respond(self._app.clock.ms(), *answer, True, lambda heard: None)
        self.flush()
        self._wake.set()

    # Observers

    def forget(self, wanted):
        """Of observers, all but the wanted(observer); and every transfer that is under way."""
        self._observers.keep(wanted)
        self._end_transfers()

    def changed(self, path):
        """Whoever observes this path is to hear of it."""
        if self._observers.mark(path):
            self._wake.set()

    def _changed(self, r):
        """The app's watcher: marks who must hear of it. The notifier sends, and makes one datagram of a chain."""
        if r.type == "event":
            self._bodies.happened(r)
            cared = self._observers.mark("e")
        else:
            cared = self._observers.mark("s") | self._observers.mark("s/" + r.path)
        if cared:
            self._wake.set()

    async def _notify(self):
        while True:
            wait_ms = self._step()
            try:
                await asyncio.wait_for_ms(self._wake.wait(), wait_ms)
            except asyncio.TimeoutError:
                continue
            self._wake.clear()

    def _step(self):
        """Notify whoever is due and retransmit. Returns ms until there is more to do, or None."""
        now = self._app.clock.ms()
        waits = []
        for observer in self._observers.due():
            busy_ms = 0
            if self._transfers:
                busy_ms = self._transfers[0].busy_ms(now, _who(observer.peer, observer.seal), observer.path)
            if not busy_ms:
                self._send_to(now, observer)
            waits.append(busy_ms)
        waits.append(self._exchange.tick(now))
        if self._transfers:
            ends = [wait_ms for wait_ms in [machine.tick(now) for machine in self._transfers] if wait_ms]
            waits += ends
            if not ends:
                self._end_transfers()
        self.flush()
        return min([wait_ms for wait_ms in waits if wait_ms], default=None)

    def _send_to(self, now, observer):
        produce, _, form = self._bodies.find(observer.path)
        body = self._make(produce)
        if body is None:  # RFC 7641 section 4.2: the error is the last it hears
            self._observers.remove(observer.peer, observer.token)
            self._tell(now, observer, False, None, refuse(coap.INTERNAL_ERROR, _TOO_LONG_TO_SEND, observer.path))
            return
        confirmable = self._observers.begin(now, observer)
        options = self._observe_option() + form
        if len(body) > 16 << observer.exponent:
            who = _who(observer.peer, observer.seal)
            self._blocks()
            options, body = self._transfers[0].cut(now, who, observer.path, body, 0, observer.exponent, options)

        def settled(acknowledged):
            if not self._observers.settled(observer, acknowledged):
                self._app.log.event(_OBSERVER_GONE)
            self._wake.set()

        self._tell(now, observer, confirmable, settled, (coap.CONTENT, options, body))

    def _tell(self, now, observer, confirmable, settled, message):
        if observer.seal is not None:
            message = self.peers.protect(observer.seal, message)
            if message is None:
                self._observers.remove(observer.peer, observer.token)
                return
        code, options, body = message
        observer.mid = self._exchange.respond(
            now, observer.peer, code, observer.token, options, body, confirmable, settled
        )

    def _reset(self, peer, mid):
        if self._observers.reset(peer, mid):
            self._app.log.event(_OBSERVER_GONE)

    def _observe_option(self):
        return ((coap.OBSERVE, coap.uint_bytes(self._observers.sequence())),)


def _who(peer, seal):
    """Whose transfer of blocks it is: an address can be forged, a context cannot."""
    return peer if seal is None else seal[0]


def _has_peers(keystore):
    """Whether there is a peer, or something in its place that cannot be read."""
    try:
        return any([keystore.get("peer%d" % n) is not None for n in range(_PEERS)])
    except (StoreError, OSError):
        return True
