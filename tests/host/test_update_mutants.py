"""Mistakes that somebody could make where a device takes updates, each found by a test over the wire."""

import pytest
from mutate import Mutant, survives

UPDATE = "firmware/tos/update.py"
TRIAL = "firmware/tos/trial.py"
REFUSED = "host/test_update.py::test_what_is_not_for_it_is_refused_with_its_reason_and_nothing_is_touched"

MUTANTS = [
    Mutant(
        "writes before it looks at the signature", UPDATE, REFUSED,
        "    manifest = _manifest(ota, value[0])\n",
        "    slots.save(slots.load())\n    manifest = _manifest(ota, value[0])\n",
    ),
    Mutant(
        "takes an update during another's trial", UPDATE,
        "host/test_update.py::test_a_new_version_is_fetched_tried_and_confirmed",
        "if ota.job or ota.told[1] in (ota.READY, ota.TRIAL):", "if ota.job or ota.told[1] == ota.READY:",
    ),
    Mutant(
        "confirms without an answer of the hub", TRIAL,
        "host/test_update.py::test_a_trial_waits_for_the_hub_and_not_for_a_router",
        'if not app.config.get("hub") or _HUB_ANSWERS in app.log.counts:', "if True:",
    ),
    Mutant(
        "confirms whatever the self-test says", TRIAL,
        "host/test_update.py::test_a_version_that_fails_its_self_test_rolls_back",
        "if not _passes(app):", "if False:",
    ),
    Mutant(
        "does not hash the last block, which is short", "ota_blocks.py",
        "host/test_update.py::test_the_last_block_is_looked_at_as_the_others",
        "if self._digest.digest() != right:", "if self._digest.digest() != right and self.at % BLOCK_B == 0:",
    ),
    Mutant(
        "begins again after a restart", "firmware/tos/writer.py",
        "host/test_update.py::test_it_goes_on_where_the_power_failed",
        "        if is_same:\n", "        if False:\n",
    ),
    Mutant(
        "takes another range for the one that it asked for", "firmware/tos/web.py",
        "host/test_update_web.py::test_a_part_of_the_file_that_was_not_asked_for_is_refused",
        'if not headers.get("content-range", "").startswith("bytes %d-" % offset):', "if False:",
    ),
    Mutant(
        "does not look whether there is room", UPDATE,
        "host/test_update.py::test_a_bundle_that_would_fill_the_flash_is_refused_and_nothing_is_touched",
        '    check_room(spare, manifest.parts)\n', "",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mistake_is_found(mutant, tmp_path):
    assert survives(mutant, tmp_path) == ""
