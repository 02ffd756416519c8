"""What catches a mistake is the mistake: in a tree that is made for one, and has none, each kind of test passes."""

import pytest
from mutate import Mutant, survives

DURABLE, OPENED = "tools/tosplus/durable.py", " | os.O_EXCL"
TESTS = {
    "pytest": "host/test_durable.py::test_nothing_is_created_over_what_is_there",
    "pytest, with a device": "host/test_device.py::test_it_starts_is_found_and_leaves_nothing_behind",
    "MicroPython": "test_coap.py::test_rfc7252_appendix_a_figure_16_request",
    "MicroPython, a part of a device": "device/test_pay.py::test_a_device_that_is_not_armed_emulates_no_card",
}


@pytest.mark.parametrize("caught_by", TESTS.values(), ids=TESTS)
def test_a_tree_without_a_mistake_passes(caught_by, tmp_path):
    said = survives(Mutant("nothing", DURABLE, caught_by, OPENED, OPENED), tmp_path)
    assert "1 passed" in said


def test_a_test_that_is_not_there_catches_nothing(tmp_path):
    mistake = Mutant("a key goes over a key", DURABLE, TESTS["pytest"] + "_nor_anywhere", OPENED, "")
    assert survives(mistake, tmp_path)
