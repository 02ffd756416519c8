"""docs/architecture.svg, drawn from the imports: `make pictures`. An arrow goes from who imports to what is imported,
unless a longer way of arrows says so already."""

import sys
from pathlib import Path

from layers.graph import reduced, rooms

BOX, GAP_X, GAP_Y, TOP = (118, 34), 14, 34, 62
SHORES = (  # title, and whose folders
    ("on the device: MicroPython", ("firmware", "boards")),
    ("on both: bytes in, bytes out", ("lib",)),
    ("on the PC: CPython", ("tools",)),
)
ALONE = {"lib", "firmware"}  # CPython's const, and what starts a device
STYLE = """
  text { font: 13px sans-serif; fill: #1f2937 } .shore { font-weight: bold }
  rect { fill: #fff; stroke: #374151; stroke-width: 1.5 } .back { fill: #f3f4f6; stroke: none }
  path { fill: none; stroke: #6b7280; stroke-width: 1.3; marker-end: url(#tip) }
"""


def levels(graph):
    """-> {room: how high it stands}: right below who needs it, and who is needed by nobody above all that he needs."""

    def deep(name):
        return 1 + max((deep(other) for other in graph[name]), default=-1)

    def high(name):
        return min((high(who) for who in graph if name in graph[who]), default=deep(name) + 1) - 1

    return {name: high(name) for name in graph}


def draw(graph):
    """graph: {room: {rooms it imports from}}, without circles -> SVG."""
    graph = reduced({name: others - ALONE for name, others in graph.items() if name not in ALONE})
    level = levels(graph)
    rows = max(level.values()) + 1
    height = TOP + rows * (BOX[1] + GAP_Y)
    place, shores, x = {}, [], 20
    for title, folders in SHORES:
        column = [name for name in sorted(graph) if name.split("/")[0] in folders]
        widest = max(sum(level[name] == row for name in column) for row in range(rows))
        width = max(widest * (BOX[0] + GAP_X) + GAP_X, 8 * len(title) + 20)
        shores.append((title, x, width))
        for row in range(rows):
            there = [name for name in column if level[name] == row]
            there.sort(key=lambda name: _middle(graph[name], place))
            left = x + (width - len(there) * (BOX[0] + GAP_X) + GAP_X) / 2
            for at, name in enumerate(there):
                place[name] = left + at * (BOX[0] + GAP_X), TOP + (rows - 1 - row) * (BOX[1] + GAP_Y)
        x += width + 24
    lines = []
    for title, at, width in shores:
        lines.append(f'<rect class="back" x="{at}" y="36" width="{width}" height="{height - 40}" rx="8"/>')
        lines.append(f'<text class="shore" x="{at + 12}" y="26">{title}</text>')
    for name in sorted(graph):
        for other in sorted(graph[name]):
            lines.append(_arrow(place[name], place[other]))
    for name in sorted(place):
        left, top = place[name]
        text = name.replace("tools/tosplus", "tosplus").replace("firmware/", "").replace("lib/", "")
        lines.append(f'<rect x="{left:g}" y="{top:g}" width="{BOX[0]}" height="{BOX[1]}" rx="5"/>')
        lines.append(f'<text x="{left + BOX[0] / 2:g}" y="{top + 22:g}" text-anchor="middle">{text}</text>')
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    tip += '<path d="M0 0 8 4 0 8z" style="fill:#6b7280;stroke:none"/></marker>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {x} {height + 10}">'
    head += "<title>The rooms of TOS+ and who imports from whom</title>"
    inside = f"<style>{STYLE}</style><defs>{tip}</defs>"
    paper = f'<rect width="{x}" height="{height + 10}" style="stroke:none"/>'
    return "\n".join([head, inside, paper, *lines, "</svg>"]) + "\n"


def _middle(others, place):
    lefts = [place[name][0] for name in others if name in place]
    return sum(lefts) / len(lefts) if lefts else 0


def _arrow(start, end):
    x1, y1 = start[0] + BOX[0] / 2, start[1] + BOX[1]
    x2, y2 = end[0] + BOX[0] / 2, end[1]
    down = y2 - y1 - GAP_Y / 2  # a long way goes down first, past what stands between
    return f'<path d="M{x1:g} {y1:g} C{x1:g} {y1 + down:g} {x2:g} {y2 - GAP_Y / 2:g} {x2:g} {y2:g}"/>'


if __name__ == "__main__":
    (Path(sys.argv[1]) / "architecture.svg").write_text(draw(rooms()))
