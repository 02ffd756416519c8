"""What a payment has used is used once, whenever the power fails: paid.py; and mistakes that would let it be twice."""

import pytest
from crash.lab import code
from crash.mutant import Mutant
from crash.paid import DO, Device, sweep


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    return code(tmp_path_factory.mktemp("compiled") / "firmware")


@pytest.mark.parametrize("do", DO)
def test_a_cut_anywhere_loses_no_key_and_repeats_no_counter(do, firmware, tmp_path):
    result = sweep(tmp_path, do, tears=("half",), every=4, firmware=firmware)
    assert result.faults == []
    assert result.ends == set(DO[do]) and result.points >= 10 and result.given >= 8 * result.points


def test_the_witness_sees_what_is_given(firmware, tmp_path):
    device = Device(tmp_path / "lives", firmware)
    assert device.live("prepare", fresh=True)["left"] == {
        "id": "token one", "ki": 1, "pending": None, "tries": 3, "state": 2, "codes": [],
    }  # fmt: skip
    assert device.live("tap")["found"]["ki"] == 1
    assert device.faults() == ([], 3 + 6)


WALLET = "tos/wallet.py"
USE = "        self._put(_USED, cbor.dumps(row))\n        self._row = row\n        self._next"
COUNT = "            self._count(self._row[_ID], end, None)\n"
MUTANTS = [
    Mutant("no counter is reserved", WALLET, COUNT, "", "was given", "tap"),
    Mutant(
        "what is kept is the counter that is used next", WALLET, "self._count(self._row[_ID], end, None)",
        "self._count(self._row[_ID], self._at, None)", "was used, and durable is", "tap",
    ),
    Mutant(
        "a counter is reserved behind the tap", "tos/pay.py", "                self.wallet.reserve()\n",
        "                self.wallet._end = self.wallet._at + 1\n", "was used, and durable is", "tap",
    ),
    Mutant("the counter is kept in one store", WALLET, "        self._record.save(pairs)\n", "", "durable is", "tap"),
    Mutant("a window is one too long", WALLET, "self._end = end\n", "self._end = end + 1\n", "durable is", "tap"),
    Mutant(
        "a new key forgets the counter", WALLET, " = self._counters.get(self._row[_ID])",
        " = 1 if self._row[_KI] > 1 else self._counters.get(self._row[_ID])", "after counter", "replenish",
    ),
    Mutant(
        "the counter of the token before is dropped", WALLET, "self._row and self._row[_ID])\n        self._put",
        "None)\n        self._put", "[447]", "replace",
    ),
    Mutant(
        "the counter comes behind its token", WALLET, "            self._count(id, self._counters",
        "            self._put(_USED, cbor.dumps(row))\n"
        "            self._count(id, self._counters", "tos 0 447", "provision", every=1,
    ),
    Mutant("the key before goes first", WALLET, USE, "        self._erase(_USED)\n" + USE, "in use", "replenish"),
    Mutant(
        "what was pending stays so", WALLET, "            self._next = None  # it came", "            pass  # it came",
        "two starts", "replenish", every=1,
    ),
    Mutant(
        "a try of the PIN is not given back", "tos/pin.py",
        "        self._put(_TRIES, bytes((_MOST,)))\n        self.tries = _MOST\n\n    def", "\n    def", "tries",
        "replenish",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mistake_is_caught(mutant, tmp_path):
    mistaken = mutant.code(tmp_path / "firmware")
    result = sweep(tmp_path, mutant.do, tears=("clean",), every=mutant.every or 4, firmware=mistaken)
    assert mutant.shown_by(result.faults), result
