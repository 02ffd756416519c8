"""A PostgreSQL of our own in a temporary folder, on a socket there; it wants no service, and not to be root."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import peers

# It ends with whoever holds the other end of its stdin, also with one that is killed.
_LEASH = '"$@" & read -r _; kill -QUIT $!; wait $!'
_STOP_S = 20


@contextlib.contextmanager
def running():
    """-> url of a database server, which keeps all that it has acknowledged: fsync is on."""
    initdb, server = _programs()
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    as_user = {}
    if os.getuid() == 0:  # which it refuses to be
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    about = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, **as_user}
    options = ["-c", "listen_addresses=", "-c", "max_connections=60", "-c", "shared_buffers=32MB"]
    try:
        initialise = [initdb, "-D", "data", "-U", "tos", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initialise, check=True, **about)
        serve = ["sh", "-c", _LEASH, "sh", server, "-D", "data", "-k", str(folder), *options]
        process = subprocess.Popen(serve, stdin=subprocess.PIPE, **about)
        try:
            url = f"postgresql://tos@/postgres?host={folder}"
            _wait(url)
            yield url
        finally:
            process.stdin.close()
            process.wait(_STOP_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def emptied(url):
    """With the tables of the token service, and nothing in them."""
    from tosplus.tokens import tables
    from tosplus.tokens.database import Database

    made = Database(url)
    with made.write() as connection:
        for table in tables.meta.tables.values():
            connection.execute(table.delete())
    made.close()


def _wait(url):
    """Until it answers."""
    import psycopg  # a tenth of a second, in each process that runs tests

    for _ in range(600):
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(url).close()
            return
        time.sleep(0.05)
    raise AssertionError("PostgreSQL does not answer")


def _programs():
    """Debian keeps them beside, one folder a version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        os.environ["PATH"] += os.pathsep + str(found[-1].parent)
    return peers.need("initdb"), peers.need("postgres")
