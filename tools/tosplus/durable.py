"""Files that outlive a power cut, and that nobody else may read. CPython."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import HostError


def private(file: Path) -> str:
    """The text of a file that its owner alone can read. Raises OSError, HostError."""
    with open(file) as f:
        if os.fstat(f.fileno()).st_mode & 0o077:
            raise HostError(f"{file} can be read by others, and it is a secret: chmod 600 {file}")
        return f.read()


def create(file: Path, content: str | bytes) -> None:
    """Durable when this returns; until then a power cut may leave a part. Raises FileExistsError rather than write
    over what is there, and OSError."""
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _write(fd, content)
    except OSError:
        file.unlink()
        raise
    sync(file.parent)


def replace(file: Path, content: str | bytes) -> None:
    """Durable when this returns; until then a power cut leaves old or new, never a mixture. Raises OSError, and what
    was there stays."""
    fd, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        _write(fd, content)
        os.replace(name, file)
    except OSError:
        os.unlink(name)
        raise
    sync(file.parent)


def sync(folder: Path) -> None:
    """What happened in it until now comes before what happens next."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Against other processes; what was done within is durable afterwards."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
        os.fsync(fd)
    finally:
        os.close(fd)


def _write(fd: int, content: str | bytes) -> None:
    with os.fdopen(fd, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(fd)
