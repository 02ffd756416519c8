"""Runs plain `test_*` functions on MicroPython: `micropython tests/run_mpy.py [FILE[::TEST]...]` from the root.

Without FILE: tests/unit (which pytest runs on CPython as well) and tests/device. Needs MICROPYPATH, see the Makefile.
It reports on stderr; stdout is the console of the devices under test.
"""

import gc
import os
import sys

_FOLDERS = ("tests/unit", "tests/device")


def test_files():
    for folder in _FOLDERS:
        for name in sorted(os.listdir(folder)):
            if name.startswith("test_") and name.endswith(".py"):
                yield folder + "/" + name


def attempt(label, fn, *args):
    """-> (whether it passed, what fn returned). A failure is told at once, with its traceback."""
    try:
        return True, fn(*args)
    except (Exception, SystemExit) as e:
        print("FAILED", label, file=sys.stderr)
        sys.print_exception(e, sys.stderr)
        return False, None


def run(path):
    """-> (passed, failed). A file that cannot be imported, or has no such test, is one failure."""
    path, _, only = path.partition("::")
    folder, name = path.rsplit("/", 1) if "/" in path else (".", path)
    name = name[: -len(".py")]
    sys.path.insert(0, folder)
    imported, module = attempt(path, __import__, name)
    results = []
    if imported:
        tests = [n for n in dir(module) if (n == only if only else n.startswith("test_"))]
        if not tests:
            print("FAILED", path, "has no test", only, file=sys.stderr)
        results = [attempt(path + "::" + n, getattr(module, n))[0] for n in tests]
        del sys.modules[name]  # another folder may have a test file of this name
    sys.path.remove(folder)
    gc.collect()
    return sum(results), len(results) - sum(results) or int(not results)


passed = failed = 0
for path in sys.argv[1:] or test_files():
    counts = run(path)
    passed += counts[0]
    failed += counts[1]
print(passed, "passed,", failed, "failed on MicroPython", file=sys.stderr)
sys.exit(1 if failed or not passed else 0)
