"""A PostgreSQL of our own in a temporary folder, on a socket there; it wants no service, and not to be root."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import peers


def emptied(url):
    """With the tables of the token service, and nothing in them."""
    from tosplus.tokens import tables
    from tosplus.tokens.database import Database

    made = Database(url)
    with made.write() as connection:
        for table in tables.meta.tables.values():
            connection.execute(table.delete())
    made.close()


def _programs():
    """Debian keeps them beside, one folder a version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        os.environ["PATH"] += os.pathsep + str(found[-1].parent)
    return peers.need("initdb"), peers.need("pg_ctl")


@contextlib.contextmanager
def running():
    """-> url of a database server, which keeps all that it has acknowledged: fsync is on."""
    initdb, pg_ctl = _programs()
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    as_user = {}
    if os.getuid() == 0:  # which it refuses to be
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    about = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, **as_user}
    try:
        subprocess.run([initdb, "-D", "data", "-U", "tos", "-A", "trust", "-E", "UTF8", "--no-sync"], **about)
        options = f"-k {folder} -c listen_addresses= -c max_connections=60 -c shared_buffers=32MB"
        subprocess.run([pg_ctl, "-D", "data", "-w", "-l", "log", "-o", options, "start"], **about)
        try:
            yield f"postgresql://tos@/postgres?host={folder}"
        finally:
            subprocess.run([pg_ctl, "-D", "data", "-w", "-m", "immediate", "stop"], **about)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
