"""A till asks its token service, end to end, through the hub that relays it; see docs/payments.md. MicroPython."""

import asyncio

from micropython import const
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import TosError

_HUB_ADDRESS = const(413)
_TILL_ANSWER = const(458)

_URI_HOST = const(3)
_PROXY_SCHEME = const(39)
_NUMBER_CHARS = const(64)
_REASONS = const(255)
_ROWS = const(24)
_ROOM_B = const(880)  # with what CBOR adds, in one datagram

# Of a trace; 4 and 5 are a reversal and its answer.
COMMAND, ANSWER, ASKED, ANSWERED, REVERSES, IS_REVERSED, LOST = range(7)


def begin(till):
    """A tap: the trace of the one before is forgotten."""
    clock = till.app.clock
    till.trace = [clock.wall(), [], clock.ms(), 0]


def note(till, kind, data):
    """Into the trace, as long as there is room: [s since 1970 or None, [[ms since it began, kind, bytes], ...], when it
    began in ms since boot, bytes in all]."""
    _, rows, began, size = till.trace
    size += len(data) + 8
    if len(rows) < _ROWS and size <= _ROOM_B:
        till.trace[3] = size
        rows.append([till.app.clock.ms() - began, kind, bytes(data)])


async def ask(app, name, path, body, timeout_ms):
    """POST /y/PATH, body in CBOR, with the context of the peer of that name -> (code, payload), or None when no answer
    came in time that counts. Cancelled, it is forgotten."""
    answers = []
    came = asyncio.Event()

    def done(code, options, payload):
        if code is not None:
            answers.append((code, bytes(payload)))
        came.set()

    options = [(_URI_HOST, b"tokens"), (coap.URI_PATH, b"y"), (coap.URI_PATH, path.encode())]
    options += [(coap.CONTENT_FORMAT, bytes((coap.CBOR,))), (_PROXY_SCHEME, b"coap")]
    try:
        host, port = app.config.get("hub").split(":")
        address = app.board.radio.address(host, int(port))
    except (OSError, ValueError, AttributeError):
        app.log.event(_HUB_ADDRESS)
        return None
    asker = None
    try:
        asker = app.link.asker(name)
        asker.request(app.clock.ms(), address, coap.POST, options, body, done)
        await asyncio.wait_for_ms(came.wait(), timeout_ms)
    except TosError as e:
        app.log.event(e.code)
    except asyncio.TimeoutError:
        pass
    finally:
        if asker is not None and not came.is_set():
            asker.stop(app.clock.ms())
    return answers[0] if answers else None


def outcome(app, answer):
    """-> (approved, reason, number or None, approval code or None) of what an authorisation, a void or a refund was
    answered with; None for what is no answer to that."""
    if answer is None or answer[0] != coap.CHANGED:
        return None
    try:
        told = cbor.loads(answer[1], items=16)
        approved, reason, number, code = [told.get(key) for key in (0, 1, 4, 5)]
        csu, mac = told.get(2, bytes(4)), told.get(3)
        fits = [key for key in told if key not in range(6)] == [] and approved in (True, False)
        fits = fits and isinstance(approved, bool) and isinstance(reason, int) and 0 <= reason <= _REASONS
        fits = fits and approved == (reason == 0) and isinstance(csu, bytes) and len(csu) == 4
        fits = fits and (mac is None or (isinstance(mac, bytes) and len(mac) == 8))
        fits = fits and (number is None or (isinstance(number, str) and 0 < len(number) <= _NUMBER_CHARS))
        fits = fits and (code is None or (isinstance(code, str) and len(code) == 6))
    except (TosError, AttributeError, TypeError):
        fits = False
    if not fits or (approved and 2 in told and not csu[1] & 0x80):
        app.log.event(_TILL_ANSWER)
        return None
    return approved, reason, number, code
