"""A module reads in one sitting: what is longer says why at its top."""

import ast

import pytest
from layers.graph import ROOT

_MOST = 456  # lines of the longest module of aioble
_WHY = "longer than others may be"


def too_long(source):
    said = " ".join((ast.get_docstring(ast.parse(source)) or "").split())
    return len(source.splitlines()) > _MOST and _WHY not in said


@pytest.mark.parametrize("top", ["lib", "firmware"])
def test_no_module_of_a_device_is_longer_without_a_reason(top):
    assert [str(file) for file in sorted((ROOT / top).rglob("*.py")) if too_long(file.read_text())] == []


def test_a_long_module_is_seen_and_a_reason_heard():
    body = "x = 1\n" * _MOST
    assert too_long('"""It does."""\n' + body) and not too_long('"""It is longer than\nothers may be."""\n' + body)
    assert not too_long(body)
