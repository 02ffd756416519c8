"""P-256: ECDH by the ladder, and signatures, against vectors made by another library. Both interpreters."""

import json
from binascii import hexlify, unhexlify
from hashlib import sha256

from helpers import Random, raises
from toscore import ecdsa, p256

with open("tests/vectors/p256.json") as f:
    VECTORS = json.load(f)

RIGHT = [[unhexlify(part) for part in row[1:4]] for row in VECTORS["ecdsa"] if row[4]]
rng = Random(7).bytes


def done(steps):
    """What a generator returns at its end."""
    try:
        while True:
            next(steps)
    except StopIteration as e:
        return e.value


def number(k):
    return k.to_bytes(32, "big")


# ECDH


def test_keys_and_ecdh_as_another_library_has_them():
    assert len(VECTORS["ecdh"]) > 100
    for row in VECTORS["ecdh"]:
        scalar, peer, own, agreed = [unhexlify(part) for part in row]
        assert done(p256.public(scalar, rng)) == own, row
        assert done(p256.shared(scalar, peer, rng)) == agreed, row


def test_rfc5903_section_8_1():
    i = unhexlify("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433")
    gi = unhexlify("dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180")
    r = unhexlify("c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53")
    gr = unhexlify("d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63")
    gir = unhexlify("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de")
    assert done(p256.public(i, rng)) == gi and done(p256.public(r, rng)) == gr
    assert done(p256.shared(i, gr, rng)) == gir and done(p256.shared(r, gi, rng)) == gir


def test_a_scalar_and_what_is_left_of_n_have_one_x():
    for k in (1, 2, 5, p256.N >> 1, (1 << 224) + 1, (1 << 255) + 12345):
        assert done(p256.public(number(k), rng)) == done(p256.public(number(p256.N - k), rng))


def test_the_random_numbers_make_no_difference():
    k = number(p256.N // 3)
    assert {done(p256.public(k, Random(seed).bytes)) for seed in range(5)} == {done(p256.public(k, rng))}


def test_scalars_outside_1_to_n_minus_1_are_refused():
    x = number(p256.GX)
    for scalar in (number(0), number(p256.N), number(p256.N + 1), b"\xff" * 32, b"\x01", bytes(31) + b"\1\0", b""):
        raises(ValueError, p256.public, scalar, rng)
        raises(ValueError, p256.shared, scalar, x, rng)


def test_what_is_no_x_of_the_curve_is_refused():
    one = number(1)
    no_point = number(1)  # 1 - 3 + b is not a square
    for x in (no_point, number(p256.P), number(p256.P + p256.GX - (1 << 255)), b"\xff" * 32, number(p256.GX)[1:], b""):
        assert not p256.is_x(x)
        raises(ValueError, p256.shared, one, x, rng)
    assert p256.is_x(bytes(32)) and p256.is_x(number(p256.GX))
    # 5 is the x of a point, and so 5 + p is not.
    assert p256.is_x(number(5)) and not p256.is_x(number(5 + p256.P))


def test_points_of_small_order_on_the_twist_are_refused():
    assert [order for order, _ in VECTORS["twist"]] == [3, 5, 13, 179]
    for _, x in VECTORS["twist"]:
        assert not p256.is_x(unhexlify(x))
        raises(ValueError, p256.shared, number(12345), unhexlify(x), rng)


def test_half_of_all_numbers_are_an_x():
    assert 60 < sum([p256.is_x(number(n)) for n in range(150)]) < 90


def test_a_ladder_has_as_many_steps_for_each_scalar():
    for every, rests in ((8, 32), (1, 257), (64, 4)):
        for k in (1, 2, p256.N - 1, 1 << 255, (1 << 224) - 1):
            assert [None] * rests == list(p256.public(number(k), rng, every))


def test_a_drawn_scalar_is_in_range():
    offers = [number(0), number(p256.N), b"\xff" * 32, number(p256.N - 1), number(1)]
    assert p256.draw(lambda n: offers.pop(0)) == number(p256.N - 1)
    assert p256.draw(lambda n: offers.pop(0)) == number(1) and not offers


# Signatures


def test_signatures_as_another_library_judges_them():
    assert len(VECTORS["ecdsa"]) > 130
    for what, public, digest, signature, right in VECTORS["ecdsa"]:
        assert ecdsa.verify(unhexlify(public), unhexlify(digest), unhexlify(signature)) == right, what


def test_rfc6979_a_2_5():
    public = unhexlify(
        "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    )
    sample = unhexlify(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )
    test = unhexlify(
        "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
        "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"
    )
    assert ecdsa.verify(public, sha256(b"sample").digest(), sample)
    assert ecdsa.verify(public, sha256(b"test").digest(), test)
    assert not ecdsa.verify(public, sha256(b"test").digest(), sample)


def test_a_flipped_bit_anywhere_is_noticed():
    bits = Random(3)
    for n in range(96):
        parts = [bytearray(part) for part in RIGHT[20 + n % 50]]
        at = bits.below(8 * len(parts[n % 3]))
        parts[n % 3][at >> 3] ^= 1 << (at & 7)
        assert not ecdsa.verify(*parts), hexlify(parts[n % 3])


def test_what_has_another_length_is_no_signature_and_no_key():
    public, digest, signature = RIGHT[30]
    for wrong in (b"", signature[:63], signature + b"\0", signature[:32], b"0" + signature):
        assert not ecdsa.verify(public, digest, wrong)
    for wrong in (b"", public[:63], b"\x04" + public, public + b"\0", public[:32]):
        assert not ecdsa.verify(wrong, digest, signature)
    assert ecdsa.verify(bytearray(public), memoryview(digest), memoryview(signature))


def test_of_a_longer_digest_the_first_256_bits_count():
    public, digest, signature = RIGHT[30]
    assert ecdsa.verify(public, digest + b"more", signature)
    assert not ecdsa.verify(public, b"\0" + digest, signature)


def test_noise_is_no_signature():
    noise = Random(11)
    public = RIGHT[30][0]
    for _ in range(40):
        assert not ecdsa.verify(public, noise.bytes(32), noise.bytes(64))
        assert not ecdsa.verify(noise.bytes(64), noise.bytes(32), noise.bytes(64))
