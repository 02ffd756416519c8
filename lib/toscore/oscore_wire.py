"""How OSCORE lies in a CoAP message: its option, and what is inside and outside (RFC 8613 sections 4 and 6). Pure."""

from micropython import const
from toscore import coap
from toscore.ccm import MAX_B
from toscore.errors import BadOption, WireError

_COAP_FORMAT = const(323)
_OSCORE_OPTION = const(351)

OPTION = 9

_OBSERVE = const(6)
_PIV_B = const(5)
_OUTER = (3, 7, 9, 35, 39)  # class U only; all else is inner (section 4.1)
_PAYLOAD = const(65536)  # in place of an option's delta
_RESPONSE = const(64)  # codes from here on

# Shared by all contexts, for one message at a time: one thread only.
_short = bytearray(160)
plain = _short


def find(options):
    """The value of a message's OSCORE option. Raises BadOption when there is not just one."""
    found = None
    for option in options:
        if option[0] == OPTION:
            if found is not None:
                raise undecoded()
            found = option[1]
    if found is None:
        raise undecoded()
    return found


def check(value):
    """The option's value (section 6.1) -> offset of the kid, zero without one. Raises BadOption."""
    end = len(value)
    if not end:
        return 0
    flags = value[0]
    at = 1 + (flags & 7)
    # Leading zeros shall be removed (section 5), and a value with no flag set is empty.
    if at > 1 + _PIV_B or flags & 0xE0 or at > end or not flags or (at > 2 and not value[1]):
        raise undecoded()
    if flags & 16:
        if at == end:
            raise undecoded()
        at += 1 + value[at]
        if at > end:
            raise undecoded()
    if flags & 8:
        return at
    if at != end:
        raise undecoded()
    return 0


def number(value):
    """The partial IV of a value that was checked, and has one."""
    n = value[1]
    at = 1
    end = value[0] & 7
    while at < end:
        at += 1
        n = n << 8 | value[at]
    return n


def undecoded():
    return BadOption(_OSCORE_OPTION, "Failed to decode COSE")


def split(kernel, outer, code, options, payload):
    """Writes the inner message into `plain`, and appends the outer options to a list -> bytes written (section 5.3).

    Raises ValueError for options out of order, an OSCORE option, or a message too long.
    """
    global plain
    plain = _short
    at = _write(kernel, plain, outer, code, options, payload)
    if at < 0:
        plain = bytearray(MAX_B)
        outer.clear()
        at = _write(kernel, plain, outer, code, options, payload)
        if at < 0:
            raise ValueError("options")
    return at


def _write(kernel, plain, outer, code, options, payload):
    last = 0
    plain[0] = code
    at = 1
    for option in options:
        number, value = option
        if number in _OUTER:
            if number == OPTION:
                raise ValueError("OSCORE within OSCORE")
            outer.append(option)
            continue
        if number == _OBSERVE:
            outer.append(option)
            if code >= _RESPONSE:
                value = b""  # the order is in the partial IV (section 4.1.3.5.2)
        at = kernel.put(plain, at, number - last, value)
        last = number
    return kernel.put(plain, at, _PAYLOAD, payload)


def observes(options):
    """Whether there is an Observe option."""
    return any(option[0] == _OBSERVE for option in options)


def join(kernel, inner, outer, n=None):
    """The options of the inner message, a view, with class U ones of the outer -> (options, payload) (section 8.2 steps
    1 and 7). Its code is inner[0]. Raises WireError.

    n: the number of a notification, for its Observe (section 4.1.3.5.2).
    """
    options = []
    at = kernel.take(inner, 1, options)
    if at < 0:
        raise WireError(_COAP_FORMAT, -1 - at)
    if len(outer) > 1 or (options and options[0][0] <= OPTION):
        _tidy(inner[0], options, outer, n)
    return options, inner[at:]


def _tidy(code, options, outer, n):
    for at, option in enumerate(options):
        number = option[0]
        if number == OPTION:
            raise WireError(_COAP_FORMAT)  # nested (section 4.1.3.7)
        if number == _OBSERVE:
            if code >= _RESPONSE:
                options[at] = _OBSERVE, coap.uint_bytes((n or 0) & 0xFFFFFF)
            elif coap.uint(option[1]) == 0 and coap.option(outer, _OBSERVE) not in (b"", b"\0"):
                options.pop(at)  # a registration of which a proxy would bring no notification
                break
    for number, value in outer:
        if number in _OUTER and number != OPTION:
            insert(options, number, value)


def insert(options, number, value):
    """Put an option where its number belongs."""
    at = len(options)
    while at and options[at - 1][0] > number:
        at -= 1
    options.insert(at, (number, value))
