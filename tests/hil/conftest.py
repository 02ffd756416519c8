"""`--device` and `--bench`: which rig the tests of this folder run on. What a rig lacks is skipped by name."""

from collections import Counter
from pathlib import Path

import pytest

from .rig import CAPABILITIES, Board, Simulated

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

_BENCH = Path(__file__).with_name("bench.toml")
_lacking: Counter[str] = Counter()


def _described(config):
    """The table of the rig that is asked for. Raises pytest.UsageError: there is none, or it is described wrongly."""
    bench, device = Path(config.getoption("--bench") or _BENCH), config.getoption("--device")
    try:
        rigs = tomllib.loads(bench.read_text())["rig"]
        found = [rig for rig in rigs if device in (rig.get("device"), rig["name"] if device else None)]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as e:
        raise pytest.UsageError(f"{bench} describes no rigs: {e!r}")
    if not found:
        there = ", ".join(str(rig.get("device", rig["name"])) for rig in rigs)
        raise pytest.UsageError(f"{bench} describes no rig at {device or 'no device'}; there are {there}")
    unknown = set(found[0].get("has", ())) - set(CAPABILITIES)
    if unknown:
        raise pytest.UsageError(f"{bench}: {found[0]['name']} has {sorted(unknown)}; there are {sorted(CAPABILITIES)}")
    return found[0]


@pytest.fixture(scope="session")
def _about(request):
    return _described(request.config)


@pytest.fixture(scope="session")
def rig(_about, tmp_path_factory):
    kind = Board if "device" in _about else Simulated
    made = kind(_about, tmp_path_factory.mktemp("rig"))
    with made.running():
        yield made


@pytest.fixture(autouse=True)
def _has_what_it_takes(request, _about):
    """Before the rig is even touched."""
    wanted = [mark.name for mark in request.node.iter_markers() if mark.name in CAPABILITIES]
    lacks = sorted(set(wanted) - set(_about.get("has", ())))
    if lacks:
        _lacking.update(lacks)
        pytest.skip(f"rig {_about['name']} has no {' and no '.join(lacks)}")


def pytest_terminal_summary(terminalreporter):
    if _lacking:
        skipped = ", ".join(f"{name} {count}" for name, count in sorted(_lacking.items()))
        terminalreporter.write_line(f"not on this rig: {skipped}")
