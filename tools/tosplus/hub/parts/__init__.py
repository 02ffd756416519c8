"""The parts of the hub, in the order of the page's navigation. Another one is a file here and a line below."""

from ..part import Part
from .bench import Bench

PARTS: list[Part] = [Bench()]
