"""A code that devices log or answer with is `_NAME = const(number)` there, and has its words under both in words.py."""

import ast
from pathlib import Path

import pytest
from toscore import errors
from tosplus import reasons as told
from tosplus.link.schema import Entry
from tosplus.link.tell import entry
from tosplus.reasons import Reason
from tosplus.words import REASONS, WORDS

ROOT = Path(__file__).parents[2]
CODES = range(200, 500)
ERRORS = {name for name, c in vars(errors).items() if isinstance(c, type) and issubclass(c, errors.TosError)}
TAKERS = {"event", *ERRORS}  # what takes a code as its first argument


def _consts(tree):
    """Yields (line, NAME, number) of each `_NAME = const(number)`."""
    for node in tree.body:
        match node:
            case ast.Assign([ast.Name(name)], ast.Call(ast.Name("const"), [ast.Constant(int(number))])):
                yield node.lineno, name.removeprefix("_"), number


def _given(tree):
    """Yields (line, NAME or number) of each code that is given to a taker."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Name(taker) | ast.Attribute(_, taker), [first, *_]) if taker in TAKERS:
                for code in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
                    match code:
                        case ast.Name(name):
                            yield node.lineno, name.removeprefix("_")
                        case ast.Constant(int(number)):
                            yield node.lineno, number


def disagreements(path, source, words):
    """["path:line: what is wrong"]. words: {number: NAME}."""
    tree = ast.parse(source)
    given = list(_given(tree))
    names = {code for _, code in given}
    found = [f"{path}:{line}: {code} has no name here" for line, code in given if isinstance(code, int)]
    for line, name, number in _consts(tree):
        is_code = name in names or (name in words.values() and number in CODES)
        if is_code and words.get(number) != name:
            found.append(f"{path}:{line}: {number} is {name} here and {words.get(number)} in words.py")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "_RULE = const(207)",  # another number than its words have
        "_NEW = const(206)\nlog.event(_NEW)",  # another name
        "_NEW = const(299)\nraise TosError(_NEW, 'power')",  # no words at all
        "_NEW = const(299)\nraise errors.WireError(_NEW)",
        "_NEW = const(299)\nraise StoreError(_RULE if full else _NEW)",
        "log.event(206)",  # a bare number
    ],
)
def test_a_code_without_its_words_is_found(source):
    assert disagreements("seed.py", source, {206: "RULE"})


@pytest.mark.parametrize(
    "source",
    [
        "_RULE = const(206)\nlog.event(_RULE, 1)",
        "_RULE = const(206)\nraise Busy(_RULE if full else code)",
        "_PERIOD_MS = const(250)",  # not a code
        "_RULE = const(4)",  # nor this
        "app.event('pressed')",
    ],
)
def test_a_code_with_its_words_passes(source):
    assert disagreements("seed.py", source, {206: "RULE"}) == []


def test_every_reason_why_a_payment_is_declined_has_words_in_a_log():
    assert {*map(int, Reason), 254, 255} == REASONS.keys()
    for code, a, b, text in (
        (258, 8, 0, "a sale was declined: it is over a limit"),
        (246, 7, 3, "the result of payment 7 came: the token is suspended"),
        (246, 7, 99, "the result of payment 7 came: 99"),
        (261, 500, 15, "what was kept of 500 has been told: the till took it back before"),
        (262, 0, 14, "of the last sale 0 were to be given back, 0 is all: the account refuses"),
    ):
        assert entry(Entry(ms=5, code=code, a=a, b=b), [])["text"] == text
    assert set(told.WORDS) == set(Reason) and all(told.WORDS.values())  # at the page and at `tos till`


def test_every_code_of_the_tree_has_its_words():
    words = {number: word.name for number, word in WORDS.items()}
    files = [p for top in ("lib", "firmware") for p in sorted((ROOT / top).rglob("*.py"))]
    assert files
    found = [d for p in files for d in disagreements(p.relative_to(ROOT).as_posix(), p.read_text(), words)]
    assert not found, "\n".join(found)
