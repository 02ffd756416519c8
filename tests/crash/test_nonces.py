"""No nonce is used twice with one key, whenever the power fails: nonces.py; and mistakes that would let one be."""

import pytest
from crash.lab import code
from crash.mutant import Mutant
from crash.nonces import Device, sweep
from mutate import some


def test_a_cut_anywhere_in_a_talk_repeats_no_nonce(tmp_path):
    result = sweep(tmp_path, tears=("half",))
    assert result.faults == []
    assert result.points >= 12 and result.seals > 100 * result.points


def test_a_cut_anywhere_in_the_first_life_repeats_no_nonce(tmp_path):
    assert sweep(tmp_path, life=0, tears=("clean",), every=2).faults == []


def test_the_recorder_sees_what_is_sealed(tmp_path):
    device = Device(tmp_path / "lives", code(tmp_path / "firmware"))
    device.live()
    faults, seals = device.faults()
    # An Echo, its answer, three PUTs, an error, a registration, 140 notifications, a PUT.
    assert faults == [] and seals == 1 + 1 + 3 + 1 + 1 + 140 + 1


MUTANTS = [
    Mutant("no number is reserved", "toscore/sequence.py", "            self._persist(end)\n", "", "was used"),
    Mutant("a number is used and then kept", "toscore/sequence.py", "n == self.end:", "n == self.end + 1:", "was used"),
    Mutant(
        "what is kept is the first of those reserved", "toscore/sequence.py", "self._persist(end)", "self._persist(n)",
        "was used",
    ),
    Mutant(
        "the window is empty after a start", "toscore/sequence.py", "self.known = False", "self.known = True",
        "a recording switched",
    ),
    Mutant(
        "Echo is not asked for", "toscore/oscore_server.py",
        "return request if request[4].window.known else self._prove(request)",
        "request[4].begin(request[3])\n        return request", "a recording switched",
    ),
    Mutant(
        "an answer to a recording has its nonce", "toscore/oscore.py",
        "            window.add(n)\n            self._unanswered = request\n",
        "            window.add(n)\n        self._unanswered = request\n", "was used",
    ),
    Mutant(
        "the counter is not read at a start", "tos/peers.py", "Reserve(max(found), self.save)",
        "Reserve(0, self.save)", "was used",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS, most=4), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    firmware = mutant.code(tmp_path / "firmware")
    result = sweep(tmp_path, tears=("clean",), every=4, firmware=firmware)
    assert mutant.shown_by(result.faults), result
