"""What is written once is not written again: no ten lines of code stand in two places, in Python or on a page."""

import ast
import re
import subprocess

from layers.graph import ROOT

LINES = 10
KINDS = ("*.py", "*.js", "*.mjs", "*.html", "*.css")
_SAYS_NOTHING = re.compile(r"[\W_]*|(#|//|/\*|\*|<!--).*|@?import .*|from .* import .*|else:|try:|finally:")


def told(path, text):
    """-> [(number, line)] of the lines that say something: no comment, import, docstring, nor brackets alone."""
    left_out = set()
    for node in ast.walk(ast.parse(text)) if path.endswith(".py") else ():
        if isinstance(node, ast.Import | ast.ImportFrom) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            left_out.update(range(node.lineno, node.end_lineno + 1))
    lines = ((n, line.strip()) for n, line in enumerate(text.splitlines(), 1))
    return [(n, line) for n, line in lines if n not in left_out and not _SAYS_NOTHING.fullmatch(line)]


def twice(sources):
    """sources: {path: text} -> [(path, line, path, line)], where a place begins that is as one before it."""
    first, found, ended = {}, [], None
    for path, text in sources.items():
        lines = told(path, text)
        for i in range(len(lines) - LINES + 1):
            here = path, lines[i][0]
            there = first.setdefault(tuple(line for _, line in lines[i : i + LINES]), here)
            if there != here:
                if ended != (path, i - 1):  # what goes on is told once
                    found.append((*here, *there))
                ended = path, i
    return found


def test_nothing_that_git_knows_of_is_written_twice():
    listed = subprocess.run(["git", "ls-files", "-z", *KINDS], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]
    assert len(paths) > 600
    found = twice({path: (ROOT / path).read_text() for path in paths})
    assert ["{}:{} is {}:{}".format(*place) for place in found] == []


BODY = "".join(f"    a{n} = {n}\n" for n in range(LINES))


def test_ten_lines_are_found_wherever_they_stand_and_whatever_is_between_them():
    once = f"def f():\n{BODY}"
    deeper = BODY.replace("    ", "        ")
    apart = BODY.replace("    a5", "\n    # five\n    a5")
    for other in (f"class A:\n    def g(self):\n{deeper}", f"def g():\n    '''Says it.'''\n{apart}"):
        assert len(twice({"a.py": once, "b.py": other})) == 1
    assert twice({"a.py": once + once.replace("f()", "g()")}) == [("a.py", LINES + 3, "a.py", 2)]
    assert twice({"a.js": BODY, "b.js": f"// again\n{BODY}"}) == [("b.js", 2, "a.js", 1)]


def test_nine_lines_are_not_and_neither_is_what_says_nothing():
    nine = BODY[: BODY.rindex("    a")]
    assert twice({"a.py": f"def f():\n{nine}", "b.py": f"def g():\n{nine}"}) == []
    for text in (
        "".join(f"import a{n}\n" for n in range(2 * LINES)),
        "# so\n\n" * LINES,
        "[\n" * LINES + "]\n" * LINES,
    ):
        assert twice({"a.py": text, "b.py": text}) == []
