"""Makes p256.json and pairing.json by the library `cryptography` and the host's pairing, and none of the device's code:
`python tests/vectors/make.py`. They come out the same each time; tests compare. PYTHONPATH=tools.
"""

import hashlib
import json
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from tosplus.link import pair, pairing_code

HERE = Path(__file__).parent
CURVE = ec.SECP256R1()
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
RFC6979_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
RFC6979_SAMPLE = (  # with SHA-256, A.2.5
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
)


def number(*parts):
    """A number from 1 to n-1, the same for the same parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest(), "big") % (N - 1) + 1


def word(value):
    return value.to_bytes(32, "big").hex()


def xy(key):
    numbers = key.public_numbers()
    return word(numbers.x) + word(numbers.y)


# Points by their sums, for what no library makes: (x, y) on y*y = x*x*x + a*x + b, None at infinity.


def add(p, q, a):
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % P == 0:
        return None
    if p == q:
        slope = (3 * p[0] * p[0] + a) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def times(k, p, a):
    total = None
    while k:
        if k & 1:
            total = add(total, p, a)
        p = add(p, p, a)
        k >>= 1
    return total


def root(square):
    y = pow(square, (P + 1) // 4, P)
    return y if y * y % P == square % P else None


def key_at(point):
    return ec.EllipticCurvePublicNumbers(*point, CURVE).public_key()


def ecdh():
    """[scalar, peer's x, own x, shared x]"""
    edges = [1, 2, 3, N // 7, N // 2, N // 2 + 1, N - 3, N - 2, N - 1]
    edges += [1 << 32, (1 << 224) - 1, 1 << 224, N - (1 << 224)]
    made = []
    for i, k in enumerate(edges + [number("ecdh", i) for i in range(100)]):
        private = ec.derive_private_key(k, CURVE)
        peer = ec.derive_private_key(number("peer", i), CURVE).public_key()
        if i % 8 == 7:  # the points at x = 0
            peer = key_at((0, root(B)))
        shared = private.exchange(ec.ECDH(), peer).hex()
        made.append([word(k), xy(peer)[:64], xy(private.public_key())[:64], shared])
    return made


def twist():
    """[order, x]: x-coordinates of the twist, whose order is 2p + 2 - n, with a factor 3 * 5 * 13 * 179."""
    u = 2
    while root(u) is not None:
        u += 1
    a, b = -3 * u * u, B * u * u * u
    order = 2 * P + 2 - N
    made = []
    x = 0
    for small in (3, 5, 13, 179):
        assert order % small == 0
        point = None
        while point is None:
            x += 1
            y = root(x * x * x + a * x + b)
            point = y and times(order // small, (x, y), a)
        assert times(small, point, a) is None
        made.append([small, word(point[0] * pow(u, -1, P) % P)])
    return made


def signature(r, s):
    return word(r) + word(s)


def signed(private, digest, hash=None):
    hash = hash or hashes.SHA256()
    der = private.sign(digest, ec.ECDSA(utils.Prehashed(hash), deterministic_signing=True))
    return signature(*utils.decode_dss_signature(der))


def ecdsa():
    """[what it is, public key, digest, signature, whether it is right]"""
    made = []
    private = ec.derive_private_key(RFC6979_KEY, CURVE)
    for text in (b"sample", b"test"):
        for hash in (hashes.SHA1(), hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
            digest = hashlib.new(hash.name, text).digest()
            what = f"RFC 6979 A.2.5 {text.decode()} {hash.name}"
            made.append([what, xy(private.public_key()), digest.hex(), signed(private, digest, hash), True])
    assert made[2][3] == RFC6979_SAMPLE
    for i in range(100):
        private = ec.derive_private_key(number("ecdsa", i), CURVE)
        digest = hashlib.sha256(b"%d" % i).digest()
        made.append(["", xy(private.public_key()), digest.hex(), signed(private, digest), True])
    _, public, digest, right, _ = made[-1]
    r, s = int(right[:64], 16), int(right[64:], 16)
    made.append(["s high or low, the other way", public, digest, signature(r, N - s), True])
    for what, bad in (
        ("r is 0", (0, s)), ("s is 0", (r, 0)), ("r is n", (N, s)), ("s is n", (r, N)), ("r and s changed", (s, r)),
        ("all ones", (2**256 - 1, 2**256 - 1)), ("-r", (N - r, s)),
    ):  # fmt: skip
        made.append([what, public, digest, signature(*bad), False])
    for what, key in (
        ("not on the curve", public[:-1] + "%x" % (int(public[-1], 16) ^ 1)), ("zeros", "00" * 64),
        ("more than p", "ff" * 64), ("another key", made[-10][1]), ("-Q", public[:64] + word(P - int(public[64:], 16))),
    ):  # fmt: skip
        made.append([what, key, digest, right, False])
    # The key is the base point, or minus that: sums of equal points, and of opposite ones.
    base = ec.derive_private_key(1, CURVE).public_key().public_numbers()
    g = (base.x, base.y)
    for u in (1, 2, 3, 17, number("u")):
        r = times(2 * u, g, -3)[0] % N
        s = r * pow(u, -1, N) % N
        made.append([f"Q is G, u1 = u2 = {u}", xy(key_at(g)), word(r), signature(r, s), True])
        minus = xy(key_at((g[0], P - g[1])))
        made.append([f"Q is -G, u1 = u2 = {u}", minus, word(r), signature(r, s), False])
    d = number("infinity")
    made.append(["their sum is infinity", xy(ec.derive_private_key(d, CURVE).public_key()), word(-r * d % N),
                 signature(r, number("s")), False])  # fmt: skip
    made.append(["digest 0", xy(ec.derive_private_key(d, CURVE).public_key()), word(0),
                 signed(ec.derive_private_key(d, CURVE), bytes(32)), True])  # fmt: skip
    # An x between n and p, so that r is x - n: from the point to the key.
    x = N
    while root(x**3 - 3 * x + B) is None:
        x += 1
    point, r, s, e = (x, root(x**3 - 3 * x + B)), x - N, number("large x"), number("e")
    minus = times(N - e, g, -3)
    q = times(pow(r, -1, N), add(times(s, point, -3), minus, -3), -3)
    made.append(["x is more than n", xy(key_at(q)), word(e), signature(r, s), True])
    made.append(["r + n is x", xy(key_at(q)), word(e), signature(r + N, s), False])
    # s + n would do as well as s, if it were not too large.
    s = number("small s") >> 64
    point = times(number("k"), g, -3)
    q = times(pow(point[0], -1, N), add(times(s, point, -3), minus, -3), -3)
    made.append(["s is small", xy(key_at(q)), word(e), signature(point[0], s), True])
    made.append(["s + n", xy(key_at(q)), word(e), signature(point[0], s + N), False])
    # With a digest of 0 and s = r / 2 the sum is twice the key, whose x is r then, on the curve or not.
    y = root(5**3 - 15 + B)
    for what, key, right in (
        ("the sum is twice the key", (5, y), True), ("x + p", (5 + P, y), False),
        ("a point of another curve", (5, y + 1), False),
    ):  # fmt: skip
        r = times(2, (5, key[1]), -3)[0]
        made.append([what, word(key[0]) + word(key[1]), word(0), signature(r, r * pow(2, -1, N) % N), right])
    for what, public, digest, one, right in made:
        if len(digest) == 64 and what != "x + p":  # which OpenSSL reduces, and FIPS 186-5 refuses
            assert verifies(public, digest, one) == right, what
    return made


def verifies(public, digest, one):
    """What `cryptography` says."""
    try:
        key = key_at((int(public[:64], 16), int(public[64:], 16)))
        der = utils.encode_dss_signature(int(one[:64], 16), int(one[64:], 16))
        key.verify(der, bytes.fromhex(digest), ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except (InvalidSignature, ValueError):
        return False
    return True


def pairings():
    made = []
    wishes = [("owner", "Ann's laptop", "00", []), ("hub", "", "", ["00"])]
    wishes.append(("input", "Küche", "07060504030201", ["00", "01"]))
    for i, (role, name, own_id, ids) in enumerate(wishes):
        secret = hashlib.sha256(b"secret %d" % i).digest()[:16]
        device_id = f"kettle-c0ffe{i}"
        nonces = [hashlib.sha256(b"nonce %d %d" % (i, side)).digest()[:16] for side in (1, 2)]
        host, device = (ec.derive_private_key(number("pairing", i, side), CURVE) for side in (1, 2))
        asker = pair.Asker(secret, role, name, bytes.fromhex(own_id), host, nonces[0])
        x = pair.x_of(device.public_key())
        agreed = pair.agree(device, pair.x_of(host.public_key()))
        keys = pair.derive(secret, agreed, *nonces)
        free = [b""] * (role == "input") + [bytes([n]) for n in range(256)]
        other_id = next(id for id in free if id.hex() not in [own_id, *ids])
        head = pair.cbor2.dumps({1: nonces[1], 2: x, 5: other_id, 6: bytes(16)})[:-16]
        m2 = head + pair.mac(keys.m2, b"tos:v1 m2", asker.m1 + head)
        m3, paired = asker.answer(m2)
        made.append({
            "device_id": device_id, "secret": secret.hex(), "code": pairing_code.encode(device_id, secret),
            "role": pair.ROLES[role], "name": name, "ids_in_use": ids, "host_nonce": nonces[0].hex(),
            "host_scalar": word(host.private_numbers().private_value), "device_nonce": nonces[1].hex(),
            "device_scalar": word(device.private_numbers().private_value), "ecdh_x": agreed.hex(),
            "m2_key": keys.m2.hex(), "m3_key": keys.m3.hex(), "m1": asker.m1.hex(), "m2": m2.hex(), "m3": m3.hex(),
            "master_secret": paired.secret.hex(), "master_salt": paired.salt.hex(),
            "device_sender_id": paired.recipient_id.hex(), "device_recipient_id": paired.sender_id.hex(),
        })  # fmt: skip
    return made


def files():
    """{name: text}"""
    curve = {"ecdh": ecdh(), "twist": twist(), "ecdsa": ecdsa()}
    return {
        "p256.json": "{\n" + ",\n".join(f'"{k}": ' + _rows(v) for k, v in curve.items()) + "\n}\n",
        "pairing.json": json.dumps(pairings(), indent=1, ensure_ascii=False) + "\n",
    }


def _rows(values):
    return "[\n" + ",\n".join(json.dumps(value) for value in values) + "\n]"


if __name__ == "__main__":
    for name, text in files().items():
        (HERE / name).write_text(text, encoding="utf-8")
