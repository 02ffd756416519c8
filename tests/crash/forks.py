"""Lives: MicroPython programs, each in a process of its own, which is forked from one that has MicroPython loaded.

Loading it, by the Python that its package comes as, takes more time than a short life. A Unix port that MICROPYTHON=
names is started each time.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tosplus.sim.process import micropython

_DEVICE = Path(__file__).with_name("device")
_idle = []


def run(program, order, firmware, timeout_s):
    """order: for its stdin, as JSON. -> its CompletedProcess. Raises TimeoutExpired."""
    path = os.pathsep.join(map(str, (firmware, firmware / "tos" / "ports" / "unix", ".frozen")))
    command, told = [micropython(), str(_DEVICE / program)], json.dumps(order) + "\n"
    if os.environ.get("MICROPYTHON") or not importlib.util.find_spec("micropython_run"):
        about = {"env": {**os.environ, "MICROPYPATH": path}, "timeout": timeout_s, "errors": "replace"}
        return subprocess.run(command, input=told, capture_output=True, text=True, **about)
    try:
        forks = _idle.pop()
    except IndexError:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        forks = subprocess.Popen([sys.executable, __file__], text=True, **pipes)  # it ends when this process does
    forks.stdin.write(json.dumps([command, path, told, timeout_s]) + "\n")
    forks.stdin.flush()
    code, out, err = json.loads(forks.stdout.readline())
    _idle.append(forks)
    if code == -signal.SIGALRM:
        raise subprocess.TimeoutExpired(command, timeout_s, out, err)
    return subprocess.CompletedProcess(command, code, out, err)


def _fork():
    import micropython_run

    lines, answers = os.dup(0), os.dup(1)
    for line in os.fdopen(lines):
        command, path, told, timeout_s = json.loads(line)
        files = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
        os.write(files[0], told.encode())
        os.lseek(files[0], 0, os.SEEK_SET)
        pid = os.fork()
        if not pid:
            for n, file in enumerate(files):
                os.dup2(file, n)
            os.environ["MICROPYPATH"] = path
            signal.alarm(timeout_s)
            os._exit(micropython_run.run_main(command) & 0xFF)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = []
        for file in files:
            os.lseek(file, 0, os.SEEK_SET)
            with os.fdopen(file, errors="replace") as f:
                said.append(f.read())
        os.write(answers, (json.dumps([code, *said[1:]]) + "\n").encode())


if __name__ == "__main__":
    _fork()
