"""Nobody needs what needs him: neither among modules nor among rooms."""

from layers.graph import circles, imports, reduced, rooms


def test_no_modules_import_in_a_circle():
    assert circles(imports()) == []


def test_no_rooms_import_in_a_circle():
    assert circles(rooms()) == []


def test_a_circle_is_seen_also_where_an_import_is_late_or_names_its_package(tmp_path):
    files = {
        "lib/a/__init__.py": "from a.one import x",
        "lib/a/one.py": "def late():\n    from a import two",
        "lib/a/two.py": "from . import three",
        "lib/a/three.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a.one",
        "firmware/tos/b.py": "import a.three\nfrom tos import c",
        "firmware/tos/c.py": "if True:\n    import tos.b",
    }
    for path, text in files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert circles(imports(tmp_path)) == [["tos.b", "tos.c"]]
    (tmp_path / "lib/a/three.py").write_text("import a.one")
    assert circles(imports(tmp_path)) == [["a.one", "a.three", "a.two"], ["tos.b", "tos.c"]]
    (tmp_path / "lib/a/three.py").write_text("from tos import b")
    assert circles(rooms(tmp_path)) == [["firmware/tos", "lib/a"]]


def test_what_a_longer_way_says_is_left_out():
    assert reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}
