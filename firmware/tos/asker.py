"""What the device asks others, with a peer's context or in the clear: `request` as an Exchange has it. MicroPython."""

from micropython import const
from toscore import coap
from toscore.errors import TosError

_ANSWER_UNSEALED = const(372)

_OSCORE = const(9)


class Asker:
    """For Link.ask, and for toscore.fetch in place of an Exchange.

    context: see toscore.oscore; None asks in the clear. wake(): there is something to repeat when time has passed.

    What is asked with a context is answered with it, or not at all: an answer in the clear, such as an error of a peer
    that does not know us (RFC 8613 section 8.2), and one that does not open, are logged and handed on as none. A peer
    that cannot know whether a request is fresh wants to see its Echo again (RFC 9175 section 2.3): it gets it, once.
    """

    def __init__(self, app, exchange, wake, context=None):
        self._app = app
        self._exchange = exchange
        self._wake = wake
        self._context = context
        self._last = None  # (peer, token) of the latest request
        self.cancel = exchange.cancel

    def request(self, now, peer, code, options, payload, done, confirmable=True):
        """See Exchange.request. Raises StoreError without a number to send with."""
        context = self._context
        message = code, options, payload
        if context is not None:
            *message, asked = context.protect_request(code, options, payload)

        def answered(answer, more, body):
            log = self._app.log
            try:
                if context is not None and answer is not None:
                    if coap.option(more, _OSCORE) is None:
                        log.event(_ANSWER_UNSEALED, (answer >> 5) * 100 + (answer & 31))
                        answer = None
                    else:
                        answer, more, body = context.unprotect_response(asked, more, body)
                echo = coap.option(more, coap.ECHO)
                if answer == coap.UNAUTHORIZED and echo is not None and coap.option(options, coap.ECHO) is None:
                    again = [option for option in options if option[0] < coap.ECHO] + [(coap.ECHO, bytes(echo))]
                    again += [option for option in options if option[0] > coap.ECHO]
                    self.request(self._app.clock.ms(), peer, code, again, payload, done, confirmable)
                    return
            except TosError as e:
                log.event(e.code)
                answer = None
            if answer is None:
                more, body = (), b""
            done(answer, more, body)

        token = self._exchange.request(now, peer, *message, answered, confirmable)
        self._last = peer, token
        self._wake()
        return token

    def stop(self, now):
        """Forget the latest request, also where it was asked again with an Echo: done is not called."""
        self.cancel(now, *self._last)
