"""What a payment has used is used once, whenever the power fails: paid.py; and mistakes that would let it be twice."""

import shutil
from dataclasses import dataclass

import pytest
from crash.lab import ROOT
from crash.paid import DO, Device, compile_one, compiled, sweep


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("compiled") / "firmware")


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


@dataclass(frozen=True)
class Mutant:
    name: str
    do: str
    path: str
    old: str
    new: str
    sign: str
    every: int = 4

    def __str__(self):
        return self.name.replace(" ", "-")


WALLET = "tos/wallet.py"
USE = "        self._put(_USED, cbor.dumps(row))\n        self._row = row\n        self._next"
COUNT = "            self._count(self._row[_ID], end, None)\n"
MUTANTS = [
    Mutant("no counter is reserved", "tap", WALLET, COUNT, "", "was given"),
    Mutant(
        "what is kept is the counter that is used next", "tap", WALLET, "self._count(self._row[_ID], end, None)",
        "self._count(self._row[_ID], self._at, None)", "was used, and durable is",
    ),
    Mutant(
        "a counter is reserved behind the tap", "tap", "tos/pay.py",
        "                self.wallet.reserve()\n", "                self.wallet._end = self.wallet._at + 1\n",
        "was used, and durable is",
    ),
    Mutant("the counter is kept in one store", "tap", WALLET, "        self._record.save(pairs)\n", "", "durable is"),
    Mutant("a window is one too long", "tap", WALLET, "self._end = end\n", "self._end = end + 1\n", "durable is"),
    Mutant(
        "a new key forgets the counter", "replenish", WALLET, " = self._counters.get(self._row[_ID])",
        " = 1 if self._row[_KI] > 1 else self._counters.get(self._row[_ID])", "after counter",
    ),
    Mutant(
        "the counter of the token before is dropped", "replace", WALLET,
        "self._row and self._row[_ID])\n        self._put", "None)\n        self._put", "[447]",
    ),
    Mutant(
        "the counter comes behind its token", "provision", WALLET,
        "            self._count(id, self._counters", "            self._put(_USED, cbor.dumps(row))\n"
        "            self._count(id, self._counters", "tos 0 447", 1,
    ),
    Mutant("the key before goes first", "replenish", WALLET, USE, "        self._erase(_USED)\n" + USE, "in use"),
    Mutant(
        "what was pending stays so", "replenish", WALLET,
        "            self._next = None  # it came", "            pass  # it came", "two starts", 1,
    ),
    Mutant(
        "a try of the PIN is not given back", "replenish", "tos/pin.py",
        "        self._put(_TRIES, bytes((_MOST,)))\n        self.tries = _MOST\n\n    def", "\n    def", "tries",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mistake_is_caught(mutant, firmware, tmp_path):
    mistaken = shutil.copytree(firmware, tmp_path / "firmware")
    text = (ROOT / "firmware" / mutant.path).read_text()
    assert text.count(mutant.old) == 1
    (mistaken / mutant.path).write_text(text.replace(mutant.old, mutant.new))
    compile_one(mistaken / mutant.path)
    result = sweep(tmp_path, mutant.do, tears=("clean",), every=mutant.every, firmware=mistaken)
    assert [what for _, what in result.faults if mutant.sign in what], result
