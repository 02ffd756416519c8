"""What `make bench` measures of the token service: authorisations that are on the disk, and cryptograms."""

import os
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psycopg
from tosplus.tokens import crypto

_ROUNDS = 5
_RAW = 300
_WRITERS, _CARDS = 8, 96
_CMACS = 4000
_TARGET = Path(__file__).with_name("tokens_target.py")


def raw(folder, n):
    """Transactions/s of SQLite with synchronous=FULL: one insert of 100 B each, one after the other."""
    file = sqlite3.connect(f"{folder}/raw-{n}.db", isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE t (a INTEGER, b BLOB)"):
        file.execute(statement)
    began = time.perf_counter()
    for i in range(_RAW):
        file.execute("BEGIN IMMEDIATE")
        file.execute("INSERT INTO t VALUES (?, ?)", (i, bytes(100)))
        file.execute("COMMIT")
    took_s = time.perf_counter() - began
    file.close()
    return _RAW / took_s


def raw_postgres(url):
    """The same of a PostgreSQL with synchronous_commit, by one connection."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS raw (a INTEGER, b BYTEA)")
        began = time.perf_counter()
        for i in range(_RAW):
            connection.execute("INSERT INTO raw VALUES (%s, %s)", (i, bytes(100)))
        return _RAW / (time.perf_counter() - began)


def authorisations(url, processes=1):
    """Authorisations/s of so many processes at once, with eight writers each."""
    command = [sys.executable, str(_TARGET), url, str(_WRITERS), str(_CARDS // processes)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = []
    for _ in range(processes):
        running.append(subprocess.Popen(command, env=environment, **pipes))
        assert running[-1].stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    rates = []
    for process in running:
        rates.append(float(process.communicate()[0]))
        assert process.returncode == 0
    return sum(rates)


def sqlite_rates(folder):
    """(raw transactions/s, authorisations/s), medians of rounds that take turns."""
    raws, found = [], []
    for n in range(_ROUNDS):
        raws.append(raw(folder, n))
        found.append(authorisations(f"sqlite:///{folder}/tokens.db"))
    return statistics.median(raws), statistics.median(found)


def postgres_rates(url):
    """(raw, by one process, by four)"""
    return tuple(
        statistics.median(rates)
        for rates in zip(*[(raw_postgres(url), authorisations(url), authorisations(url, 4)) for _ in range(3)])
    )


def cryptograms():
    """(s of a bare AES-CMAC of 94 B, s of a cryptogram's check by a LUK that is kept), medians."""
    keys = crypto.Keys(lambda: {1: bytes(16)})
    number, bound, key = "9999990000000017", bytes(94), bytes(range(16))
    ac = crypto.cryptogram(keys.session(1, number, 1, 1, 1), bound)
    bare, checks = [], []
    for _ in range(7):
        began = time.perf_counter()
        for _ in range(_CMACS):
            crypto.cmac(key, bound)
        bare.append((time.perf_counter() - began) / _CMACS)
        began = time.perf_counter()
        for _ in range(_CMACS):
            assert crypto.right(keys.session(1, number, 1, 1, 1), bound, ac)
        checks.append((time.perf_counter() - began) / _CMACS)
    return statistics.median(bare), statistics.median(checks)
