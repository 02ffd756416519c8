"""docs/architecture.svg shows the house as it is; `make pictures` draws it."""

from layers.graph import ROOT, rooms
from layers.picture import draw


def test_the_picture_is_that_of_the_code():
    assert (ROOT / "docs/architecture.svg").read_text() == draw(rooms())


def test_another_arrow_is_another_picture():
    graph = {"firmware/tos": {"lib/toscore"}, "lib/toscore": set(), "tools/tosplus": set()}
    assert draw(graph) != draw({**graph, "tools/tosplus": {"lib/toscore"}})
    assert draw(graph).count("<path d=") == 1 + 1  # and the tip of an arrow
