"""P-256 beside `cryptography`, with new keys each time, and the ladder's operations, which no scalar may change."""

import os
import statistics

import field
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from toscore import ecdsa, p256
from vectors import make

CURVE = ec.SECP256R1()


def done(steps):
    try:
        while True:
            next(steps)
    except StopIteration as e:
        return e.value


def word(value):
    return value.to_bytes(32, "big")


def x_of(key):
    return word(key.public_numbers().x)


def signed():
    """A new key's signature: (public key, digest, signature)."""
    key = ec.generate_private_key(CURVE)
    digest = os.urandom(32)
    r, s = utils.decode_dss_signature(key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256()))))
    numbers = key.public_key().public_numbers()
    return word(numbers.x) + word(numbers.y), digest, word(r) + word(s)


def test_the_vectors_are_those_that_are_made_here():
    assert make.files()["p256.json"] == (make.HERE / "p256.json").read_text(encoding="utf-8")


def test_ecdh_with_new_keys():
    for _ in range(150):
        ours, theirs = p256.draw(os.urandom), ec.generate_private_key(CURVE)
        own = ec.derive_private_key(int.from_bytes(ours, "big"), CURVE)
        assert done(p256.public(ours, os.urandom)) == x_of(own.public_key())
        assert done(p256.shared(ours, x_of(theirs.public_key()), os.urandom)) == own.exchange(
            ec.ECDH(), theirs.public_key()
        )


def test_what_is_an_x():
    for _ in range(300):
        x = os.urandom(32)
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(CURVE, b"\x02" + x)
            right = True
        except ValueError:
            right = False
        assert p256.is_x(x) == right, x.hex()


def test_signatures_of_new_keys():
    for n in range(200):
        parts = signed()
        assert ecdsa.verify(*parts)
        damaged = [bytearray(part) for part in parts]
        at = int.from_bytes(os.urandom(2), "big") % (8 * len(damaged[n % 3]))
        damaged[n % 3][at >> 3] ^= 1 << (at & 7)
        assert not ecdsa.verify(*damaged), [part.hex() for part in damaged]


def test_every_scalar_takes_the_same_operations():
    edges = [3, 4, p256.N - 3, p256.N >> 1, 1 << 32, 1 << 224, (1 << 224) - 1, (1 << 255) + 1]
    x = x_of(ec.generate_private_key(CURVE).public_key())
    traces = set()
    for scalar in [word(k) for k in edges] + [p256.draw(os.urandom) for _ in range(20)]:
        with field.traced() as trace:
            done(p256.shared(scalar, x, os.urandom))
        # Of 1, 2 and what they leave of n, two products at the end are with 0: one draw in 2**254.
        traces.add(" ".join(trace))
    assert len(traces) == 1
    assert 3000 < traces.pop().split().count("MUL") <= 3110


def test_multiplications_of_a_signature():
    counts = []
    for _ in range(50):
        parts = signed()
        with field.traced() as trace:
            assert ecdsa.verify(*parts)
        counts.append(trace.count("MUL"))
    assert 2900 < statistics.mean(counts) <= 3100 and max(counts) < 3250


def test_two_runs_work_on_other_numbers():
    """Seen from inside: the slope after the first step."""
    seen = set()
    for _ in range(5):
        steps = p256.public(word(12345), os.urandom, 1)
        next(steps)
        seen.add(steps.gi_frame.f_locals["m"])
    assert len(seen) == 5
