"""Mistakes that somebody could make in the storage code, and the check that catches each. CPython."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .checks import damage, damage_twice, erase, full_disk, sweep
from .lab import Lab, Scenario, code

BARE = Scenario("record", 4, "stored", "bare")
SMALL = Scenario("record", 4, "stored")
BIG = Scenario("record", 700, "stored")
FULL = Scenario("record", 700, "full")
KEY = Scenario("keystore", 4, "stored")
CONFIG = Scenario("config", 4, "stored")
RULES = Scenario("rules", 4, "stored")
BIG_RULES = Scenario("rules", 700, "stored")
BIG_CONFIG = Scenario("config", 700, "stored")


def cuts(lab, scenario):
    return sweep(lab, scenario).faults


@dataclass(frozen=True)
class Mutant:
    """In firmware/`path`, `old` becomes `new`. check(lab, scenario) finds it; `sign` is in what the check says then."""

    name: str
    check: Callable
    scenario: Scenario
    sign: str
    old: str
    new: str
    path: str = "tos/store.py"

    def __str__(self):
        return self.name.replace(" ", "-")

    def caught(self, folder, starts):
        """What the check says that shows the mistake: [(where, what)]. starts: a Lab with the true firmware."""
        # What cuts show, they show from where the true firmware left off, whatever else the mistake breaks.
        lab = Lab(folder, self.firmware(folder), starts if self.check is cuts else None)
        return [(where, what) for where, what in self.check(lab, self.scenario) if self.sign in str(what)]

    def firmware(self, folder):
        """As lab.code, with the mistake."""
        return code(Path(folder) / str(self), (self.path, self.old, self.new))


_NEW = 'new = self._path + ".new"'
_TRY = f'{_NEW}\n        try:\n            with open(new, "wb") as f:\n'
_OPEN = 'with open(new, "wb") as f'
_RENAME = "            os.rename(new, self._path)\n"
_REMOVE = "            _remove(self._path)\n"
_READ = '        try:\n            with open(self._path, "rb") as f:'
_FINISH = (
    '        try:\n            os.rename(self._path + ".new", self._path)\n        except OSError:\n            pass\n'
)
_TIDY = ' ".new",'
_KEEP = 'os.rename(self._path, self._path + ".bad")'
_FAILED = "            _remove(new)\n            raise"
_LOG = "        log.event(e.code)\n"
_SAVE = "        self._record.save(values)\n"
_SAVED = "        self._values = values\n"
_REPLACE = "    rules.record.save(rows)\n"
_OBEY = "    _obey(app, wanted)\n"
_COUNTED = 'binascii.crc32(payload, binascii.crc32(struct.pack("<I", counter)))'
_CRC = " and crc == _crc(counter, data[_HEAD_B:])"
_SEEDED = "binascii.crc32(payload, counter)"

_TORN = "error 405 is read"
_LOST = "nothing is read"
_DAMAGED = "2 after damage"

MUTANTS = [
    # What cuts show. LittleFS commits nothing of a file before it is flushed or closed, and so forgives a truncation
    # in place until the disk is full; nothing else does.
    Mutant("truncates in place", cuts, BARE, _TORN, _NEW, "new = self._path"),
    Mutant("truncates in place on a full disk", cuts, FULL, _LOST, _NEW, "new = self._path"),
    Mutant(
        "truncates in place and flushes", cuts, SMALL, _TORN,
        _TRY, _TRY.replace(_NEW, "new = self._path") + "                f.flush()\n",
    ),
    Mutant("removes before it renames", cuts, SMALL, _LOST, _RENAME, _REMOVE + _RENAME),
    Mutant("renames before it closes", cuts, BARE, _TORN, _RENAME, "    " + _RENAME),
    Mutant("never closes", cuts, SMALL, _TORN, _OPEN, 'for f in [open(new, "wb")]'),
    Mutant("finishes the rename of a torn file", cuts, SMALL, _TORN, _READ, _FINISH + _READ),
    Mutant("leaves the rename to the next start", cuts, SMALL, "2 is read, not 3", _RENAME, ""),
    Mutant("has the name of another's file", cuts, SMALL, "another record", _NEW, 'new = "/Neighbour"'),
    Mutant("counts from zero", cuts, SMALL, "the counter goes", "counter = self.counter + 1 &", "counter = 1 &"),
    Mutant("forgets what was cut off when it erases", erase, KEY, "is left", _TIDY, ""),
    Mutant("does not store rules", cuts, RULES, "2 is read (restarted)", _REPLACE, "", "tos/rules.py"),
    # What only damage shows
    Mutant("checks no CRC", damage, SMALL, "version", _CRC, ""),
    Mutant("checks no CRC in big records", damage, BIG, "version", _CRC, ""),
    Mutant("leaves out the counter", damage, SMALL, _DAMAGED, _COUNTED, "binascii.crc32(payload)"),
    Mutant("starts the CRC with the counter", damage_twice, SMALL, "version", _COUNTED, _SEEDED),
    Mutant("checks no magic", damage, SMALL, _DAMAGED, "magic == _MAGIC and ", ""),
    Mutant("checks no length", damage, SMALL, "ValueError", "if len(data) > _HEAD_B", "if True"),
    Mutant("throws damage away", damage, SMALL, "not kept", _KEEP, "os.remove(self._path)"),
    Mutant("leaves damage in place", damage, SMALL, "not kept", _KEEP, "pass"),
    Mutant("logs no damage", damage, CONFIG, "nothing after", _LOG, "", "tos/state.py"),
    # What only a full disk shows
    Mutant("takes a full disk for a broken one", full_disk, BIG, "407, not 406", "e.errno in _FULL", "e.errno == 28"),
    Mutant("leaves its scratch file", full_disk, BIG, ".new", _FAILED, "            raise"),
    Mutant(
        "believes what it could not save", full_disk, BIG_CONFIG, "3, not 2",
        _SAVE + _SAVED, _SAVED + _SAVE, "tos/state.py",
    ),
    Mutant(
        "follows rules that it could not save", full_disk, BIG_RULES, "3, not 2",
        _REPLACE + _OBEY, _OBEY + _REPLACE, "tos/rules.py",
    ),
]  # fmt: skip
