"""ECDSA with P-256, FIPS 186-5 section 6.4.2: whether a signature is right. Pure. Never for a secret scalar.

A point is (x, y), or in Jacobian coordinates (X, Y, Z): x is X / Z**2, y is Y / Z**3, and Z is 0 at infinity.
"""

from micropython import const
from toscore.p256 import SIZE_B, N, P, right

_WIDTH = const(5)
_FULL = const(32)  # 1 << _WIDTH
_HALF = const(16)

# 1, 3, 5 .. 15 times the base point: x and y of each.
_BASE = (
    b"\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2"
    b"\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96"
    b"\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16"
    b"\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5"
    b"\x5e\xcb\xe4\xd1\xa6\x33\x0a\x44\xc8\xf7\xef\x95\x1d\x4b\xf1\x65"
    b"\xe6\xc6\xb7\x21\xef\xad\xa9\x85\xfb\x41\x66\x1b\xc6\xe7\xfd\x6c"
    b"\x87\x34\x64\x0c\x49\x98\xff\x7e\x37\x4b\x06\xce\x1a\x64\xa2\xec"
    b"\xd8\x2a\xb0\x36\x38\x4f\xb8\x3d\x9a\x79\xb1\x27\xa2\x7d\x50\x32"
    b"\x51\x59\x0b\x7a\x51\x51\x40\xd2\xd7\x84\xc8\x56\x08\x66\x8f\xdf"
    b"\xef\x8c\x82\xfd\x1f\x5b\xe5\x24\x21\x55\x4a\x0d\xc3\xd0\x33\xed"
    b"\xe0\xc1\x7d\xa8\x90\x4a\x72\x7d\x8a\xe1\xbf\x36\xbf\x8a\x79\x26"
    b"\x0d\x01\x2f\x00\xd4\xd8\x08\x88\xd1\xd0\xbb\x44\xfd\xa1\x6d\xa4"
    b"\x8e\x53\x3b\x6f\xa0\xbf\x7b\x46\x25\xbb\x30\x66\x7c\x01\xfb\x60"
    b"\x7e\xf9\xf8\xb8\xa8\x0f\xef\x5b\x30\x06\x28\x70\x31\x87\xb2\xa3"
    b"\x73\xeb\x1d\xbd\xe0\x33\x18\x36\x6d\x06\x9f\x83\xa6\xf5\x90\x00"
    b"\x53\xc7\x36\x33\xcb\x04\x1b\x21\xc5\x5e\x1a\x86\xc1\xf4\x00\xb4"
    b"\xea\x68\xd7\xb6\xfe\xdf\x0b\x71\x87\x89\x38\xd5\x1d\x71\xf8\x72"
    b"\x9e\x0a\xcb\x8c\x2c\x6d\xf8\xb3\xd7\x9e\x8a\x4b\x90\x94\x9e\xe0"
    b"\x2a\x27\x44\xc9\x72\xc9\xfc\xe7\x87\x01\x4a\x96\x4a\x8e\xa0\xc8"
    b"\x4d\x71\x4f\xea\xa4\xde\x82\x3f\xe8\x5a\x22\x4a\x4d\xd0\x48\xfa"
    b"\x3e\xd1\x13\xb7\x88\x3b\x4c\x59\x06\x38\x37\x9d\xb0\xc2\x1c\xda"
    b"\x16\x74\x2e\xd0\x25\x50\x48\xbf\x43\x33\x91\xd3\x74\xbc\x21\xd1"
    b"\x90\x99\x20\x9a\xcc\xc4\xc8\xa2\x24\xc8\x43\xaf\xa4\xf4\xc6\x8a"
    b"\x09\x0d\x04\xda\x5e\x98\x89\xda\xe2\xf8\xee\xfc\xe8\x2a\x37\x40"
    b"\x17\x7c\x83\x7a\xe0\xac\x49\x5a\x61\x80\x5d\xf2\xd8\x5e\xe2\xfc"
    b"\x79\x2e\x28\x4b\x65\xea\xd5\x8a\x98\xe1\x5d\x9d\x46\x07\x2c\x01"
    b"\x63\xbb\x58\xcd\x4e\xbe\xa5\x58\xa2\x40\x91\xad\xb4\x0f\x4e\x72"
    b"\x26\xee\x14\xc3\xa1\xfb\x4d\xf3\x9c\x43\xbb\xe2\xef\xc7\xbf\xd8"
    b"\xf0\x45\x4d\xc6\x97\x1a\xba\xe7\xad\xfb\x37\x89\x99\x88\x82\x65"
    b"\xae\x03\xaf\x92\xde\x3a\x0e\xf1\x63\x66\x8c\x63\xe5\x9b\x9d\x5f"
    b"\xb5\xb9\x3e\xe3\x59\x2e\x2d\x1f\x4e\x65\x94\xe5\x1f\x96\x43\xe6"
    b"\x2a\x3b\x21\xce\x75\xb5\xfa\x3f\x47\xe5\x9c\xde\x0d\x03\x4f\x36"
)


def verify(public, digest, signature):
    """-> bool. public: x and y, 64 B. digest: of SHA-256, or its first 32 bytes count. signature: r and s, 64 B.

    What is not a point, not a number of the right range or not of the right length is a signature that is not right.
    """
    if len(public) != 2 * SIZE_B or len(signature) != 2 * SIZE_B:
        return False
    x, y = _pair(public)
    if x >= P or y >= P or y * y % P != right(x):
        return False
    r, s = _pair(signature)
    if not (0 < r < N and 0 < s < N):
        return False
    inverse = pow(s, N - 2, N)
    e = int.from_bytes(bytes(digest[:SIZE_B]), "big")
    px, _, pz = _sum(e * inverse % N, r * inverse % N, x, y)
    if pz == 0:
        return False
    # The x of the sum, modulo n, is r: x is r or r + n.
    pz = pz * pz % P
    return px == r * pz % P or (r + N < P and px == (r + N) * pz % P)


def _pair(data):
    data = bytes(data)
    return int.from_bytes(data[:SIZE_B], "big"), int.from_bytes(data[SIZE_B:], "big")


def _sum(u, v, x, y):
    """u times the base point and v times (x, y), in one chain of doublings (Shamir's trick)."""
    base = [_pair(_BASE[i : i + 2 * SIZE_B]) for i in range(0, len(_BASE), 2 * SIZE_B)]
    terms = ((_digits(u), base), (_digits(v), _odd_multiples(x, y)))
    point = (1, 1, 0)
    for i in range(max(len(terms[0][0]), len(terms[1][0])) - 1, -1, -1):
        point = _double(*point)
        for digits, multiples in terms:
            digit = digits[i] if i < len(digits) else 0
            if digit > 127:  # negative
                px, py = multiples[256 - digit >> 1]
                point = _add(point, px, P - py)
            elif digit:
                px, py = multiples[digit >> 1]
                point = _add(point, px, py)
    return point


def _digits(k):
    """The width-5 NAF of k, lowest digit first, one byte each, modulo 256: zeros, and odd ones from -15 to 15."""
    digits = bytearray()
    while k:
        digit = 0
        if k & 1:
            digit = k & _FULL - 1
            if digit >= _HALF:
                digit -= _FULL
            k -= digit
        digits.append(digit & 255)
        k >>= 1
    return digits


def _odd_multiples(x, y):
    """1, 3, 5 .. 15 times the point.

    2P and P are brought to one Z, and so are each sum and 2P again (co-Z addition, N. Meloni, 2007). So one inversion
    is enough: each Z is the one before it, times a difference of x that is kept.
    """
    # Doubling with Z = 1, and P with the Z of the double.
    yy = y * y % P
    s = 4 * x * yy % P
    m = 3 * (x * x - 1)
    dx = (m * m - 2 * s) % P
    z = 2 * y
    qx = s
    qy = 8 * yy * yy % P
    dy = (m * (s - dx) - qy) % P
    points = [(qx, qy)]
    steps = []
    for _ in range(7):
        step = qx - dx
        z = z * step % P
        a = step * step % P
        qx = qx * a % P
        dx = dx * a % P
        b = qy - dy
        moved = dy * (qx - dx) % P
        sx = (b * b - dx - qx) % P
        qy = (b * (dx - sx) - moved) % P
        qx = sx
        dy = moved
        points.append((qx, qy))
        steps.append(step)
    inverse = pow(z, P - 2, P)
    for i in range(7, 0, -1):
        a = inverse * inverse % P
        qx, qy = points[i]
        points[i] = qx * a % P, qy * (a * inverse % P) % P
        inverse = inverse * steps[i - 1] % P
    points[0] = x, y
    return points


def _double(x, y, z):
    """dbl-2001-b of the Explicit-Formulas Database: 8 multiplications, the coefficient of x being -3."""
    delta = z * z % P
    gamma = y * y % P
    beta = x * gamma % P
    alpha = 3 * (x - delta) * (x + delta) % P
    x = (alpha * alpha - 8 * beta) % P
    z = 2 * y * z % P
    return x, (alpha * (4 * beta - x) - 8 * gamma * gamma) % P, z


def _add(point, qx, qy):
    """A point in Jacobian coordinates and one that is not infinity: 11 multiplications."""
    x, y, z = point
    if z == 0:
        return qx, qy, 1
    a = z * z % P
    h = (qx * a - x) % P
    b = (qy * z % P * a - y) % P
    if h == 0:
        return _double(x, y, z) if b == 0 else (1, 1, 0)
    hh = h * h % P
    z = z * h % P
    h = h * hh % P
    v = x * hh % P
    x = (b * b - h - 2 * v) % P
    return x, (b * (v - x) - y * h) % P, z
