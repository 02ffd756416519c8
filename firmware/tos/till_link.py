"""What the link is asked of a till's /y: its terms, the latest tap, its sales; see docs/payments.md. MicroPython."""

from micropython import const
from tos import till_sales
from tos.bodies import refuse
from tos.roles import HUB, OWNER, TOKENS
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import Busy, Denied, WireError

_NOT_CBOR = const(328)
_NO_SUCH_PATH = const(331)
_READ_ONLY = const(332)
_CARD_MALFORMED = const(350)
_ROLE = const(367)
_BAD_OPTION = const(327)
_CANNOT_SELL = const(456)

_FORMAT_CBOR = ((coap.CONTENT_FORMAT, bytes((coap.CBOR,))),)
_ITEMS = const(16)
_LARGEST = const(999999999)

# Who may do what; None is whoever asks in the clear, of a simulated device that lets him.
_MAY = {
    (coap.GET, "till"): (TOKENS, OWNER, HUB),
    (coap.PUT, "till"): (TOKENS,),
    (coap.GET, "tap"): (OWNER, HUB),
    (coap.GET, "sales"): (OWNER, HUB),
}


def route(till, code, path, options, payload, seal):
    """-> (code, options, payload) of what the peer's role allows. Raises TosError."""
    till.wake.set()
    name = path[2:]
    may = _MAY.get((code, name))
    if may is None:
        known = name in ("till", "tap", "sales")
        answer, why = (coap.METHOD_NOT_ALLOWED, _READ_ONLY) if known else (coap.NOT_FOUND, _NO_SUCH_PATH)
        return refuse(answer, why, path)
    peer = seal and seal[0].peer
    if peer and peer.role not in may:
        raise Denied(_ROLE, path)
    if coap.option(options, coap.BLOCK1) is not None:  # they are short
        return refuse(coap.BAD_OPTION, _BAD_OPTION, coap.BLOCK1)
    if code == coap.PUT:
        form = coap.option(options, coap.CONTENT_FORMAT)
        if form is not None and coap.uint(form) != coap.CBOR:
            return refuse(coap.UNSUPPORTED_FORMAT, _NOT_CBOR, path)
        _agree(till, cbor.loads(payload, items=_ITEMS), peer.name if peer else "")
        return coap.CHANGED, (), b""
    if name == "till":
        told = till_sales.terms(till)
        if told is None:
            return refuse(coap.NOT_FOUND, _NO_SUCH_PATH, path)
        del told[till_sales.BY]
    elif name == "tap":
        told = till.trace[:2]
    else:
        told = [row[: till_sales.TOLD] for row in till_sales.Sales(till).rows]
    return coap.CONTENT, _FORMAT_CBOR, cbor.dumps(told)


def _agree(till, value, by):
    """Durable when it returns. WireError, StoreError; Busy while another peer has still to be told something."""
    _check(value)
    value = dict(value)
    value[till_sales.BY] = by
    known = till_sales.terms(till)
    if value == known:
        return
    if known and known[till_sales.BY] != by and till_sales.Sales(till).owed():
        raise Busy(_CANNOT_SELL, "owed")
    till_sales.agree(till, value)


def _check(value):
    """WireError unless it is what PUT /y/till says."""
    kinds = (str, str, str, str, str)
    if not isinstance(value, dict) or len(value) != len(kinds) + (till_sales.MOST in value):
        raise WireError(_CARD_MALFORMED, "keys")
    for key, kind in enumerate(kinds):
        if not isinstance(value.get(key), kind):
            raise WireError(_CARD_MALFORMED, key)
    merchant, terminal, currency, country, name = [value[key] for key in range(len(kinds))]
    plain = not [c for c in merchant + terminal if not " " <= c <= "~"]
    digits = len(currency) == 4 and len(country) == 4 and (currency + country).isdigit()
    if not (plain and 1 <= len(merchant) <= 15 and len(terminal) == 8 and digits and len(name) <= 24):
        raise WireError(_CARD_MALFORMED, "range")
    most = value.get(till_sales.MOST, [0, 0])
    if not isinstance(most, list) or len(most) != 2:
        raise WireError(_CARD_MALFORMED, till_sales.MOST)
    if [n for n in most if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= _LARGEST]:
        raise WireError(_CARD_MALFORMED, till_sales.MOST)
