"""How a merchant's income is shared: terms that were accepted, and largest remainder on the cumulative net. Pure.

The shares of a net are a function of that net alone. What a sale or a refund moves is the difference between the
shares of the net after it and before it: in whatever order they come, each party has the share of what is left, nobody
is always the one who loses the rounding, and when all was refunded each has nothing.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import HostError

WHOLE = 10_000  # basis points
_PARTIES_MOST = 16
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)


class BadTerms(HostError):
    """They do not share all of a sale, once, among parties with names."""


class Terms(NamedTuple):
    """shares: (party, basis points). Their order decides between equal remainders, the first wins."""

    id: str
    shares: tuple[tuple[str, int], ...]

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON (no blanks), which is what was accepted."""
        return hashlib.sha256(self.dumps().encode()).hexdigest()

    def dumps(self) -> str:
        return json.dumps({"id": self.id, "shares": [list(share) for share in self.shares]}, separators=(",", ":"))


def terms(id: str, shares: Iterable[tuple[str, int]]) -> Terms:
    """Raises BadTerms."""
    made = Terms(id, tuple((party, points) for party, points in shares))
    parties = [party for party, _ in made.shares]
    if not all(_NAME.fullmatch(name) for name in (id, *parties)):
        raise BadTerms("terms and parties have names of a-z, 0-9 and -, at most 32 characters")
    if not 1 <= len(parties) <= _PARTIES_MOST or len(set(parties)) != len(parties):
        raise BadTerms(f"terms have 1 to {_PARTIES_MOST} parties, each once")
    if any(type(points) is not int or points < 0 for _, points in made.shares):
        raise BadTerms("a share is a whole number of basis points")
    if sum(points for _, points in made.shares) != WHOLE:
        raise BadTerms(f"the shares make {sum(points for _, points in made.shares)} basis points, not {WHOLE}")
    return made


def shared(terms: Terms, net: int) -> tuple[int, ...]:
    """What each party has of a net of so many minor units, in the order of the terms; they sum up to it."""
    if net < 0:
        raise ValueError("more was refunded than captured")
    quotas = [divmod(net * points, WHOLE) for _, points in terms.shares]
    left = net - sum(whole for whole, _ in quotas)
    first = sorted(range(len(quotas)), key=lambda i: (-quotas[i][1], i))[:left]
    return tuple(whole + (i in first) for i, (whole, _) in enumerate(quotas))


def moved(terms: Terms, before: int, after: int) -> list[tuple[str, int]]:
    """[(party, minor units)]: what changes for each when the net does."""
    parts = zip(terms.shares, shared(terms, before), shared(terms, after), strict=True)
    return [(party, new - old) for (party, _), old, new in parts]
