"""Real counterparts of our own code: programs and packages that tests talk to."""

import importlib.util
import os
import shutil

import pytest

# What Debian calls a program otherwise.
ALSO = {"coap-client": "coap-client-notls"}

used: set[str] = set()
missing: set[str] = set()


def need(name):
    """The path of a program on PATH, or of an importable package. Without it the test is skipped; it fails
    where TOS_REQUIRE_PEERS=1 says that every counterpart has to be there."""
    path = shutil.which(name) or shutil.which(ALSO.get(name, name))
    if path is None:
        package = importlib.util.find_spec(name)
        path = package and package.origin
    if path is None:
        missing.add(name)
        absent = pytest.fail if os.environ.get("TOS_REQUIRE_PEERS") == "1" else pytest.skip
        absent(f"no {name} on this machine")
    used.add(name)
    return path
