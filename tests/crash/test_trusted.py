"""Whom a device trusts, whenever the power fails: trusted.py; and mistakes that would leave it by halves."""

from dataclasses import dataclass

import pytest
from crash.lab import copied
from crash.trusted import WANTED, sweep
from mutate import some


@pytest.mark.parametrize("do", WANTED)
def test_a_cut_anywhere_leaves_old_or_new(do, tmp_path):
    result = sweep(tmp_path, do, tears=("half",), every=4 if do == "forget" else 1)
    assert result.faults == []
    assert result.ends == {2, len(WANTED[do])} and result.points >= 2


@dataclass(frozen=True)
class Mutant:
    name: str
    do: str
    path: str
    old: str
    new: str
    sign: str

    def __str__(self):
        return self.name.replace(" ", "-")


MUTANTS = [
    Mutant(
        "a reset keeps the secret", "forget", "tos/reset.py",
        '("pairing",) + ', "", "the secret is not",
    ),
    Mutant(
        "a reset without a mark", "forget", "tos/reset.py",
        '        board.keystore.put(_MARK, b"\\x01")\n', "        finish(board.keystore)\n", "peers:",
    ),
    Mutant(
        "the mark goes first", "forget", "tos/reset.py",
        "    for name in _KEYS:\n", "    keystore.erase(_MARK)\n    for name in _KEYS:\n", "stored:",
    ),
    Mutant(
        "the mark stays", "forget", "tos/reset.py", "    keystore.erase(_MARK)\n", "", "the mark",
    ),
    Mutant(
        "a reset forgets the counter of sent messages", "forget", "tos/reset.py",
        '_FILES = (', '_FILES = ("/sent.rec", "/nvs/sent", ', "was used",
    ),
    Mutant(
        "a reset keeps the config", "forget", "tos/reset.py", '"/config.rec", ', "", "stored:",
    ),
    Mutant(
        "a peer that is revoked is there again", "revoke", "tos/trust.py",
        "        peers.app.board.keystore.erase(SLOT % peer.slot)\n", "        pass\n", "not there",
    ),
    Mutant(
        "a peer is kept in two writes", "bring", "tos/trust.py",
        "    peers.keep(SLOT % slot, cbor.dumps(row))\n",
        "    peers.keep(SLOT % slot, cbor.dumps({0: secret}))\n"
        "    peers.keep(SLOT % slot, cbor.dumps(row))\n", "logs",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS, most=4), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    firmware = copied(tmp_path / "firmware")
    path = firmware / mutant.path
    text = path.read_text()
    assert text.count(mutant.old) == 1
    path.write_text(text.replace(mutant.old, mutant.new))
    result = sweep(tmp_path, mutant.do, tears=("clean",), every=2, firmware=firmware)
    assert [what for _, what in result.faults if mutant.sign in what], result
