"""Whatever the moment of a power cut, a stored value is the old or the new one. What this rests on: lab.py."""

import pytest
from crash.checks import TEARS, damage, damage_twice, erase, full_disk, rot, sweep
from crash.lab import Lab, Scenario
from crash.mutants import MUTANTS
from crash.sweep import KINDS, QUICK
from crash.witness import edited, found, mounted, stored
from littlefs import LittleFSError
from mutate import some

RECORD = Scenario("record", 4, "stored")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("lab"))


@pytest.mark.parametrize("scenario", QUICK, ids=str)
def test_a_cut_anywhere_leaves_old_or_new(lab, scenario):
    result = sweep(lab, scenario)
    assert result.faults == []
    assert result.points == len(TEARS) * result.ops + 1 >= 7
    # A sweep that always finds the same cuts nothing.
    assert len(result.reads) == (1 if scenario.full else 2)
    if scenario.start in ("compacting", "relocating"):
        assert result.erases > (scenario.pad_b > 128)  # beyond the sector of a big record's content


def test_a_cut_during_the_write_after_a_cut_leaves_old_or_new(lab):
    result = sweep(lab, Scenario("keystore", 4, "stored"), twice=True)
    assert result.faults == []
    assert result.points > 50


def test_an_erased_key_is_gone_whatever_was_cut_off_before(lab):
    assert erase(lab, Scenario("keystore", 4, "stored")) == []


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mutant_of_the_storage_code_is_caught(lab, mutant, tmp_path):
    assert mutant.caught(tmp_path, lab)


# Damage that no cut makes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pad_b", (4, 700))
def test_a_flipped_bit_or_a_lost_end_is_refused_and_kept_as_bad(lab, kind, pad_b):
    assert damage(lab, Scenario(kind, pad_b, "stored")) == []


def test_two_flipped_bits_are_refused(lab):
    assert damage_twice(lab, RECORD) == []


@pytest.mark.parametrize(
    "scenario", [*(Scenario(kind, 700, "stored") for kind in KINDS), Scenario("config", 700, "full")], ids=str
)
def test_a_bit_that_flips_in_the_flash_never_becomes_a_wrong_value(lab, scenario):
    image, _ = lab.start(scenario)
    data = stored(scenario, image)
    at = image.index(data[:128])  # in a sector of its own
    for answer, after in rot(lab, scenario, range(8 * at, 8 * (at + 128), 41)):
        assert answer["read"] == {"code": 405} or (answer["read"], answer["codes"]) == (0, [405])
        assert (answer["again"], answer["codes_again"]) == (0, [])
        assert [path for path in answer["files"] if path.endswith(".bad")] != []
        assert found(scenario, after) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_bit_that_flips_in_a_folder_brings_back_an_older_value_at_worst(lab, kind):
    # LittleFS guards a folder by a CRC of its own, and drops what comes after a damaged entry.
    scenario = Scenario(kind, 4, "stored")
    image, old = lab.start(scenario)
    data = stored(scenario, image)
    places = [at for at in range(len(image)) if image.startswith(data, at)]
    assert places
    for at in places:
        for answer, _ in rot(lab, scenario, range(8 * at, 8 * (at + len(data)), 29)):
            assert answer["read"] in range(old + 1)


def test_a_config_cut_in_half_gives_defaults_and_is_kept_and_logged(lab):
    scenario = Scenario("config", 4, "stored")
    image, _ = lab.start(scenario)
    data = stored(scenario, image)
    half = data[: len(data) // 2]
    answer, after = lab.life(edited(scenario, image, half), scenario, "read")
    assert (answer["read"], answer["codes"]) == (0, [405])
    assert (answer["again"], answer["codes_again"]) == (0, [])
    with mounted(after).open("/config.rec.bad", "rb") as file:
        assert file.read() == half
    answer, after = lab.life(after, scenario, "check", version=7)
    assert (answer["failed"], answer["restarted"]) == (None, 7)


# A full disk


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pad_b", (4, 700))
def test_a_full_disk_is_an_error_and_the_old_value_stays(lab, kind, pad_b):
    assert full_disk(lab, Scenario(kind, pad_b, "stored")) == []


def test_the_first_key_on_a_full_disk(lab):
    assert full_disk(lab, Scenario("keystore", 4, "first")) == []


# What the tests themselves rest on


def nor(lab, ops, cut=None):
    """The flash after these operations of the chip, and its answer when it was not cut off."""
    blank = b"\xff" * 65536
    if cut:
        return lab.cut_life(blank, RECORD, "nor", ops=ops, cut=cut)
    return lab.life(blank, RECORD, "nor", ops=ops, cut=None)


def test_nor_flash_refuses_and_counts_a_program_of_what_is_not_erased(lab):
    ops = [("program", 1, 32, "00" * 32), ("program", 1, 32, "00" * 32), ("program", 1, 63, "f0f0")]
    answer, image = nor(lab, [*ops, ("program", 1, 64, "0f" * 32), ("erase", 1), ("program", 1, 32, "55" * 32)])
    assert answer == {"errors": [None, 5, 5, None, None, None], "refused": 2}
    assert image[4096:8192] == b"\xff" * 32 + b"\x55" * 32 + b"\xff" * 4032


@pytest.mark.parametrize(
    ("tear", "left"), [("clean", b"\xff" * 32), ("half", b"\x11" * 16 + b"\xff" * 16), ("erased", b"\xff" * 32)]
)
def test_a_torn_program(lab, tear, left):
    image = nor(lab, [("program", 2, 0, "22" * 32), ("program", 2, 32, "11" * 32)], cut=tear)
    assert image[8192 : 8192 + 96] == b"\x22" * 32 + left + b"\xff" * 32


@pytest.mark.parametrize(
    ("tear", "left"), [("clean", b"\x33" * 4096), ("half", b"\xff" * 2048 + b"\x33" * 2048), ("erased", b"\xff" * 4096)]
)
def test_a_torn_erase(lab, tear, left):
    image = nor(lab, [("program", 3, 0, "33" * 4096), ("erase", 3)], cut=tear)
    assert image[12288:16384] == left


def test_littlefs_python_finds_the_value_and_would_find_a_broken_file_system(lab):
    image, old = lab.start(RECORD)
    assert found(RECORD, image) == old
    with pytest.raises(LittleFSError):
        found(RECORD, bytes(8192) + image[8192:])
    flipped = bytearray(stored(RECORD, image))
    flipped[-1] ^= 1
    assert found(RECORD, edited(RECORD, image, flipped)) == {"code": 405}
