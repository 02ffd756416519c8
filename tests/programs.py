"""Programs that run beside a test. CPython."""

import contextlib
import subprocess


@contextlib.contextmanager
def running(command, **about):
    """-> the process, whose output is one pipe of text. Whatever becomes of the test, it ends with it."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **about) as process:
        try:
            yield process
        finally:
            process.kill()
