"""Real counterparts of our own code: programs and packages that tests talk to."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WEB = Path(__file__).parent / "web"
REQUIREMENTS = Path(__file__).parents[1] / "requirements"
VPCD = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")

# What Debian calls a program, the first that is there. A whole Chromium takes twice the CPU for the same pages.
_NAMES = {
    "coap-client": ("coap-client", "coap-client-notls"),
    "chromium": ("chromium-headless-shell", "chromium"),
}

used: set[str] = set()
missing: set[str] = set()


def program(name):
    """Its path on PATH, or None."""
    return next(filter(None, map(shutil.which, _NAMES.get(name, (name,)))), None)


def need(name):
    """The path of a program on PATH, or of an importable package. Without it the test is skipped; it fails
    where TOS_REQUIRE_PEERS=1 says that every counterpart has to be there."""
    path = program(name)
    if path is None:
        package = importlib.util.find_spec(name)
        path = package and package.origin
    if path is None:
        missing.add(name)
        absent = pytest.fail if os.environ.get("TOS_REQUIRE_PEERS") == "1" else pytest.skip
        absent(f"no {name} on this machine")
    used.add(name)
    return path


def need_web():
    """The node_modules of tests/web, as its lock has them; installed now if they are not."""
    npm, lock, ready = need("npm"), WEB / "package-lock.json", WEB / "node_modules/.ready"
    with open(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the first process installs, the others wait for it
        if not ready.exists() or ready.read_text() != file.read():
            install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(install, cwd=WEB, check=True, capture_output=True, timeout=100)
            ready.write_text(lock.read_text())
    return WEB / "node_modules"


def need_smartcards():
    """For a virtual PC/SC reader -> what makes a command root's, the command of a Python that has pyscard and emv."""
    need("pcscd")
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    python = "/usr/bin/python3"
    wanted = ([*root, "true"], [python, "-c", "import smartcard"], ["test", "-e", str(VPCD)])
    if any(subprocess.run(command, capture_output=True).returncode for command in wanted):
        missing.add("vpcd")
        absent = pytest.fail if os.environ.get("TOS_REQUIRE_PEERS") == "1" else pytest.skip
        absent("no python3-pyscard, or no vpcd, or nobody is root on this machine")
    used.add("pyscard")
    return root, [*root, "env", f"PYTHONPATH={need_emv()}", python]


def need_emv():
    """The folder with the package emv and what it needs, as their lock has them; installed now if they are not."""
    lock, folder = REQUIREMENTS / "emv.txt", Path(sys.prefix) / "emv"
    ready = folder / ".ready"
    with open(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the first process installs, the others wait for it
        if not ready.exists() or ready.read_text() != file.read():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            pip += ["--require-hashes", "--only-binary", ":all:", "--target", str(folder), "--upgrade", "-r", str(lock)]
            subprocess.run(pip, check=True, capture_output=True, timeout=180)
            ready.write_text(lock.read_text())
    used.add("emv")
    return folder


if __name__ == "__main__":  # as `make test` begins: a test that finds them missing installs them in its own time
    for wanted in (need_web, need_emv):
        try:
            wanted()
        except (pytest.skip.Exception, pytest.fail.Exception, subprocess.SubprocessError) as e:
            print(e)  # as will the tests
