"""Programs in processes that are forked from one that has loaded what they begin with, which takes longer than they do.

"micropython": the Unix port, by the Python that its package comes as; one that MICROPYTHON= names is started each time.
"pytest": pytest, and what others wrote of all that this process has imported, but nothing of this tree: the fork may
run in another one.
"""

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading

_idle: dict[str, list] = {}


def run(kind, arguments, timeout_s, told="", folder=".", **env):
    """told: for its stdin. env: what is added to this process'. -> its CompletedProcess. Raises TimeoutExpired."""
    env = {**os.environ, **env}
    if kind == "micropython":
        from tosplus.sim.process import micropython

        arguments = [micropython(), *arguments]
        if os.environ.get("MICROPYTHON") or not importlib.util.find_spec("micropython_run"):
            about = {"cwd": folder, "env": env, "timeout": timeout_s, "errors": "replace"}
            return subprocess.run(arguments, input=told, capture_output=True, text=True, **about)
    try:
        forks = _idle.setdefault(kind, []).pop()
    except IndexError:
        forks = _begin(kind)
    forks.stdin.write(json.dumps([arguments, timeout_s, told, str(folder), env]) + "\n")
    forks.stdin.flush()
    code, out, err = json.loads(forks.stdout.readline())
    _idle[kind].append(forks)
    if code is None:
        raise subprocess.TimeoutExpired(arguments, timeout_s, out, err)
    return subprocess.CompletedProcess(arguments, code, out, err)


def _begin(kind):
    """A process to fork from; it ends when this one does."""
    theirs = [n for n, m in sys.modules.items() if "site-packages" in (getattr(m, "__file__", None) or "")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    forks = subprocess.Popen([sys.executable, "-B", __file__, kind], text=True, **pipes)
    forks.stdin.write(json.dumps(theirs) + "\n")
    return forks


def _micropython(theirs):
    import micropython_run

    return micropython_run.run_main


def _pytest(theirs):
    import pytest

    for name in theirs:
        if not name.startswith("luma"):  # it starts threads, and a fork has none but its own
            with contextlib.suppress(ImportError):  # of what is a module by another's doing only
                importlib.import_module(name)
    assert threading.active_count() == 1
    gc.freeze()  # these pages stay shared

    def main(arguments):
        sys.path.insert(0, os.getcwd())
        return pytest.main(arguments)

    return main


def _fork(main, lines, answers):
    for line in lines:
        arguments, timeout_s, told, folder, env = json.loads(line)
        files = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
        os.write(files[0], told.encode())
        os.lseek(files[0], 0, os.SEEK_SET)
        pid = os.fork()
        if not pid:
            for n, file in enumerate(files):
                os.dup2(file, n)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(env)
            code = main(arguments)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code & 0xFF)
        signal.signal(signal.SIGALRM, lambda *_, pid=pid: os.kill(pid, signal.SIGKILL))
        signal.alarm(timeout_s)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        in_time = signal.alarm(0)
        said = []
        for file in files:
            os.lseek(file, 0, os.SEEK_SET)
            with os.fdopen(file, errors="replace") as f:
                said.append(f.read())
        answers.write(json.dumps([code if in_time else None, *said[1:]]) + "\n")
        answers.flush()


if __name__ == "__main__":
    del sys.path[0]  # tests are not among what others wrote
    orders = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    _fork({"micropython": _micropython, "pytest": _pytest}[sys.argv[1]](json.loads(orders[0].readline())), *orders)
