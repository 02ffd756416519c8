"""Files that outlive a power cut and a full disk, and that nobody else may read. See durable.py."""

import os
import stat
import subprocess
import sys

import pytest
from tosplus import durable
from tosplus.errors import HostError


def no_room(*_):
    raise OSError(28, os.strerror(28))


@pytest.mark.parametrize("write", [durable.create, durable.replace])
def test_what_was_written_is_its_owners_alone(tmp_path, write):
    write(tmp_path / "key", "secret\n")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert durable.private(tmp_path / "key") == "secret\n" and os.listdir(tmp_path) == ["key"]


def test_a_secret_that_others_may_read_is_refused(tmp_path):
    durable.create(tmp_path / "key", "secret\n")
    for mode in (0o640, 0o604):
        (tmp_path / "key").chmod(mode)
        with pytest.raises(HostError, match="chmod 600"):
            durable.private(tmp_path / "key")


def test_nothing_is_created_over_what_is_there(tmp_path):
    durable.create(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        durable.create(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_on_a_full_disk_what_was_there_stays_and_nothing_is_left_beside_it(tmp_path, monkeypatch, fails):
    durable.replace(tmp_path / "key", "old")
    monkeypatch.setattr(os, fails, no_room)
    with pytest.raises(OSError, match="No space"):
        durable.replace(tmp_path / "key", "new")
    if fails == "fsync":
        with pytest.raises(OSError, match="No space"):
            durable.create(tmp_path / "other", "new")
    assert os.listdir(tmp_path) == ["key"] and (tmp_path / "key").read_text() == "old"


_CUT = """
import os, pathlib, sys
from tosplus import durable
left = int(sys.argv[2])
def counted(call):
    def wrapped(*a, **k):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return call(*a, **k)
    return wrapped
for name in ("open", "fdopen", "fsync", "replace"):
    setattr(os, name, counted(getattr(os, name)))
durable.replace(pathlib.Path(sys.argv[1]), "new")
"""


def test_a_cut_at_any_operation_of_a_replacement_leaves_old_or_new(tmp_path):
    found = []
    for cut in range(9):
        file = tmp_path / str(cut) / "key"
        file.parent.mkdir()
        file.write_text("old")
        command = [sys.executable, "-c", _CUT, str(file), str(cut)]
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        found.append(file.read_text())
        if done.returncode == 0:
            break
    assert done.returncode == 0 and found[0] == "old" and found[-2:] == ["new", "new"] and {*found} == {"old", "new"}
