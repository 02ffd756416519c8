"""A server's contexts: which one a request is for, and whether it is fresh (RFC 8613 sections 8.2, B.1.2). Pure."""

from micropython import const
from toscore import coap, oscore_wire
from toscore.errors import AuthError

_OSCORE_CONTEXT = const(352)
_OSCORE_REPLAY = const(353)

_ECHO_B = const(8)


class Server:
    """Contexts, told apart by kid and kid context. rng(n) -> n bytes."""

    def __init__(self, rng):
        self._rng = rng
        self._contexts = []

    def put(self, context):
        """Add a context, or replace that of the same ids; no request of the old one is taken from then on."""
        self.remove(context)
        self._contexts.append(context)

    def remove(self, context):
        """Forget the context with these ids, if there is one."""
        for known in self._contexts:
            if known.recipient_id == context.recipient_id and known.id_context == context.id_context:
                self._contexts.remove(known)
                return

    def receive(self, options, payload):
        """A request with an OSCORE option -> (code, options, payload, request, context), to be handed on: the answers
        go through context.protect_response. Context None: not to be handed on, the first three are the answer.

        Raises BadOption, AuthError or WireError: what is answered then is not protected (section 8.2).
        """
        value = oscore_wire.find(options)
        if not oscore_wire.check(value) or not value[0] & 7:
            raise oscore_wire.undecoded()
        request = self._of(value).unprotect_request(value, options, payload)
        return request if request[4].window.known else self._prove(request)

    def _of(self, value):
        found = None
        for context in self._contexts:  # all of them: how long it takes says nothing
            if context.is_for(value) and found is None:
                found = context
        if found is None:
            raise AuthError(_OSCORE_CONTEXT, "Security context not found")
        return found

    def _prove(self, request):
        """After a cold boot: only who repeats what was made since then is fresh (RFC 9175 section 2.3)."""
        _, options, _, value, context = request
        window = context.window
        if window.echo is not None and coap.option(options, coap.ECHO) == window.echo:
            context.begin(value)
            return request
        n = oscore_wire.number(value)
        if n <= window.challenged:  # each recording is worth one answer, which costs us a number
            raise AuthError(_OSCORE_REPLAY, "Replay detected")
        window.challenged = n
        if window.echo is None:
            window.echo = self._rng(_ECHO_B)
        return context.protect_response(value, coap.UNAUTHORIZED, ((coap.ECHO, window.echo),), b"") + (None, None)
