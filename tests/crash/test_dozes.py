"""A sleeper repeats nothing and loses nothing over sleeps and power cuts, dozes.py; and mistakes that would let it."""

from dataclasses import dataclass

import pytest
from crash.dozes import POWER, WATCHDOG, Sleeper
from crash.lab import copied
from mutate import some


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    return copied(tmp_path_factory.mktemp("firmware"))


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


@dataclass(frozen=True)
class Mutant:
    name: str
    check: object
    path: str
    old: str
    new: str
    sign: str

    def __str__(self):
        return self.name.replace(" ", "-")


MUTANTS = [
    Mutant(
        "a command is done each time it comes", commands, "commands.py",
        "if self.last is not None and id <= self.last:", "if False:", "commands were done",
    ),
    Mutant(
        "what is done is forgotten at a restart", commands, "commands.py",
        "            self._record.save([self._mark, self.last])\n", "            pass\n", "commands were done",
    ),
    Mutant(
        "commands are acknowledged before they are done", commands, "commands.py",
        "                app.set(app.table.at(index).path, value, origin)\n", "                pass\n",
        "was acknowledged, and not done",
    ),
    Mutant(
        "an answer in the clear is an answer", commands, "asker.py",
        "                        answer = None\n                    else:", "                    else:", "",
    ),
    Mutant(
        "RTC memory has no CRC", flips, "carried.py",
        " or binascii.crc32(body) != int.from_bytes(data[1:_HEAD_B], \"big\")", "", "",
    ),
    Mutant(
        "what was sent awake is not counted", plain_wakes, "carried.py",
        "    return numbers.at, numbers.end\n", "    return numbers.end - 128, numbers.end\n", "was used",
    ),
    Mutant(
        "RTC memory is taken twice", cuts, "carried.py", "    rtc.put(b\"\")\n", "", "was used",
    ),
    Mutant(
        "nothing is reserved before a sleep", the_end_of_a_reserve, "carried.py",
        "    if numbers.end - numbers.at < _SPARE:\n", "    if False:\n", "a write before",
    ),
    Mutant(
        "the window is not carried", plain_wakes, "carried.py", "        window.known = True\n", "", "an Echo",
    ),
    Mutant(
        "the window is carried without what came", plain_wakes, "carried.py",
        "        window.top = top\n        window.seen = seen\n", "", "was used",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS, most=5), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    firmware = copied(tmp_path / "firmware")
    path = firmware / "tos" / mutant.path
    text = path.read_text()
    assert text.count(mutant.old) == 1
    path.write_text(text.replace(mutant.old, mutant.new))
    with pytest.raises(AssertionError) as caught:
        mutant.check(tmp_path, firmware)
    assert mutant.sign in str(caught.value)
