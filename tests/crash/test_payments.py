"""What a token service has answered survives: kill -9, a crash between posting and answer, a full disk; and a look at
its syncs."""

import json
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


def synced_by_postgresql(trace):
    """The same of a server and its one client: it syncs its log after it was told to commit."""
    answers = early = 0
    committing = is_synced = False
    for line in trace.splitlines():
        if "sendto(" in line and "COMMIT" in line and not committing:
            committing, is_synced = True, False
        elif "fdatasync(" in line and "/pg_wal/" in line:
            is_synced = True
        elif "write(" in line and '[\\"answered\\"' in line:
            answers += 1
            early += not (committing and is_synced)
            committing = is_synced = False
    return answers, early


def traced(tmp_path, database, tools=()):
    """The calls of one writer that is alone. tools: a folder with a tosplus of its own."""
    strace = peers.need("strace")
    out = tmp_path / "trace"
    command = [strace, "-f", "--seccomp-bpf", "-y", "-s", "64", "-o", out]
    command += ["-e", "trace=pwrite64,write,fdatasync,fsync,sendto"]
    command += [sys.executable, "-m", "crash.payments_target", database, "1"]
    about = {**os.environ, "PYTHONPATH": os.pathsep.join([*tools, *sys.path])}
    done = subprocess.run(command, env=about, capture_output=True, text=True, timeout=150)
    if "ptrace" in done.stderr:
        pytest.skip("this machine lets nobody trace")
    assert done.returncode == 0, done.stderr
    return out.read_text()


def without(tmp_path, sync, instead):
    """A copy of the tools that says something else to its database."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    path = tmp_path / "tools/tosplus/tokens/database.py"
    text = path.read_text()
    assert text.count(sync) == 1
    path.write_text(text.replace(sync, instead))
    return [str(tmp_path / "tools")]


def test_each_answer_leaves_after_the_sync_of_what_it_says(tmp_path):
    assert synced(traced(tmp_path, f"sqlite:///{tmp_path}/t.db")) == (30, 0)


@pytest.mark.parametrize("mode", ["OFF", "NORMAL"])
def test_the_trace_shows_a_service_that_does_not_sync(tmp_path, mode):
    tools = without(tmp_path, "synchronous=FULL", f"synchronous={mode}")
    answers, early = synced(traced(tmp_path, f"sqlite:///{tmp_path}/t.db", tools))
    assert answers == 30 and early > 20


def test_each_answer_leaves_after_postgresql_has_synced_what_it_says(tmp_path, postgres):
    assert synced_by_postgresql(traced(tmp_path, "postgresql")) == (30, 0)


def test_the_trace_shows_a_postgresql_that_was_not_told_to_sync(tmp_path, postgres):
    tools = without(tmp_path, "synchronous_commit = on", "synchronous_commit = off")
    answers, early = synced_by_postgresql(traced(tmp_path, "postgresql", tools))
    assert answers == 30 and early > 20


def test_postgresql_keeps_what_it_has_synced(postgres):
    database = Database(postgres)
    with database.engine.connect() as connection:
        found = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ("synchronous_commit", "fsync")]
    assert found == ["on", "on"]
    database.close()


@pytest.mark.parametrize(
    ("how", "words"), [("tmpfs", "database or disk is full"), ("limit", "disk I/O error")], ids=("tmpfs", "limit")
)
def test_on_a_full_disk_taps_are_refused_and_nothing_is_lost_and_it_goes_on_when_there_is_room(tmp_path, how, words):
    own = [] if how == "limit" else mounting()
    command = [*own, sys.executable, "-m", "crash.full_target", how, str(tmp_path)]
    about = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=about, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("answered") > 20 and found.pop("refused") > 3
    why, then = "the database has no room", {"refused_then": 0, "lost": 0, "captured": True}
    assert found == {"why": [why], "logged": [f"{why}: {words}"], "settled": False, **then}


def mounting():
    """What gives a command file systems of its own."""
    for options in (["--mount"], ["--mount", "--user", "--map-root-user"]):
        command = ["unshare", *options]
        if not subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode:
            return command
    pytest.skip("this machine lets nobody mount")
