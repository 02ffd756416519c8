"""What pytest needs to know about this tree."""

import gc
import os
import re
import signal
import sys

import peers
import pytest
import tosplus.link  # noqa: F401 before aiocoap, also that of tests' own servers: no port is shared
from postgres import emptied, running
from xdist.scheduler import LoadScopeScheduling

collect_ignore = ["device"]  # runs on MicroPython only: tests/run_mpy.py

# Whose tests share what takes long to start, or a name on the network.
_SHARED = ("browser/", "hil/") + tuple(f"host/test_{name}.py" for name in ("demo", "discover", "leaks", "tos_till"))

# The environment's own programs (micropython, mpremote, tos) come first, however pytest was started.
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])


# A shell ignores SIGINT for what it starts in the background, and so would the processes that tests end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres():
    """The url of a PostgreSQL of our own."""
    with running() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Of an empty database of the token service. That of PostgreSQL is the same for all, emptied before each."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/tokens.db"
    server = request.getfixturevalue("postgres")
    emptied(server)
    return server


def pytest_addoption(parser):
    parser.addoption("--device", help="tests/hil: the port of a board, or the name of a rig; a simulated one without")
    parser.addoption("--bench", help="tests/hil: the file that describes the rigs, tests/hil/bench.toml without")


def pytest_configure(config):
    for name in ("wifi", "ble", "nfc", "flash", "reset", "power", "pins"):
        config.addinivalue_line("markers", f"{name}: of tests/hil, which rigs may lack")


class _Scheduler(LoadScopeScheduling):
    """One worker runs all tests of a group, the others go one by one to whoever has time.

    As --dist loadgroup would have it: that one does nothing with pytest 9.2, pytest-xdist's issue 1386.
    """

    def _split_scope(self, nodeid):
        return next((name for name in _SHARED if nodeid.startswith(f"tests/{name}")), nodeid)


def pytest_xdist_make_scheduler(config, log):
    return _Scheduler(config, log)


def pytest_collection_finish():
    gc.freeze()  # some thousand tests live to the end, and need not be looked through again and again


@pytest.fixture
def tmp_path(request, tmp_path_factory):
    """As pytest's, by a name that no other process on this machine has: a simulated device's id is made of it, and
    what it announces."""
    test = re.sub(r"\W", "_", request.node.name)[:30]
    return tmp_path_factory.mktemp(f"{os.getpid()}_{test}")


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # it is one of several, and goes to pytest_testnodedown
        session.config.workeroutput["peers"] = [*peers.used], [*peers.missing]


def pytest_testnodedown(node):
    used, missing = getattr(node, "workeroutput", {}).get("peers", ((), ()))
    peers.used.update(used)
    peers.missing.update(missing)


def pytest_terminal_summary(terminalreporter):
    names = f" ({', '.join(sorted(peers.missing))})" if peers.missing else ""
    terminalreporter.write_line(f"peers: {len(peers.used)} used, {len(peers.missing)} missing{names}")
