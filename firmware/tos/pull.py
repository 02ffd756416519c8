"""Where the bytes of an update come from: a peer of the link, or any CoAP server. MicroPython; see ota.py."""

import asyncio

from micropython import const
from toscore import coap
from toscore.errors import WireError
from toscore.fetch import Fetch

_OTA_SOURCE = const(438)


async def pull(app, where, offset, sink, is_wanted):
    """The bytes from an offset on to sink(offset, piece): until the end, as long as they come and it is wanted.

    WireError when they are not to be had there; what sink raises.
    """
    name, _, host, port, path = where
    try:
        peer = app.board.radio.address(host, port)
    except (OSError, ValueError):
        raise WireError(_OTA_SOURCE)
    options = [(coap.URI_PATH, segment.encode()) for segment in path.split("/")]
    heard = asyncio.Event()
    fetch = Fetch(_Asker(app.link.asker(name), heard), peer, options, sink, offset=offset)
    try:
        while is_wanted() and app.link.port is not None:
            heard.clear()
            wait_ms = fetch.step(app.clock.ms())
            app.link.flush()
            if wait_ms is None:
                break
            try:
                await asyncio.wait_for_ms(heard.wait(), wait_ms)
            except asyncio.TimeoutError:
                pass
    finally:
        fetch.stop(app.clock.ms())
    if fetch.result and fetch.result != coap.CONTENT:
        raise WireError(_OTA_SOURCE)


class _Asker:
    """As an Exchange, and says when an answer came."""

    def __init__(self, asker, heard):
        self._asker = asker
        self._heard = heard
        self.cancel = asker.cancel

    def request(self, now, peer, code, options, payload, done, confirmable):
        def answered(*answer):
            done(*answer)
            self._heard.set()

        return self._asker.request(now, peer, code, options, payload, answered, confirmable)
