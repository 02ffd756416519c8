"""`tos new`: what it writes runs at once, passes its own test, and harms nothing that was there."""

import subprocess
import sys

import pytest
from click.testing import CliRunner
from desk import desk
from tosplus.cli import cli


@pytest.fixture
def new(tmp_path, monkeypatch):
    """new(name) -> click's result, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return lambda name: CliRunner().invoke(cli, ["new", name], prog_name="tos")


def maker(folder, *command):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)


def test_a_new_product_passes_its_own_test_and_fits_a_board(tmp_path, new):
    done = new("night_light")
    assert done.exit_code == 0 and "tos sim ./night_light.py" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["night_light.py", "test_night_light.py"]
    tested = maker(desk(tmp_path), sys.executable, "-m", "pytest", "-q")
    assert tested.returncode == 0 and "1 passed" in tested.stdout, tested.stdout
    assert maker(tmp_path, "tos", "build", "./night_light.py", "--board", "ESP32_GENERIC").returncode == 0


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('app.set("power", not', 'app.set("power", 0 and'),
        ("dev.relay(on)", "pass"),
        ("dev.relay(on)", "dev.relay(True)"),
    ],
)
def test_its_test_sees_a_product_that_is_broken(tmp_path, new, right, wrong):
    new("lamp")
    app = tmp_path / "lamp.py"
    app.write_text(app.read_text().replace(right, wrong))
    tested = maker(desk(tmp_path), sys.executable, "-m", "pytest", "-q")
    assert tested.returncode == 1 and "1 failed" in tested.stdout, tested.stdout


@pytest.mark.parametrize("there", ["lamp.py", "test_lamp.py"])
def test_nothing_is_overwritten(tmp_path, new, there):
    (tmp_path / there).write_text("mine")
    done = new("lamp")
    assert done.exit_code == 2 and f"{there} is there already; choose another name" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [there] and (tmp_path / there).read_text() == "mine"


@pytest.mark.parametrize("name", ["Lamp", "2lamps", "night-light", "../lamp", "lamp.py"])
def test_a_name_that_does_not_fit_is_told(tmp_path, new, name):
    done = new(name)
    assert done.exit_code == 2 and "take small letters, digits and _" in done.stderr
    assert not list(tmp_path.iterdir())
