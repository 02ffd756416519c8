"""A device whose supply fails in an update comes back, see updated.py; and mistakes that would keep it from that."""

import pytest
from crash import updated
from crash.lab import Died, code
from crash.mutant import Mutant


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """(folder, firmware, {name: (scenario, flash)}), for small releases."""
    folder = tmp_path_factory.mktemp("updated")
    firmware = code(folder / "firmware")
    return folder, firmware, {row[0].name: row for row in updated.scenarios(20000, firmware)}


def idle(rows):
    """It only starts."""
    return updated.Scenario("nothing", rows["delta"][0].made, (), do="nothing")


def ended(lab, name):
    """The flash of a device on which this came to its end."""
    folder, firmware, rows = lab
    return updated.Device(folder / "ended", firmware).lives(rows[name][1], rows[name][0])[-1].after


SAMPLES = [("update", 29, 4), ("delta", 37, 0), ("broken", 43, 0), ("rollback", 1, 0)]
FIRMWARE = [("firmware", 41, 8, 0), ("stuck", 2, 4, 6)]  # the last: the first life that is cut


@pytest.mark.parametrize(("name", "every", "twice"), SAMPLES)
def test_a_cut_anywhere_is_survived(lab, name, every, twice):
    folder, firmware, rows = lab
    scenario, flash = rows[name]
    flash = flash or ended(lab, "delta")
    result = updated.sweep(folder, scenario, flash, ("half",), every, twice, firmware)
    assert result.faults == [] and result.points >= 4
    assert result.refetched_b <= 2 * 5120


@pytest.mark.parametrize(("name", "every", "twice", "begin"), FIRMWARE)
def test_a_cut_of_an_app_and_its_firmware_leaves_both_or_neither(lab, name, every, twice, begin):
    folder, firmware, _ = lab
    scenario, flash = {row[0].name: row for row in updated.of_firmware(9000, firmware)}[name]
    result = updated.sweep(folder, scenario, flash, ("half",), every, twice, firmware, begin)
    assert result.faults == [] and result.points >= 4


ROMFS = [("romfs", 41, 8), ("romfs-delta", 41, 0), ("romfs-crashed", 17, 0)]


@pytest.mark.parametrize(("name", "every", "twice"), ROMFS)
def test_a_cut_of_an_app_as_a_romfs_leaves_the_other_half(lab, name, every, twice):
    folder, firmware, _ = lab
    scenario, flash = {row[0].name: row for row in updated.of_romfs(20000, firmware)}[name]
    result = updated.sweep(folder, scenario, flash, ("half",), every, twice, firmware)
    assert result.faults == [] and result.points >= 4
    assert result.refetched_b <= 2 * 5120


@pytest.fixture(scope="module")
def of_firmware(lab):
    """(device, scenario that only starts, flash) of one that has confirmed an app and its firmware."""
    folder, firmware, rows = lab
    scenario, flash = updated.of_firmware(9000, firmware)[0]
    device = updated.Device(folder / "of_firmware", firmware)
    return device, idle(rows), device.lives(flash, scenario)[-1].after


def ends(of_firmware, changes):
    """(slot, version, firmware) in the end, when these bytes of the flash, {offset: bytes}, were others."""
    device, scenario, flash = of_firmware
    flash = bytearray(flash)
    for at, data in changes.items():
        flash[at : at + len(data)] = data
    told = device.lives(bytes(flash), scenario)[-1].told
    return told["slot"], told["version"], told["firmware"]


def test_a_bootloader_that_has_lost_its_choice_is_told_again(of_firmware):
    choice = updated.PARTITIONS[0]
    lost = b"\xff" * 32
    for changes in ({choice: lost}, {choice + 4096: lost}, {choice: lost, choice + 4096: bytes(32)}):
        assert ends(of_firmware, changes) == ("b", 2, "02")


def test_firmware_that_is_damaged_gives_way_to_the_version_before_with_its_own(of_firmware):
    _, first, second, *_ = updated.PARTITIONS
    assert ends(of_firmware, {second + 5000: b"damaged"}) == ("a", 1, "01")
    assert ends(of_firmware, {first + 5000: b"damaged"}) == ("b", 2, "02")


def test_a_romfs_that_is_not_what_was_signed_gives_way_to_the_other_half(lab):
    folder, firmware, rows = lab
    scenario, flash = updated.of_romfs(9000, firmware)[0]
    device = updated.Device(folder / "of_romfs", firmware)
    of_romfs = device, idle(rows), device.lives(flash, scenario)[-1].after
    first, second, end = updated.ROMFS, updated.ROMFS + updated.HALF_B, of_romfs[2]
    assert ends(of_romfs, {}) == ("b", 2, "01")
    for at in (0, 700, 8999):
        assert ends(of_romfs, {second + at: bytes((end[second + at] ^ 4,))}) == ("a", 1, "01")
    assert ends(of_romfs, {second + 4096: updated.ERASED * 8192}) == ("a", 1, "01")  # torn
    assert ends(of_romfs, {second: end[first:second]}) == ("a", 1, "01")  # whole, but not this slot's
    assert ends(of_romfs, {first: updated.ERASED * 9000}) == ("b", 2, "01")
    assert ends(of_romfs, {first: updated.ERASED * 9000, second: updated.ERASED * 9000}) == ("r", 0, "01")


def test_a_flipped_bit_in_a_slot_leaves_the_other(lab):
    folder, firmware, rows = lab
    flash = ended(lab, "delta")
    counts, faults = updated.flips(folder, idle(rows), flash, 3, firmware)
    assert faults == [] and counts["slots"][0] > 2
    told = updated.both_bad(folder, idle(rows), flash, firmware)
    assert told["slot"] == "r"
    told = updated.both_bad(folder, rows["update"][0], flash, firmware)
    assert told["slot"] == "r" and told["end"] == "restarts"  # recovery takes an update


_FLOOR = '    record["boots"] = 0\n    record.pop("source", None)\n'

MUTANTS = [
    Mutant(
        "removes before it renames", "tos/slots.py", '    os.rename(RECORD + ".new"',
        '    if RECORD[1:] in os.listdir("/"):\n        os.remove(RECORD)\n    os.rename(RECORD + ".new"', "keys:",
        "update",
    ),
    Mutant(
        "has a single slot", "tos/slots.py", "    return other(name) if", "    return name if", "", "update",
        every=1000,
    ),
    Mutant(
        "counts a trial when it is over", "tos/slots.py", "is_saved = _saved(record)  # first",
        "is_saved = not code or _saved(record)  # first", "does not rest", "broken", every=1000,
    ),
    Mutant(
        "raises the floor before the confirmation", "tos/finish.py", _FLOOR,
        '    record["floor"] = manifest.floor\n' + _FLOOR, "the floor rose", "update", every=1000,
    ),
    Mutant(
        "forgets the keys that were confirmed", "tos/trial.py", '    for n, key in record.pop("keys").items():\n',
        '    keys = record.pop("keys")\n    _save(record)\n    for n, key in keys.items():\n', "keys:", "update",
    ),
    Mutant(
        "keeps a block until its file is closed", "tos/writer.py", "            self._file.flush()\n",
        "            pass\n", "came again", "update", every=7, begin=0,
    ),
    Mutant(
        "has a single half", "tos/flash.py", '0 if name == "a" else', "0 and", "were in use", "romfs", every=1000,
    ),
    Mutant(
        "writes where a version that crashed is looked at", "tos/download.py",
        "            if writer.is_mapped():\n                await ota.restart()\n", "", "were in use", "romfs-crashed",
        every=1000,
    ),
    Mutant(
        "forgets that a block was erased", "tos/flash.py", "                self._partition.ioctl(_ERASE",
        "                at or self._partition.ioctl(_ERASE", "it ends in a", "romfs", every=7, begin=0,
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mistake_in_an_update_is_found(mutant, tmp_path):
    firmware = mutant.code(tmp_path / "firmware")
    rows = {row[0].name: row for row in updated.scenarios(9500, firmware) + updated.of_romfs(9500, firmware)}
    try:
        faults = updated.sweep(
            tmp_path, *rows[mutant.do], ("half",), mutant.every or 1, 0, firmware, mutant.begin
        ).faults
    except Died as e:
        faults = [("uncut", str(e))]
    assert mutant.shown_by(faults), faults


STARTS = [
    ("main.py", 'vfs.umount("/rom")', 'vfs.umount("/none")', "were in use"),
    ("slots.py", 'return mapped[:middle] if name == "a"', 'return mapped[:middle] if name == "b"', "recovery runs"),
]


@pytest.mark.parametrize(("path", "old", "new", "sign"), STARTS)
def test_a_mistake_with_a_romfs_where_it_is_chosen_what_starts_is_found(lab, path, old, new, sign):
    folder, firmware, _ = lab
    scenario, flash = updated.of_romfs(9500, firmware)[0]
    source = updated.starting(path, firmware)
    assert source.count(old) == 1
    flash = updated.with_file(flash, path, source.replace(old, new).encode())
    faults = updated.sweep(folder, scenario, flash, ("half",), 1000, 0, firmware).faults
    assert [what for _, what in faults if sign in what], faults


def test_a_slot_that_is_not_looked_at_before_it_runs_is_found(lab):
    folder, firmware, rows = lab
    flash = ended(lab, "delta")
    source = updated.starting("slots.py", firmware)
    look = "    try:\n        told = about("
    assert source.count(look) == 1
    region = updated.with_file(flash, "slots.py", source.replace(look, "    return True\n" + look).encode())
    _, faults = updated.flips(folder, idle(rows), region, 1, firmware)
    assert faults
