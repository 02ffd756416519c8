"""Mistakes that somebody could make with files that must not be lost, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

DURABLE, TEST = "tools/tosplus/durable.py", "host/test_durable.py::test_"
FULL = TEST + "on_a_full_disk_what_was_there_stays_and_nothing_is_left_beside_it"

MUTANTS = [
    Mutant(
        "writes in place", DURABLE, TEST + "a_cut_at_any_operation_of_a_replacement_leaves_old_or_new",
        "    fd, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)\n",
        "    fd, name = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), file\n",
    ),
    Mutant("a replacement that failed stays beside it", DURABLE, FULL + "[replace]", "        os.unlink(name)\n", ""),
    Mutant("what was cut short is a key", DURABLE, FULL + "[fsync]", "        file.unlink()\n", ""),
    Mutant("a key goes over a key", DURABLE, TEST + "nothing_is_created_over_what_is_there", " | os.O_EXCL", ""),
    Mutant(
        "a new key is for everybody", DURABLE, TEST + "what_was_written_is_its_owners_alone[create]", "0o600", "0o644",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_is_caught(mutant, tmp_path):
    assert survives(mutant, tmp_path) == ""
