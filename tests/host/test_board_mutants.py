"""Mistakes that somebody could make in what checks a board or an image, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

CHECK = "tools/tosplus/build/board_check.py"
PARTITIONS = "tools/tosplus/build/partitions.py"
BROKEN = "host/test_board.py::test_what_is_broken_is_told"
REFUSED = "host/test_flasher.py::test_firmware_that_does_not_go_with_the_board_is_refused"


def told(name, what, old, new, path=CHECK):
    return Mutant(name, path, f"{BROKEN}[{what}]", old, new)


MUTANTS = [
    told("a pin may be used twice", "used twice", "if pin.gpio in taken:", "if False:"),
    told("any number is a pin", "no such pin", "if gpio not in chip.pins:", "if gpio > 48:"),
    told("the flash's pins are free", "the flash's", "elif gpio in chip.flash:", "elif False:"),
    told("the PSRAM's pins are free", "octal PSRAM", "board.psram and gpio in chip.psram", "False"),
    told("an input may drive", "an output on an input", 'pin.group == "OUT" and', 'pin.group == "ADC" and'),
    told("ADC2 is as good as ADC1", "ADC2", "gpio in chip.adc2", "gpio in chip.usb"),
    told("any pin can wake", "a wake beyond RTC", "gpio not in chip.wake:", "gpio not in chip.pins:"),
    told("strapping pins are free", "strapping", "if pin.gpio in chip.strapping:", "if False:"),
    told("an excuse covers everything", "an excuse for nothing", "elif not any(_doubtful", "elif any(_doubtful"),
    told("one slot is enough", "one slot", "for n in range(2)]", "for n in range(1)] * 2"),
    told("slots may differ", "slots that differ", "slots[0].size != slots[1].size", "False"),
    told("no reserve of heap", "heap", "if board.reserve_b < _RESERVE_B:", "if False:"),
    told("the file system may end anywhere", "vfs too large", "if end > board.flash_size:", "if end > 1 << 30:"),
    told("partitions may end anywhere", "beyond the flash", "if part.end > flash_b:", "if False:", PARTITIONS),
    told("partitions may overlap", "overlap", "if part.offset < before.end:", "if False:", PARTITIONS),
    told("apps lie anywhere", "an app off 64 KB", "_APP_ALIGN_B = 0x10000", "_APP_ALIGN_B = 0x1000", PARTITIONS),
    told("data lies anywhere", "data off 4 KB", "if part.offset % align_b:", "if part.offset % 0x800:", PARTITIONS),
    Mutant(
        "a table's checksum is not looked at",
        PARTITIONS,
        "host/test_partitions.py::test_a_damaged_table_is_refused",
        "if entry[16:] != hashlib.md5(data[:offset]).digest():",
        "if False:",
    ),
    Mutant(
        "any chip will do",
        "tools/tosplus/build/firmware.py",
        f"{REFUSED}[for a C3]",
        "if chip_id != board.chip.chip_id:",
        "if False:",
    ),
    Mutant(
        "a damaged app will do",
        "tools/tosplus/build/firmware.py",
        f"{REFUSED}[a damaged app]",
        "if not whole or (image.append_digest and image.stored_digest != image.calc_digest):",
        "if False:",
    ),
]
# A change that breaks nothing, for each file and a test of it: what fails the tests above is the mistake.
HARMLESS = [
    Mutant("checker", CHECK, f"{BROKEN}[used twice]", '"""What is', '"""Just what is'),
    Mutant("partitions", PARTITIONS, f"{BROKEN}[overlap]", '"""ESP-IDF', '"""Here ESP-IDF'),
    Mutant("table", PARTITIONS, "host/test_partitions.py", '"""ESP-IDF', '"""Here ESP-IDF'),
    Mutant("firmware", "tools/tosplus/build/firmware.py", REFUSED, '"""A firmware', '"""Such a firmware'),
]


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)


@pytest.mark.parametrize("harmless", HARMLESS, ids=str)
def test_what_breaks_nothing_is_not_caught(harmless, tmp_path):
    assert " passed" in survives(harmless, tmp_path)
