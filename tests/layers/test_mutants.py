"""Every seeded mistake has its place in the code still, also those that `make test` does not try."""

import importlib

import pytest
from layers.graph import ROOT

FILES = [file for file in sorted(ROOT.glob("tests/**/*.py")) if "    Mutant(\n" in file.read_text()]


def mutants(file):
    module = importlib.import_module(".".join(file.relative_to(ROOT / "tests").with_suffix("").parts))
    lists = [value for value in vars(module).values() if isinstance(value, list)]
    return [each for rows in lists for each in rows if type(each).__name__ == "Mutant"]


def place(path):
    """Where a mutant's path is; each kind leaves out the folder that all of its have in common."""
    tops = ("", "lib/", "lib/toscore/", "firmware/", "firmware/tos/")
    return next(file for top in tops if (file := ROOT / top / path).is_file())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_mistake_has_its_place(file):
    found = mutants(file)
    assert found
    assert [str(each) for each in found if place(each.path).read_text().count(each.old) != 1] == []
