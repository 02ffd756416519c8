"""Mistakes that somebody could make in the simulated ROM and in `tos flash`, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

ROM, ROM_TEST = "tools/tosplus/sim/rom/", "host/test_rom.py::"
FLASH, FLASH_TEST = "tools/tosplus/flash/", "host/test_flash.py::"

MUTANTS = [
    Mutant(
        "a write sets bits", ROM + "nor.py", ROM_TEST + "test_programming_clears_bits_and_sets_none",
        'there & int.from_bytes(data, "big")', 'int.from_bytes(data, "big")',
    ),
    Mutant(
        "the ROM does not erase", ROM + "transfers.py", ROM_TEST + "test_a_download_lands_in_flash",
        "        if is_eager:\n", "        if False:\n",
    ),
    Mutant(
        "the stub erases too much", ROM + "transfers.py", ROM_TEST + "test_the_stub_erases_as_it_writes",
        "        self._erase(self._at + len(data))\n", "        self._erase(self._end)\n",
    ),
    Mutant(
        "checksums of blocks are not compared", ROM + "loader.py",
        ROM_TEST + "test_damaged_blocks_are_refused_and_can_be_sent_again",
        "_SEED) != checksum:", "_SEED) < 0:",
    ),
    Mutant(
        "a stub starts that is not there", ROM + "loader.py", ROM_TEST + "test_a_stub_that_is_not_there_says_nothing",
        "if not stays and any(segment.holds(entry) for segment in memory):", "if not stays:",
    ),
    Mutant(
        "an MD5 is of something else", ROM + "loader.py", ROM_TEST + "test_a_download_lands_in_flash",
        "hashlib.md5(self._nor.read(offset, size))", "hashlib.md5(self._nor.read(offset, size - 1))",
    ),
    Mutant(
        "an application starts whatever its checksum", ROM + "boot.py",
        ROM_TEST + "test_an_application_without_a_hash_is_held_by_its_checksum[esp32]",
        "if found != bytes((checksum,)):", "if False:",
    ),
    Mutant(
        "an application starts whatever its hash", ROM + "boot.py",
        ROM_TEST + "test_a_bit_that_is_flipped_there_keeps_it_from_booting[esp32-app-No bootable app partitions]",
        "if image[_HASH_APPENDED] and", "if False and",
    ),
    Mutant(
        "the wrong chip is accepted", FLASH + "put.py", FLASH_TEST + "test_an_image_for_another_chip_is_refused",
        "if contents.mcu != connection.mcu:", "if False:",
    ),
    Mutant(
        "the owner's files are lost", FLASH + "put.py", FLASH_TEST + "test_what_the_board_has_of_its_own_stays",
        "        return there, own, False\n", "        return Mirror(), {}, True\n",
    ),
    Mutant(
        "the settings are written over", FLASH + "contents.py", FLASH_TEST + "test_what_the_board_has_of_its_own_stays",
        "elif part.offset != vfs.offset and (part.type, part.subtype) != (partitions.DATA, _NVS):",
        "elif part.offset != vfs.offset:",
    ),
    Mutant(
        "nothing is kept aside", FLASH + "put.py", FLASH_TEST + "test_a_cable_pulled_anywhere_costs_nothing",
        "    safe.write(own)\n", "",
    ),
    Mutant(
        "the partition table stays while the rest is written", FLASH + "put.py",
        FLASH_TEST + "test_a_cable_pulled_anywhere_costs_nothing",
        "            connection.erase(partitions.TABLE_OFFSET, partitions.TABLE_B)\n", "            pass\n",
    ),
    Mutant(
        "the partition table comes back first", FLASH + "put.py",
        FLASH_TEST + "test_a_cable_pulled_anywhere_costs_nothing",
        '((firmware, "the firmware"), (files, "the file system"), (last, "the partition table"))',
        '((last, "the partition table"), (firmware, "the firmware"), (files, "the file system"))',
    ),
    Mutant(
        "what is kept aside is for everybody", FLASH + "keep.py",
        FLASH_TEST + "test_what_is_kept_meanwhile_is_for_nobody_else_and_for_that_board_only",
        "        replace(self.path, cbor2.dumps(own))", "        self.path.write_bytes(cbor2.dumps(own))",
    ),
    Mutant(
        "an unreadable file system is written over", FLASH + "put.py",
        FLASH_TEST + "test_a_file_system_that_cannot_be_read_is_not_overwritten_unasked",
        "if own is None and not there.is_blank:", "if False:",
    ),
    Mutant(
        "erase all keeps the owner", FLASH + "put.py", FLASH_TEST + "test_erase_all_leaves_nothing",
        "    if not erase_all:\n", "    if True:\n",
    ),
    Mutant(
        "half a pairing code is shown", FLASH + "put.py", FLASH_TEST + "test_the_console_is_read_until_the_code_comes",
        'tos:v1:\\S+)[\\r\\n]"', 'tos:v1:\\S+)"',
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_in_flashing_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
