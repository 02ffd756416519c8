"""Whom a device trusts, whenever the power fails: trusted.py; and mistakes that would leave it by halves."""

import pytest
from crash.mutant import Mutant
from crash.trusted import WANTED, sweep
from mutate import some


@pytest.mark.parametrize("do", WANTED)
def test_a_cut_anywhere_leaves_old_or_new(do, tmp_path):
    result = sweep(tmp_path, do, tears=("half",), every=4 if do == "forget" else 1)
    assert result.faults == []
    assert result.ends == {2, len(WANTED[do])} and result.points >= 2


MUTANTS = [
    Mutant("a reset keeps the secret", "tos/reset.py", '("pairing",) + ', "", "the secret is not", "forget"),
    Mutant(
        "a reset without a mark", "tos/reset.py", '        board.keystore.put(_MARK, b"\\x01")\n',
        "        finish(board.keystore)\n", "peers:", "forget",
    ),
    Mutant(
        "the mark goes first", "tos/reset.py", "    for name in _KEYS:\n",
        "    keystore.erase(_MARK)\n    for name in _KEYS:\n", "stored:", "forget",
    ),
    Mutant("the mark stays", "tos/reset.py", "    keystore.erase(_MARK)\n", "", "the mark", "forget"),
    Mutant(
        "a reset forgets the counter of sent messages", "tos/reset.py", '_FILES = (',
        '_FILES = ("/sent.rec", "/nvs/sent", ', "was used", "forget",
    ),
    Mutant("a reset keeps the config", "tos/reset.py", '"/config.rec", ', "", "stored:", "forget"),
    Mutant(
        "a peer that is revoked is there again", "tos/trust.py",
        "        peers.app.board.keystore.erase(SLOT % peer.slot)\n", "        pass\n", "not there", "revoke",
    ),
    Mutant(
        "a peer is kept in two writes", "tos/trust.py", "    peers.keep(SLOT % slot, cbor.dumps(row))\n",
        "    peers.keep(SLOT % slot, cbor.dumps({0: secret}))\n"
        "    peers.keep(SLOT % slot, cbor.dumps(row))\n", "logs", "bring",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS, most=4), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    firmware = mutant.code(tmp_path / "firmware")
    result = sweep(tmp_path, mutant.do, tears=("clean",), every=2, firmware=firmware)
    assert mutant.shown_by(result.faults), result
