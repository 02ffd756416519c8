"""`tos tokens`: the operator's commands, and the service as a process."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from tosplus.cli import cli
from tosplus.link.pair import Paired
from tosplus.tokens import tables, tills, wallet
from tosplus.tokens.serve import Options, opened
from tosplus.tokens.vault import VARIABLE

from .taps import Card

TERMS = {"id": "canteen", "shares": [["platform", 300], ["developer", 9700]]}


@pytest.fixture
def tos(tmp_path, monkeypatch):
    """tos(*arguments) -> click's result of `tos tokens`, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "terms.json").write_text(json.dumps(TERMS))
    return lambda *arguments: CliRunner().invoke(cli, ["tokens", *arguments], prog_name="tos")


def ok(done):
    assert done.exit_code == 0, done.output
    return done.stdout


def with_key(folder, id):
    """A card with the token's first key, delivered past every device."""
    service = opened(Options(folder))
    offer = service.write(lambda c, now: wallet.offer(c, service.keys, service.dki(), id, now))
    service.write(lambda c, now: wallet.delivered(c, id, offer.ki, now))
    service.write(lambda c, now: wallet.confirmed(c, id, offer.ki, 0, now))
    service.close()
    return Card(offer.number, offer.luk, offer.ki, offer.dki, offer.psn)


class Served:
    """`tos tokens serve` on a free port."""

    def __enter__(self):
        command = [sys.executable, "-m", "tosplus", "tokens", "serve", "--port", "0", "--coap-port", "0", "--json"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self.address = json.loads(self.process.stdout.readline())["address"]
        return self

    def __exit__(self, *error):
        self.process.send_signal(signal.SIGINT)
        try:
            assert self.process.wait(60) == 0
        finally:
            self.process.kill()
            self.process.stdout.close()

    def post(self, path, secret, told, key):
        headers = {"authorization": f"Bearer {secret}", "idempotency-key": key}
        return httpx.post(f"{self.address}/v1{path}", json=told, headers=headers)


def test_from_terms_to_a_statement_that_its_party_recomputes(tos, tmp_path):
    ok(tos("merchant", "CAMPUS", "terms.json", "--by", "Ann", "--record", "paper 1"))
    token = json.loads(ok(tos("issue", "ann", "--amount", "20.00", "--json")))["id"]
    secret = ok(tos("credential", "till", "CAMPUS", "--terminal", "TILL-1")).split()[0]
    card = with_key(tmp_path / ".tos/tokens", token)

    def body(tap):
        return {name: value.hex() if isinstance(value, bytes) else value for name, value in tap._asdict().items()}

    with Served() as served:
        assert httpx.get(f"{served.address}/health").json() == {"ok": True}
        taps = [body(card.tap(100 + n)) for n in range(5)]
        with ThreadPoolExecutor(5) as pool:
            sales = list(pool.map(lambda tap: served.post("/authorisations", secret, tap, tap["ac"]), taps))
        assert [sale.json()["approved"] for sale in sales] == [True] * 5
        ok(tos("suspend", token))  # beside the service, in the same database
        assert served.post("/authorisations", secret, body(card.tap(1)), "k").json()["reason"] == 3
        ok(tos("resume", token))
        assert served.post("/authorisations", secret, body(card.tap(1)), "l").json()["approved"]
    assert ok(tos("settle", "CAMPUS")) == "6 captured\n"
    told = ok(tos("ledger"))
    assert "party:developer" in told and "capture" in told
    assert sum(line["amount"] for line in json.loads(ok(tos("ledger", "--json")))["balances"]) == 0
    for kind in ("json", "csv"):
        (tmp_path / kind).write_text(ok(tos("statement", "developer", "--format", kind)))
        assert ok(tos("recompute", kind)).splitlines() == [
            "CAMPUS, terms canteen: 6 lines, sales less refunds 5.11 EUR, of which 4.96 EUR",
            "it holds",
        ]
    (tmp_path / "csv").write_text((tmp_path / "csv").read_text().replace(",100,", ",101,"))
    done = tos("recompute", "csv")
    assert done.exit_code == 1 and "CAMPUS, " in done.stderr
    assert "balance" in ok(tos("statement", "developer", "--format", "beancount"))
    assert ok(tos("statement", "developer", "--until", "2020-01-01", "--format", "csv")).count("\n") == 1
    ok(tos("revoke", token))
    assert tos("resume", token).exit_code == 1


def test_a_ledger_that_somebody_has_put_a_hand_on_is_told_of(tos, tmp_path):
    ok(tos("issue", "ann", "--amount", "20.00"))
    service = opened(Options(tmp_path / ".tos/tokens"))
    lines = tables.postings
    service.write(lambda c, now: c.execute(lines.update().where(lines.c.line == 1).values(amount=-1)))
    service.close()
    done = tos("ledger")
    assert done.exit_code == 1 and "does not sum up" in done.stderr


def test_wrong_words_are_told_without_a_traceback(tos, tmp_path):
    (tmp_path / "bad.json").write_text('{"id": "x", "shares": [["a", 1]]}')
    (tmp_path / "worse.json").write_text('{"id": 7}')
    accept = ("--by", "x", "--record", "y")
    for arguments, code, told in (
        (("issue", "ann", "--amount", "1.234"), 2, "no amount of EUR"),
        (("issue", "ann", "--currency", "XXX"), 2, "no currency"),
        (("suspend", "x"), 1, "no such token"),
        (("credential", "till", "CAMPUS"), 2, "--terminal"),
        (("credential", "till", "CAMPUS", "--terminal", "T"), 1, "no merchant"),
        (("merchant", "A B", "terms.json", *accept), 2, "characters"),
        (("merchant", "A", "bad.json", *accept), 1, "basis points"),
        (("merchant", "A", "worse.json", *accept), 2, "no terms"),
        (("--database", "mysql://x", "ledger"), 2, "sqlite"),
        (("serve", "--host", "0.0.0.0", "--port", "0"), 2, "HTTPS"),
    ):
        done = tos(*arguments)
        assert done.exit_code == code and told in done.stderr, (arguments, done.output)


def test_who_may_use_it_is_said_by_credentials(tos, tmp_path):
    ok(tos("merchant", "CAMPUS", "terms.json", "--by", "Ann", "--record", "paper 1"))
    assert ok(tos("credential", "house")).startswith("tos_")
    folder = tmp_path / ".tos/tokens"
    service = opened(Options(folder))
    service.contexts.expect("till-c0ffee", Paired(bytes(16), bytes(8), b"a", service.contexts.free_kid()))
    till = ("credential", "till", "CAMPUS", "--terminal", "TILL-1", "--device", "till-c0ffee")
    assert "not paired" in tos(*till).stderr
    service.contexts.prove("till-c0ffee")
    done = ok(tos(*till, "--name", "Mensa", "--offline-tap", "5.00", "--offline-all", "20"))
    assert done.endswith(": till-c0ffee is TILL-1 of CAMPUS\n") and "tos_" not in done
    id = done.split(":")[0]
    terms = service.read(lambda c: tills.terms(c, id))
    assert terms == {0: "CAMPUS", 1: "TILL-1  ", 2: "0978", 3: "0276", 4: "Mensa", 5: [500, 2000]}
    service.close()
    for arguments, code, said in (
        (till, 1, "end that first"),
        ((*till, "--offline-tap", "5.001"), 2, "no amount"),
        (("credential", "house", "ann"), 2, "others none"),
        (("credential", "house", "--device", "x"), 2, "of a till"),
        (("credential", "till", "CAMPUS", "--terminal", "T", "--name", "x"), 2, "with --device"),
    ):
        done = tos(*arguments)
        assert done.exit_code == code and said in done.stderr, (arguments, done.output)


def test_keys_with_devices_are_under_the_newest_master_key_too_also_one_that_is_not_proven(tos, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "11" * 32)
    service = opened(Options(tmp_path / ".tos/tokens"))
    for id in ("till-1", "till-2"):
        service.contexts.expect(id, Paired(bytes(16), bytes(8), b"a", service.contexts.free_kid()))
    service.contexts.prove("till-1")
    service.close()
    monkeypatch.setenv(VARIABLE, f"{'11' * 32} {'22' * 32}")
    ok(tos("rotate"))
    monkeypatch.setenv(VARIABLE, f"{'11' * 32} {'22' * 32}")
    service = opened(Options(tmp_path / ".tos/tokens"))
    sealed = service.read(lambda c: c.execute(sa.select(tables.devices.c.sealed)).scalars().all())
    assert {value[0] for value in sealed} == {2}
    assert service.contexts.of("till-1").sender_id == service.contexts.of("till-2", unproven=True).sender_id == b"a"
    service.close()


def test_another_master_key_opens_nothing_and_says_so(tos, tmp_path, monkeypatch):
    ok(tos("issue", "ann"))
    ok(tos("rotate"))
    monkeypatch.setenv(VARIABLE, "22" * 32)
    done = tos("ledger")
    assert done.exit_code == 1 and "does not open under this master key" in done.stderr
    old = (tmp_path / ".tos/tokens/master").read_text().strip()
    monkeypatch.setenv(VARIABLE, f"{old} {'22' * 32}")
    assert ok(tos("rotate")) == "DKI 3\n"
    service = opened(Options(tmp_path / ".tos/tokens"))
    sealed = service.read(lambda c: c.execute(sa.select(tables.imks.c.sealed)).scalars().all())
    assert {value[0] for value in sealed} == {2}
    service.close()
