"""Manifests of updates, signed by pycose: what is taken, what is refused; blocks, and keys. Both interpreters."""

import json
from binascii import unhexlify
from hashlib import sha256

from helpers import inflate, raises
from toscore import cbor, ecdsa, ota, ota_blocks, ota_manifest
from toscore.errors import AuthError, Denied, TosError, WireError
from toscore.ota_blocks import APP, FIRMWARE
from toscore.ota_sign import MESSAGE_B

with open("tests/vectors/ota.json") as f:
    VECTORS = json.load(f)

FIRST, SECOND, THIRD = [unhexlify(key) for key in VECTORS["keys"]]
KEYS = [FIRST, SECOND]
GOOD = {row[0]: unhexlify(row[1]) for row in VECTORS["good"]}
ONE = GOOD["one app"]


def content(n, seed=0):
    return b"".join([sha256(b"%d %d" % (seed, i)).digest() for i in range(n // 32 + 1)])[:n]


DATA = content(9192)


def manifest(name="one app"):
    return ota_manifest.read(GOOD[name], KEYS, cbor, inflate)


def refused(message, keys=None):
    """(code, detail) of what is raised."""
    e = raises(TosError, ota_manifest.read, message, keys or KEYS, cbor, inflate)
    return e.code, e.detail


# Messages


def test_what_pycose_signed_is_read():
    found = manifest()
    assert (found.product, found.hardware) == ("kettle", ["ESP32_GENERIC", "TOS_KETTLE"])
    assert (found.sequence, found.floor, found.version, found.keys, found.signer) == (7, 5, "1.2.0", {}, 0)
    part = found.parts[0]
    assert (part.kind, part.length, part.base) == (APP, 9192, None) and part.content == sha256(DATA).digest()
    assert list(part.files) == [("app.mpy", 5000), ("lib/tos/app.mpy", 4192), ("lib/empty.mpy", 0)]
    assert part.hashes[64:] == sha256(DATA[8192:]).digest() and len(part.hashes) == 96


def test_every_good_manifest_is_read_from_any_kind_of_bytes():
    assert len(GOOD) == 16
    for name, message in GOOD.items():
        for kind in (bytes, bytearray, memoryview):
            found = ota_manifest.read(kind(message), KEYS, cbor, inflate)
            assert found.signer == (name == "by the second key"), name
    assert [part.kind for part in manifest("with firmware").parts] == [APP, FIRMWARE]
    assert list(manifest("back in the folder of all").parts[0].files) == [("lib/a", 9000), ("z", 192)]
    assert manifest("a delta").parts[0].base == content(32, 3)
    assert manifest("gives a key").keys == {1: THIRD} and manifest("revokes a key").keys == {1: None}


def test_every_bad_manifest_is_refused_for_its_reason():
    assert len(VECTORS["bad"]) > 75
    for name, message, code, where in VECTORS["bad"]:
        found = refused(unhexlify(message))
        assert found[0] == code and (where is None or found[1] == where), (name, found)


def test_every_truncation_is_refused_and_every_byte_more():
    for n in range(len(ONE)):
        assert refused(ONE[:n])[0] == 387, n
    assert refused(ONE + b"\0")[0] == 387


def test_a_megabyte_is_refused_before_anything_is_made_of_it():
    class Megabyte:
        def __len__(self):
            return 1 << 20

        def __getitem__(self, at):
            raise AssertionError("it was read")

    assert refused(Megabyte()) == (387, "length")
    assert refused(bytes(MESSAGE_B + 1)) == (387, "length")


def test_nothing_unsigned_reaches_the_decoder():
    class Decoder:
        def loads(self, *args):
            raise AssertionError("it was decoded")

    broken = ONE[:-1] + bytes([ONE[-1] ^ 1])
    assert raises(AuthError, ota_manifest.read, broken, KEYS, Decoder(), inflate).code == 390
    assert raises(AuthError, ota_manifest.read, ONE, [None, SECOND], Decoder(), inflate).code == 389


def test_a_key_that_is_unknown_or_revoked_signs_nothing():
    assert refused(ONE, [SECOND, THIRD]) == (389, None)
    assert refused(ONE, [None, SECOND]) == (389, None)
    assert refused(ONE, [None, None]) == (389, None)
    assert ota_manifest.read(ONE, [None, FIRST], cbor, inflate).signer == 1


def test_a_signature_is_of_the_manifest_in_its_context_only():
    """RFC 9052 section 4.4: a signature of the bare payload, or of another structure of COSE, is none."""
    assert ecdsa.verify(FIRST, structure(b"Signature1"), ONE[-64:])
    for other in (b"Signature", b"CounterSignature", b""):
        assert not ecdsa.verify(FIRST, structure(other), ONE[-64:])


def structure(context):
    """Sig_structure as CBOR writes it, and its digest."""
    _, protected, _, payload = [None] + cbor.loads(ONE[1:])[:3]
    parts = [str(context, "ascii"), protected, b"", payload]
    return sha256(cbor.dumps(parts)).digest()


def test_an_unsigned_bundle_is_refused():
    assert refused(ONE[:8] + bytes(8) + ONE[16:-64] + bytes(64))[0] == 389
    assert refused(ONE[:-64] + bytes(64))[0] == 390


# What a device may take


def checked(name="one app", product="kettle", board="TOS_KETTLE", sequence=6, floor=0, keys=None, contents=None):
    """The code of what is raised, or None."""
    try:
        ota.check(manifest(name), product, board, sequence, floor, keys or KEYS, contents or {})
    except TosError as e:
        return e.code
    return None


def test_an_update_is_for_its_product_and_its_boards():
    assert checked() is None and checked(board="ESP32_GENERIC") is None
    assert checked(product="lamp") == 391 and checked(board="TOS_WATCH") == 391 and checked(board="TOS_KETTL") == 391


def test_an_update_is_newer_than_what_runs_and_not_below_the_floor():
    assert checked(sequence=0) is None and checked(sequence=6) is None
    assert checked(sequence=7) == 392 and checked(sequence=8) == 392
    assert checked(floor=7) is None and checked(floor=8) == 392


def test_a_delta_is_for_what_runs():
    base = content(32, 3)
    assert checked("a delta", contents={APP: base}) is None
    assert checked("a delta", contents={APP: content(32, 4)}) == 388
    assert checked("a delta") == 388 and checked("a delta", contents={FIRMWARE: base}) == 388


def test_the_floor_rises_to_the_fallback_and_no_further():
    found = manifest()
    assert found.floor == 5
    assert [ota.risen(0, found.floor, fallback) for fallback in (0, 3, 5, 6)] == [0, 3, 5, 5]
    assert ota.risen(4, 5, 3) == 4 and ota.risen(6, 5, 9) == 6


# Keys


def test_a_key_is_given_or_revoked_in_the_other_slot():
    assert ota.rotated(KEYS, manifest("gives a key")) == [FIRST, THIRD]
    assert ota.rotated([FIRST, None], manifest("gives a key")) == [FIRST, THIRD]
    assert ota.rotated(KEYS, manifest("revokes a key")) == [FIRST, None]
    assert ota.rotated(KEYS, manifest()) == KEYS == [FIRST, SECOND]


def test_no_manifest_changes_the_key_that_it_is_signed_with():
    names = ("changes its own key", "revokes its own key", "revokes both keys")
    for name in names + ("gives the key that it is signed with",):
        assert raises(Denied, ota.rotated, KEYS, manifest(name)).code == 431
        assert checked(name) == 431


def test_a_device_always_keeps_the_key_that_signed():
    for name, message in GOOD.items():
        for keys in ([FIRST, SECOND], [SECOND, FIRST], [FIRST, None], [None, FIRST]):
            try:
                found = ota_manifest.read(message, keys, cbor, inflate)
                after = ota.rotated(keys, found)
            except TosError:
                continue
            assert after[found.signer] == keys[found.signer] is not None, name
            assert sum([old != new for old, new in zip(keys, after)]) <= 1


# Blocks


def blocks():
    return ota_blocks.Blocks(manifest().parts[0])


def test_pieces_of_any_size_are_blocks():
    for size in (1, 7, 1000, 4095, 4096, 4097, 9192):
        taken = blocks()
        for i in range(0, len(DATA), size):
            assert not taken.whole()
            taken.write(DATA[i : i + size])
            assert taken.at == min(i + size, 9192)
            assert taken.good == (9192 if taken.at == 9192 else taken.at // 4096 * 4096)
        assert taken.whole()


def test_a_byte_that_is_wrong_is_found_by_the_end_of_its_block():
    for at in (0, 1, 4095, 4096, 8191, 8192, 9191):
        broken = bytearray(DATA)
        broken[at] ^= 0x10
        for size in (64, 5000, 9192):
            taken = blocks()
            e = None
            for i in range(0, len(broken), size):
                try:
                    taken.write(broken[i : i + size])
                except WireError as found:
                    e = found
                    break
            assert (e.code, e.detail) == (393, at // 4096) and taken.good == taken.at == at // 4096 * 4096
            taken.write(DATA[taken.good :])  # fetched again
            assert taken.whole()


def test_bytes_behind_the_last_are_too_many():
    taken = blocks()
    taken.write(DATA)
    taken.write(b"")
    e = raises(WireError, taken.write, b"\0")
    assert e.code == 393 and taken.whole()
    assert raises(WireError, blocks().write, DATA + b"\0").code == 393


def test_after_a_cut_at_any_byte_less_than_a_block_is_fetched_again():
    for cut in (0, 1, 4095, 4096, 4097, 8192, 9000, 9191, 9192):
        kept = DATA[:cut]
        taken = blocks()
        taken.write(kept)
        taken.rewind()
        assert 0 <= cut - taken.good < 4096
        taken.write(DATA[taken.good :])
        assert taken.whole()


def test_what_a_cut_tore_is_fetched_again():
    kept = DATA[:5000] + bytes(3192)
    taken = blocks()
    raises(WireError, taken.write, kept)
    assert taken.good == 4096
    taken.write(DATA[4096:])
    assert taken.whole()


def test_where_a_content_is_among_files():
    files = [["a", 10], ["none", 0], ["b", 1], ["c", 5]]
    whole = [(path, i) for path, length in files for i in range(length)]
    spread = ota_blocks.Spread(files)
    for offset in range(17):
        for n in range(20):
            found = []
            for path, at, here in spread.find(offset, n):
                assert here > 0
                found += [(path, at + i) for i in range(here)]
            assert found == whole[offset : offset + n]
