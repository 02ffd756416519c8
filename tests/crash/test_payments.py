"""What a token service has answered survives: kill -9, a crash between posting and answer, and a look at its syncs."""

import os
import re
import shutil
import subprocess
import sys

import peers
import pytest
from crash.payments import sweep
from host.tokens.bank import Bank
from mutate import ROOT
from tosplus.tokens.database import Database


@pytest.mark.timeout(180)
def test_kill_9_with_eight_writers_loses_nothing_that_was_answered(url):
    found = sweep(url, 3)
    assert found.faults == []
    assert found.answered > 10


def test_a_crash_between_posting_and_answer_is_answered_when_it_is_asked_again(url):
    bank = Bank(url)
    till, card = bank.set_up(), bank.card()
    tap, answers = card.tap(1250), []
    authorise = bank._authorise

    def dying(batch):
        answers.extend(authorise(batch))
        raise OSError("the power failed")

    bank._group._commit = dying
    with pytest.raises(OSError, match="power"):
        bank.authorise(till, "k", tap)
    assert len(answers) == 1 and answers[0].approved
    bank.close()
    again = Bank(url)
    assert again.authorise(till, "k", tap) == answers[0]
    assert again.has(card) == (100_000, -1250)
    again.check()
    again.close()


def synced(trace):
    """(answers, those of them that left while something in the log was not synced yet)"""
    answers = early = 0
    dirty = synced_since = False
    for line in trace.splitlines():
        call = re.search(r"(\w+)\(\d+<([^>]*)>", line)
        if not call:
            continue
        name, file = call[1], call[2]
        if name.startswith("pwrite") and file.endswith("-wal"):
            dirty, synced_since = True, False
        elif name in ("fdatasync", "fsync") and file.endswith("-wal"):
            dirty, synced_since = False, True
        elif name == "write" and '[\\"answered\\"' in line:
            answers += 1
            early += dirty or not synced_since
            synced_since = False
    return answers, early


def traced(tmp_path, tools=()):
    """The calls of one writer that is alone. tools: a folder with a tosplus of its own."""
    strace = peers.need("strace")
    out = tmp_path / "trace"
    command = [strace, "-f", "-y", "-s", "64", "-o", out, "-e", "trace=pwrite64,write,fdatasync,fsync"]
    command += [sys.executable, "-m", "crash.payments_target", f"sqlite:///{tmp_path}/t.db", "1"]
    about = {**os.environ, "PYTHONPATH": os.pathsep.join([*tools, *sys.path])}
    done = subprocess.run(command, env=about, capture_output=True, text=True, timeout=50)
    if "ptrace" in done.stderr:
        pytest.skip("this machine lets nobody trace")
    assert done.returncode == 0, done.stderr
    return out.read_text()


def test_each_answer_leaves_after_the_sync_of_what_it_says(tmp_path):
    answers, early = synced(traced(tmp_path))
    assert (answers, early) == (30, 0)


@pytest.mark.parametrize("mode", ["OFF", "NORMAL"])
def test_the_trace_shows_a_service_that_does_not_sync(tmp_path, mode):
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    path = tmp_path / "tools/tosplus/tokens/database.py"
    text = path.read_text()
    assert text.count("synchronous=FULL") == 1
    path.write_text(text.replace("synchronous=FULL", f"synchronous={mode}"))
    answers, early = synced(traced(tmp_path, [str(tmp_path / "tools")]))
    assert answers == 30 and early > 20


def test_postgresql_syncs_each_commit(request):
    database = Database(request.getfixturevalue("postgres"))
    with database.engine.connect() as connection:
        found = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ("synchronous_commit", "fsync")]
    assert found == ["on", "on"]
    database.close()
