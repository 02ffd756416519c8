"""What pytest needs to know about this tree."""

import os
import signal
import sys

import peers

collect_ignore = ["device"]  # runs on MicroPython only: tests/run_mpy.py

# The environment's own programs (micropython, mpremote, tos) come first, however pytest was started.
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])


# A shell ignores SIGINT for what it starts in the background, and so would the processes that tests end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--device", help="tests/hil: the port of a board, or the name of a rig; a simulated one without")
    parser.addoption("--bench", help="tests/hil: the file that describes the rigs, tests/hil/bench.toml without")


def pytest_configure(config):
    for name in ("wifi", "ble", "nfc", "flash", "reset", "power", "pins"):
        config.addinivalue_line("markers", f"{name}: of tests/hil, which rigs may lack")


def pytest_terminal_summary(terminalreporter):
    names = f" ({', '.join(sorted(peers.missing))})" if peers.missing else ""
    terminalreporter.write_line(f"peers: {len(peers.used)} used, {len(peers.missing)} missing{names}")
