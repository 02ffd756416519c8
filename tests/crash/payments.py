"""kill -9 of a token service with eight writers, again and again, on one database. What it had answered is there, once;
what it had not, the till asks again; the ledger sums up to zero."""

import json
import os
import random
import subprocess
import sys
import threading
from dataclasses import dataclass, field

import postgres
import pytest
import sqlalchemy as sa
from host.tokens.bank import Bank, check
from tosplus.tokens import tables
from tosplus.tokens.authorise import Till
from tosplus.tokens.tap import Tap

_WRITERS = 8
_LIFE_S = 50


@dataclass
class Killed:
    """kills: so many. answered: authorisations that were, in all."""

    kills: int = 0
    answered: int = 0
    faults: list = field(default_factory=list)


def databases(folder, only):
    """(name, url) of those whose name has the word `only`; PostgreSQL where there is one."""
    if only in "tokens-sqlite":
        yield "tokens-sqlite", f"sqlite:///{folder}/tokens.db"
    if only in "tokens-postgresql":
        try:
            with postgres.running() as url:
                yield "tokens-postgresql", url
        except pytest.skip.Exception as e:
            print(f"tokens-postgresql: {e}")


def sweep(url, kills, seed=1, target="crash.payments_target"):
    rng, found = random.Random(seed), Killed()
    for n in range(kills):
        lines = life(url, rng.randint(1, 200), target)
        found.kills += 1
        try:
            look(url, lines, found)
        except AssertionError as e:
            found.faults.append((n, str(e)[:500]))
    return found


def life(url, answers, target):
    """What it said until it was killed, after so many answers."""
    paths = os.pathsep.join([*sys.path, os.path.dirname(os.path.dirname(__file__))])
    command = [sys.executable, "-m", target, url, str(_WRITERS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths})
    said = []
    watchdog = threading.Timer(_LIFE_S, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            if line.endswith("\n"):  # the last one may be cut
                said.append(json.loads(line))
            answers -= line.startswith('["answered"')
            if not answers:
                process.kill()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
    assert said, "it did not start"
    return said


def look(url, said, found):
    """Asked again with the same keys, nothing changes for what was answered, and the others are done once."""
    asked = {line[1]: (Till(*line[2]), read(line[3])) for line in said if line[0] == "asked"}
    answered = {line[1]: line[2] for line in said if line[0] == "answered"}
    bank = Bank(url)
    try:
        check(bank)
        rows = bank.read(lambda c: c.execute(sa.select(tables.auths.c.id, tables.auths.c.reason)).all())
        approved = [row.id for row in rows if row.reason == 0]
        lost = set(answered.values()) - set(approved)
        assert not lost, f"{len(lost)} were answered and are gone"
        for key, (till, tap) in asked.items():
            answer = bank.authorise(till, key, tap)
            assert answer.approved and answered.get(key, answer.number) == answer.number, key
        check(bank)
        count = bank.read(lambda c: c.scalar(sa.select(sa.func.count()).where(tables.auths.c.reason == 0)))
        late = len(asked) - len(answered)
        assert len(approved) <= count <= len(approved) + late
    finally:
        bank.close()
    found.answered += len(answered)


def read(told):
    fields = {name: bytes.fromhex(told[name]) for name in ("pdol", "aip", "atc", "ac", "ctq", "iad")}
    return Tap(told["number"], told["psn"], cid=told["cid"], **fields)
