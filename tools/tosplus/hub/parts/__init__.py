"""The parts of the hub, in the order of the page's navigation. Another one is a file here and a line below."""

from ..part import Part
from .bench import Bench
from .bindings import Together
from .money import Money
from .pairing import Pairing
from .updates import Updates

PARTS: list[Part] = [Pairing(), Updates(), Money(), Bench(), Together()]
