"""What the link is asked of /y: tokens and keys, their state, results, the PIN; see docs/payments.md. MicroPython.

Loaded when it is asked.
"""

from micropython import const
from tos.bodies import refuse
from tos.roles import HUB, OWNER, TOKENS
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import Busy, Denied, WireError

_READ_ONLY = const(332)
_NO_SUCH_PATH = const(331)
_NOT_CBOR = const(328)
_BAD_OPTION = const(327)
_PIN_WRONG = const(349)
_CARD_MALFORMED = const(350)
_CANNOT_PAY = const(359)
_ROLE = const(367)

_FORMAT_CBOR = ((coap.CONTENT_FORMAT, bytes((coap.CBOR,))),)
_ITEMS = const(32)
_LEAST_DIGITS = const(4)
_MOST_DIGITS = const(8)

# Who may do what; None is whoever asks in the clear, of a simulated device that lets him.
_MAY = {
    (coap.GET, "token"): (TOKENS, OWNER),
    (coap.PUT, "token"): (TOKENS,),
    (coap.POST, "token"): (TOKENS,),
    (coap.DELETE, "token"): (TOKENS, OWNER),
    (coap.PUT, "state"): (TOKENS,),
    (coap.PUT, "result"): (TOKENS, HUB),
    (coap.PUT, "pin"): (OWNER,),
}


def route(pay, code, path, options, payload, seal):
    """-> (code, options, payload) of what the peer's role allows. Raises TosError."""
    name = path[2:]
    may = _MAY.get((code, name))
    if may is None:
        if name in ("token", "state", "result", "pin"):
            return refuse(coap.METHOD_NOT_ALLOWED, _READ_ONLY, path)
        return refuse(coap.NOT_FOUND, _NO_SUCH_PATH, path)
    peer = seal and seal[0].peer
    if peer and peer.role not in may:
        raise Denied(_ROLE, path)
    if coap.option(options, coap.BLOCK1) is not None:  # all of them are short
        return refuse(coap.BAD_OPTION, _BAD_OPTION, coap.BLOCK1)
    form = coap.option(options, coap.CONTENT_FORMAT)
    if form is not None and coap.uint(form) != coap.CBOR:
        return refuse(coap.UNSUPPORTED_FORMAT, _NOT_CBOR, path)
    wallet = pay.wallet
    if wallet is None:
        raise Busy(_CANNOT_PAY)
    if code == coap.GET:
        return coap.CONTENT, _FORMAT_CBOR, cbor.dumps(_status(pay, wallet))
    by = peer.name if peer else ""
    if code == coap.DELETE:
        if peer is None or peer.role != OWNER:
            wallet.check_owner(by)
        pay.disarm()
        wallet.remove()
        pay.changed()
        return coap.DELETED, (), b""
    value = cbor.loads(payload, items=_ITEMS)
    if name == "token" and code == coap.PUT:
        wallet.offer(value, by, pay.checked())
        return coap.CHANGED, (), b""
    if name == "token":
        id, ki = _fields(value, ((0, bytes), (6, int)))
        pay.disarm()
        wallet.confirm(id, ki, by)
    elif name == "state":
        _state(pay, wallet, value, by)
    elif name == "result":
        atc, mac, csu, data = _fields(value, ((0, int), (1, bytes), (2, bytes), (3, bytes)))
        if len(mac) != 8 or len(csu) != 4 or len(data) > 8 or not pay.result(atc, mac, csu, data):
            raise WireError(_CARD_MALFORMED, "result")
    else:
        _pin(pay, value)
    pay.changed()
    return coap.CHANGED, (), b""


def _status(pay, wallet):
    status = wallet.status()
    ago_ms = pay.checked_ms()
    status[1] = pay.state()
    status[5] = pay.left()
    status[6] = wallet.key()[2]
    status[7] = None if ago_ms is None else ago_ms // 1000
    status[8] = pay.pin.tries
    return status


def _state(pay, wallet, value, by):
    if not isinstance(value, dict) or [key for key in value if key not in (0, 1, 2)]:
        raise WireError(_CARD_MALFORMED, "keys")
    id, suspended, unlocked = [value.get(key) for key in (0, 1, 2)]
    if not isinstance(id, bytes) or [flag for flag in (suspended, unlocked) if flag not in (None, True, False)]:
        raise WireError(_CARD_MALFORMED, "type")
    wallet.check_token(id, by)
    pay.disarm()
    if suspended is not None:
        wallet.suspend(suspended)
    if unlocked:
        pay.pin.forget()


def _pin(pay, value):
    """0: the one there is; 1: the one there is to be. Four to eight digits each."""
    if not isinstance(value, dict) or not value or [key for key in value if key not in (0, 1)]:
        raise WireError(_CARD_MALFORMED, "keys")
    for pin in value.values():
        if not (isinstance(pin, str) and pin.isdigit() and _LEAST_DIGITS <= len(pin) <= _MOST_DIGITS):
            raise WireError(_CARD_MALFORMED, "digits")
    if 0 in value:
        pay.enter(value[0])
    elif pay.pin.tries is not None:
        raise Denied(_PIN_WRONG)
    if 1 in value:
        pay.pin.set(value[1])


def _fields(value, wanted):
    """The values of a map that has just these keys, each of its type. WireError."""
    if not isinstance(value, dict) or len(value) != len(wanted):
        raise WireError(_CARD_MALFORMED, "keys")
    found = [value.get(key) for key, _ in wanted]
    for one, (key, kind) in zip(found, wanted):
        if not isinstance(one, kind):
            raise WireError(_CARD_MALFORMED, key)
    return found
