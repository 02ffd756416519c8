"""What each role of a peer may do over the link: one table, see docs/protocol.md. MicroPython."""

from micropython import const
from toscore.errors import Denied

_ROLE = const(367)

OWNER, CONTROL, INPUT, HUB, TOKENS, PEER = range(1, 7)  # as in a pairing's m1

_GET = const(1)
_POST = const(2)
_PUT = const(3)
_DELETE = const(4)

# Role: {method: paths}. One that ends in / stands for all that is below it; None for all there are.
_MAY = {
    OWNER: {_GET: None, _POST: None, _PUT: None, _DELETE: None},
    CONTROL: {_GET: (".well-known/core", "d", "s", "s/", "e", "b", "l"), _PUT: ("s", "s/", "i"), _POST: ("d",)},
    INPUT: {_GET: ("d",), _PUT: ("i",)},
    # Of p/ only what is a peer's, which tos/trust.py sees to.
    HUB: {
        _GET: None,
        _POST: ("d", "o", "y/"),
        _PUT: ("s", "s/", "b", "o", "r", "i", "p/", "y/"),
        _DELETE: ("p/", "y/"),
    },
    TOKENS: {_GET: ("d", "y/"), _POST: ("y/",), _PUT: ("y/",), _DELETE: ("y/",)},
    PEER: {_GET: ("d",)},
}


def check(role, paths, code, path):
    """Denied unless this role may ask for it. paths: of resources, which a PEER may read and write."""
    may = _MAY.get(role, {}).get(code, ())
    if may is None or path in may or (path.find("/") > 0 and path[: path.find("/") + 1] in may):
        return
    if role == PEER and code in (_GET, _PUT) and path[:2] == "s/" and path[2:] in paths:
        return
    raise Denied(_ROLE, path)
