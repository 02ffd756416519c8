"""`tos hil`: which rig runs, and what becomes of what it lacks. The tests themselves are in tests/hil."""

import subprocess
import xml.etree.ElementTree as ElementTree

BENCH = """
[[rig]]
name = "poor"
has = []
[[rig]]
name = "board"
device = "/dev/tos-none"
has = ["reset"]
"""


def hil(folder, *arguments, bench=BENCH):
    (folder / "bench.toml").write_text(bench)
    command = ["tos", "hil", "--bench", "bench.toml", "--junit", "report.xml", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)


def counts(folder):
    suite = ElementTree.parse(folder / "report.xml").getroot().find("testsuite")
    return {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}


def test_what_a_rig_lacks_is_skipped_by_name_and_counted_apart(tmp_path):
    done = hil(tmp_path, "hangs", "seen")
    assert done.returncode == 0, done.stdout
    assert counts(tmp_path) == {"tests": 2, "failures": 0, "errors": 0, "skipped": 2}
    assert "rig poor has no pins and no reset and no wifi" in done.stdout
    assert "not on this rig: pins 1, reset 2, wifi 1" in done.stdout


def test_the_device_that_is_named_is_the_one_that_is_tested(tmp_path):
    done = hil(tmp_path, "--device", "/dev/tos-none", "hangs")
    assert done.returncode == 1 and counts(tmp_path)["errors"] == 1
    assert "there is no port /dev/tos-none" in done.stdout


def test_a_rig_that_nobody_described_is_refused(tmp_path):
    done = hil(tmp_path, "--device", "/dev/ttyACM7", "hangs")
    assert done.returncode == 1 and "describes no rig at /dev/ttyACM7; there are poor, /dev/tos-none" in done.stdout
    done = hil(tmp_path, "hangs", bench='[[rig]]\nname = "odd"\nhas = ["wings"]\n')
    assert done.returncode == 1 and "odd has ['wings']" in done.stdout
