"""P-256 by x-coordinates: keys and ECDH (SP 800-186 section 3.2.1.3, SP 800-56A section 5.7.1.2). Pure.

For secret scalars: one ladder, the same sequence of field operations for each of them. Signatures, which are public and
can be checked faster, are in ecdsa.py.
"""

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
GX = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296

SIZE_B = 32  # of a scalar and of a coordinate


def right(x):
    """x**3 - 3x + b, the right side of the curve's equation."""
    return ((x * x - 3) * x + B) % P


def is_x(data):
    """Whether data is the x-coordinate of a point, 32 bytes. One that is not is of a point of the curve's twist, whose
    small subgroups would tell a scalar piece by piece. Here there are none: every point has order n.
    """
    if len(data) != SIZE_B:
        return False
    x = int.from_bytes(data, "big")
    return x < P and pow(right(x), P >> 1, P) == 1  # 0 is the right side of no x: no point has order two


def draw(rng):
    """A secret scalar, 32 bytes, each of 1..n-1 equally likely (FIPS 186-5 section A.2.2). rng(n) -> n bytes."""
    while True:
        data = rng(SIZE_B)
        if 0 < int.from_bytes(data, "big") < N:
            return data


def public(scalar, rng, every=8):
    """The x-coordinate of the public key. Arguments and result as those of shared."""
    return _ladder(_scalar(scalar), GX, rng, every)


def shared(scalar, x, rng, every=8):
    """The x-coordinate of scalar times the point at x, each 32 bytes: a generator, so that it can be done in pieces. It
    yields None after so many of its 257 steps, which take a chip some ms each, and returns the 32 bytes.

    rng(n) -> n bytes, so that no two runs work on the same numbers. ValueError, before any step: a scalar outside
    1..n-1, an x that is_x refuses.
    """
    if not is_x(x):
        raise ValueError("x")
    return _ladder(_scalar(scalar), int.from_bytes(x, "big"), rng, every)


def _scalar(data):
    k = int.from_bytes(data, "big")
    if len(data) != SIZE_B or not 0 < k < N:
        raise ValueError("scalar")
    return k


def _ladder(k, px, rng, every):
    """No branch and no index depends on k, but for the choice of one of a pair. Derived in docs/pairing.md, after
    M. Hamburg, Faster Montgomery and double-add ladders for short Weierstrass curves, 2020. 12 multiplications a step.
    """
    # With 2n or 3n added, whichever makes 258 bits, no k meets infinity or two points alike on its way, but for n-1 in
    # the last step: y is 0 then, and so is what is added to px at the end, and px is right.
    bits = (k + (3 * N, 2 * N)[(k + 2 * N) >> 257]).to_bytes(33, "big")

    # Points P, Q and T that add up to infinity are on one line. Kept are q and t, the distances of Q and T from P along
    # x, m, twice the line's slope, and y, twice that of P; all times a power of a Z that need not be known: 2, 2, 1, 3.
    # A step adds Q - T and doubles T: the new Q and T of the same P. First Q = P, T = -2P, Z = 2yz, with a random z.
    g = right(px)
    z = int.from_bytes(draw(rng), "big")
    zz = z * z % P
    m = 3 * (px * px - 1)
    q = 0
    t = (m * m - 12 * px * g) % P * zz % P
    m = 2 * m * z % P
    y = 16 * g * g % P * zz % P * z % P
    last = 1
    for i in range(7, 264):
        bit = bits[i >> 3] >> (7 - (i & 7)) & 1
        pair = (q, t)
        q = pair[bit ^ last]
        t = pair[bit ^ last ^ 1]
        last = bit
        d = q - t
        ty = (y + m * t) % P  # twice the y of T
        e = ty * ty % P
        m = ty * d % P * m % P
        s = d * d % P
        h = (d * e - m * t) % P * s % P
        d = t * s % P
        q = (e + m) * e % P
        t = (d * d + h) % P
        y = e * h % P
        m = 2 * (d - e) - m
        if i % every == 0:
            yield None
    pair = (q, t)
    q = pair[last ^ 1]
    t = pair[last]
    # Z is known by its fourth power times -3, the curve's coefficient, as the line's slope tells it, and by its sixth,
    # from y and the right side: q by Z squared is the distance of Q from P, and x comes of it.
    c = m * m - 4 * (q + t)
    top = (48 * q * t + 24 * m * y - c * c) % P * q % P * g % P
    x = (px - top * pow(36 * y * y % P, P - 2, P)) % P
    return x.to_bytes(SIZE_B, "big")
