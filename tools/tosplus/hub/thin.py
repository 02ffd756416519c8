"""A long history with fewer points, of which none misleads: peaks stay, and so do gaps. Pure."""

from collections.abc import Iterable, Iterator

from ..link.schema import Value

Point = tuple[float, Value]
_KEPT = 5  # of a bucket: first, lowest, highest, an unknown, last


def thinned(points: Iterable[Point], since: float, until: float, most: int) -> list[Point]:
    """All when there are no more than `most`; else some of each of the buckets of equal time, read once.

    Of numbers the lowest and the highest of a bucket, of all others its first and its last step; null stays seen.
    """
    kept: list[Point] = []
    rest = iter(points)
    for point in rest:
        kept.append(point)
        if len(kept) > most:
            break
    else:
        return kept
    width = max(until - since, 1e-9) / max(1, most // _KEPT)
    buckets: list[list[Point]] = []
    number = None
    for point in _chained(kept, rest):
        its = min(int((point[0] - since) / width), max(0, most // _KEPT - 1))
        if its != number:
            number = its
            buckets.append([])
        buckets[-1] = _with(buckets[-1], point)
    return [point for bucket in buckets for point in bucket][-most:]


def _chained(first: list[Point], rest: Iterator[Point]) -> Iterator[Point]:
    yield from first
    yield from rest


def _with(bucket: list[Point], point: Point) -> list[Point]:
    """At most _KEPT points, in their order."""
    if len(bucket) < 2:
        return [*bucket, point]
    candidates = [*bucket, point]
    keep = {0, len(candidates) - 1}
    numbers = [(value, n) for n, (at, value) in enumerate(candidates) if _is_number(value)]
    if numbers:
        keep |= {min(numbers)[1], max(numbers)[1]}
    keep |= set([n for n, (at, value) in enumerate(candidates) if value is None][:1])
    return [candidates[n] for n in sorted(keep)]


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
