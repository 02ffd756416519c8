"""Mistakes that somebody could make in updates, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

OTA = "test_ota.py::"
PATCH = "test_patch.py::"
HOST = "host/test_ota.py::"
MANIFEST = "ota_manifest.py"
SIGN = "ota_sign.py"
BLOCKS = "ota_blocks.py"
BUNDLE = "tools/tosplus/ota/bundle.py"

MUTANTS = [
    Mutant(
        "the signature is not checked", SIGN, OTA + "test_an_unsigned_bundle_is_refused",
        "if not ecdsa.verify(", "if False and ecdsa.verify(",
    ),
    Mutant(
        "what is signed has no context string", SIGN, OTA + "test_what_pycose_signed_is_read",
        r'sha256(b"\x84\x6aSignature1")', r'sha256(b"\x83")',
    ),
    Mutant(
        "the protected header is not signed", SIGN, OTA + "test_what_pycose_signed_is_read",
        "    digest.update(view[_PROTECTED:_KID_END])\n", "",
    ),
    Mutant(
        "a revoked key still signs", SIGN, OTA + "test_a_key_that_is_unknown_or_revoked_signs_nothing",
        "        raise AuthError(_OTA_KEY)\n", "        signer = 1\n",
    ),
    Mutant(
        "a message may be of any length", SIGN, OTA + "test_a_megabyte_is_refused_before_anything_is_made_of_it",
        'if len(message) > MESSAGE_B:\n        raise _bad("length")', "if False:\n        pass",
    ),
    Mutant(
        "bytes may follow the signature", SIGN, OTA + "test_every_truncation_is_refused_and_every_byte_more",
        "len(message) != p + n + _TAIL_B", "len(message) < p + n + _TAIL_B",
    ),
    Mutant(
        "files may inflate to anything", MANIFEST, OTA + "test_every_bad_manifest_is_refused_for_its_reason",
        "if not 0 < len(data) <= NAMES_B or data[-1] != 10:", "if not data or data[-1] != 10:",
    ),
    Mutant(
        "a path may lead upwards", MANIFEST, OTA + "test_every_bad_manifest_is_refused_for_its_reason",
        'in ("", ".", "..")', 'in ("", ".")',
    ),
    Mutant(
        "a path may be absolute", MANIFEST, OTA + "test_every_bad_manifest_is_refused_for_its_reason",
        'in ("", ".", "..")', 'in (".", "..")',
    ),
    Mutant(
        "a file may be named as the manifest", MANIFEST, OTA + "test_every_bad_manifest_is_refused_for_its_reason",
        "paths = {FILE}", "paths = set()",
    ),
    Mutant(
        "a file may be a folder too", MANIFEST, OTA + "test_every_bad_manifest_is_refused_for_its_reason",
        " or folders & paths", "",
    ),
    Mutant(
        "a key need be no point", MANIFEST, OTA + "test_every_bad_manifest_is_refused_for_its_reason",
        " and y * y % p256.P == p256.right(x)", "",
    ),
    Mutant(
        "the files need not be as long as the part", MANIFEST,
        OTA + "test_every_bad_manifest_is_refused_for_its_reason",
        "part.base is None and total != part.length", "False",
    ),
    Mutant(
        "the product does not matter", "ota.py", OTA + "test_an_update_is_for_its_product_and_its_boards",
        "manifest.product != product or ", "",
    ),
    Mutant(
        "the board does not matter", "ota.py", OTA + "test_an_update_is_for_its_product_and_its_boards",
        " or board not in manifest.hardware", "",
    ),
    Mutant(
        "the same sequence is taken again", "ota.py",
        OTA + "test_an_update_is_newer_than_what_runs_and_not_below_the_floor",
        "manifest.sequence <= sequence", "manifest.sequence < sequence",
    ),
    Mutant(
        "one below the floor is taken", "ota.py",
        OTA + "test_an_update_is_newer_than_what_runs_and_not_below_the_floor",
        "manifest.sequence < floor", "manifest.sequence < floor - 1",
    ),
    Mutant(
        "the floor itself is refused", "ota.py",
        OTA + "test_an_update_is_newer_than_what_runs_and_not_below_the_floor",
        "manifest.sequence < floor", "manifest.sequence <= floor",
    ),
    Mutant(
        "the floor rises above the fallback", "ota.py", OTA + "test_the_floor_rises_to_the_fallback_and_no_further",
        "min(wanted, fallback)", "wanted",
    ),
    Mutant(
        "the floor sinks", "ota.py", OTA + "test_the_floor_rises_to_the_fallback_and_no_further",
        "max(floor, min(wanted, fallback))", "min(wanted, fallback)",
    ),
    Mutant(
        "a delta is for anything", "ota.py", OTA + "test_a_delta_is_for_what_runs",
        "part.base is not None and part.base != contents.get(part.kind)", "False",
    ),
    Mutant(
        "a rotation revokes both", "ota.py", OTA + "test_no_manifest_changes_the_key_that_it_is_signed_with",
        "slot == manifest.signer or ", "",
    ),
    Mutant(
        "both slots get one key", "ota.py", OTA + "test_no_manifest_changes_the_key_that_it_is_signed_with",
        " or (key is not None and key == keys[manifest.signer])", "",
    ),
    Mutant(
        "the hash of a block is skipped", BLOCKS,
        OTA + "test_a_byte_that_is_wrong_is_found_by_the_end_of_its_block",
        "if self._digest.digest() != right:", "if block == 1 and self._digest.digest() != right:",
    ),
    Mutant(
        "the last block, which is short, is not hashed", BLOCKS,
        OTA + "test_pieces_of_any_size_are_blocks",
        "self.at % BLOCK_B == 0 or self.at == length:", "self.at % BLOCK_B == 0:",
    ),
    Mutant(
        "each block is compared with the first hash", BLOCKS, OTA + "test_pieces_of_any_size_are_blocks",
        "hashes[HASH_B * block : HASH_B * (block + 1)]", "hashes[:HASH_B]",
    ),
    Mutant(
        "a part may be longer than it says", BLOCKS, OTA + "test_bytes_behind_the_last_are_too_many",
        "            if n == 0:\n                raise WireError(_OTA_DAMAGED, self.at // BLOCK_B)\n",
        "            if n == 0:\n                break\n",
    ),
    Mutant(
        "a rewind goes on with the old hash", BLOCKS,
        OTA + "test_after_a_cut_at_any_byte_less_than_a_block_is_fetched_again",
        "        self.at = self.good\n        self._digest = sha256()\n",
        "        if self.good == 0 and not hasattr(self, '_digest') or self.at == self.good:\n"
        "            self._digest = sha256()\n        self.at = self.good\n",
    ),
    Mutant(
        "a patch reads beyond the base", "patch.py", PATCH + "test_the_base_is_read_within_its_ends",
        "not 0 <= self._base <= self._base_b - number", "self._base < 0",
    ),
    Mutant(
        "a patch reads before the base", "patch.py", PATCH + "test_the_base_is_read_within_its_ends",
        "not 0 <= self._base <= self._base_b - number", "self._base > self._base_b - number",
    ),
    Mutant(
        "a patch writes more than it said", "patch.py", PATCH + "test_no_more_is_written_than_was_promised",
        "not 0 <= number <= self._new_b - self.written", "number < 0",
    ),
    Mutant(
        "a patch may be for another length", "patch.py", PATCH + "test_a_patch_is_of_the_one_type_for_the_one_length",
        "number != (self._new_b if what == _NEW else 0)", "what != _NEW and number",
    ),
    Mutant(
        "a sum is not modulo 256", "patch.py", PATCH + "test_a_patch_byte_by_byte",
        "base[i] + data[i] & 255", "min(base[i] + data[i], 255)",
    ),
    Mutant(
        "a patch that ends early is whole", "patch.py", PATCH + "test_every_truncation_is_refused",
        "if self._next != _NOTHING:\n            raise self._bad()\n\n    def _bad",
        "if False:\n            pass\n\n    def _bad",
    ),
    Mutant(
        "the host does not verify", BUNDLE, HOST + "test_damage_is_found_on_both_sides",
        "    except InvalidSignature:\n        raise", "    except InvalidSignature:\n        return\n        raise",
    ),
    Mutant(
        "the host's signature differs each time", BUNDLE, HOST + "test_the_same_content_and_key_give_the_same_bytes",
        "deterministic_signing=True", "deterministic_signing=False",
    ),
    Mutant(
        "the host signs the payload alone", BUNDLE, HOST + "test_pycose_verifies_what_the_host_signs",
        'return cbor2.dumps(["Signature1", _protected(kid), b"", manifest])', "return manifest",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_in_updates_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
