"""A sleeper repeats nothing and loses nothing over sleeps and power cuts, dozes.py; and mistakes that would let it."""

import pytest
from crash.dozes import POWER, WATCHDOG, Sleeper
from crash.lab import code
from crash.mutant import Mutant
from mutate import some


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    return code(tmp_path_factory.mktemp("firmware"))


def slept(folder, firmware):
    """A sleeper that has slept once."""
    sleeper = Sleeper(folder / "sleeper", firmware)
    sleeper.lives_on(POWER)
    return sleeper


def plain_wakes(folder, firmware):
    sleeper = slept(folder, firmware)
    assert sleeper.told["echoes"] == 1
    for _ in range(4):
        before = sleeper.image()
        told = sleeper.lives_on()
        assert sleeper.faults() == [] and told["sent"] == 1
        assert told["echoes"] == 0, "an Echo after a wake"
        assert sleeper.image() == before, "a write for a report"


def the_end_of_a_reserve(folder, firmware):
    sleeper = slept(folder, firmware)
    for _ in range(2):
        sleeper.lives_on(POWER, extra=119)
        for _ in range(8):
            told = sleeper.lives_on()
            assert told["echoes"] == 0 and told["ops"] == 0, "a write before the report"
        assert sleeper.faults() == []


def cuts(folder, firmware):
    """In a sleep, and in a life at its writes; resets in between, and a deep sleep that was not ours."""
    sleeper = slept(folder, firmware)
    for after in range(0, 12, 2):
        sleeper.lives_on(POWER, extra=60, cut=[after, "half"])
        for cause in (4, WATCHDOG, 4, POWER):
            sleeper.lives_on(cause)
        sleeper.lives_on(halt=True)
        sleeper.lives_on()
        assert sleeper.faults() == []


def flips(folder, firmware):
    sleeper = slept(folder, firmware)
    for byte in range(0, len(sleeper.rtc), 3):
        flipped = bytearray(sleeper.rtc)
        flipped[byte] ^= 1 << byte % 3
        sleeper.rtc = bytes(flipped)
        assert sleeper.lives_on()["echoes"] == 1, "damage in RTC memory was believed"
        assert sleeper.faults() == []


def commands(folder, firmware):
    sleeper = slept(folder, firmware)
    for cause, order in (
        (4, {"commands": 3, "lost": True}),
        (4, {"forged": True}),
        (4, {"stubborn": True}),
        (4, {"commands": 2, "forged": True}),
        (4, {"stubborn": True}),
        (POWER, {"extra": 2, "stubborn": True}),
        (4, {"commands": 1}),
        (POWER, {}),
        (WATCHDOG, {}),
        (4, {}),
    ):
        sleeper.lives_on(cause, **order)
        assert sleeper.faults() == []
    assert sleeper.done() == [1, 2, 3, 4, 5, 6] and sleeper.acknowledged() == 6


CHECKS = [plain_wakes, the_end_of_a_reserve, cuts, flips, commands]


@pytest.mark.parametrize("check", CHECKS)
def test_a_sleeper_repeats_and_loses_nothing(check, tmp_path, firmware):
    check(tmp_path, firmware)


MUTANTS = [
    Mutant(
        "a command is done each time it comes", "tos/commands.py", "if self.last is not None and id <= self.last:",
        "if False:", "commands were done", commands,
    ),
    Mutant(
        "what is done is forgotten at a restart", "tos/commands.py",
        "            self._record.save([self._mark, self.last])\n", "            pass\n", "commands were done",
        commands,
    ),
    Mutant(
        "commands are acknowledged before they are done", "tos/commands.py",
        "                app.set(app.table.at(index).path, value, origin)\n", "                pass\n",
        "was acknowledged, and not done", commands,
    ),
    Mutant(
        "an answer in the clear is an answer", "tos/asker.py",
        "                        answer = None\n                    else:", "                    else:", "", commands,
    ),
    Mutant(
        "RTC memory has no CRC", "tos/carried.py",
        " or binascii.crc32(body) != int.from_bytes(data[1:_HEAD_B], \"big\")", "", "", flips,
    ),
    Mutant(
        "what was sent awake is not counted", "tos/carried.py", "    return numbers.at, numbers.end\n",
        "    return numbers.end - 128, numbers.end\n", "was used", plain_wakes,
    ),
    Mutant("RTC memory is taken twice", "tos/carried.py", "    rtc.put(b\"\")\n", "", "was used", cuts),
    Mutant(
        "nothing is reserved before a sleep", "tos/carried.py", "    if numbers.end - numbers.at < _SPARE:\n",
        "    if False:\n", "a write before", the_end_of_a_reserve,
    ),
    Mutant("the window is not carried", "tos/carried.py", "        window.known = True\n", "", "an Echo", plain_wakes),
    Mutant(
        "the window is carried without what came", "tos/carried.py",
        "        window.top = top\n        window.seen = seen\n", "", "was used", plain_wakes,
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS, most=5), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    firmware = mutant.code(tmp_path / "firmware")
    with pytest.raises(AssertionError) as caught:
        mutant.do(tmp_path, firmware)
    assert mutant.sign in str(caught.value)
