"""The byte work of OSCORE: the fast twin of oscore_kernel.py, with the same names and results. MicroPython only."""

# ruff: noqa: RUF046 -- to viper a length is an object

import micropython

_int = int  # makes an object of a machine word


@micropython.viper
def counters(stream: ptr8, nonce: ptr8, n: int):
    at = 0
    i = 0
    while i < n:
        stream[at] = 1
        j = 0
        while j < 13:
            stream[at + 1 + j] = nonce[j]
            j += 1
        stream[at + 14] = i >> 8
        stream[at + 15] = i
        at += 16
        i += 1


@micropython.viper
def crypt(
    blocks: ptr8, chain: ptr8, nonce: ptr8, aad, out: ptr8, data: ptr8, stream: ptr8, plain: ptr8, size: int
) -> int:
    i = 0
    while i < size:
        out[i] = data[i] ^ stream[16 + i]
        i += 1
    blocks[0] = 0x59 ^ chain[0]
    i = 1
    while i < 14:
        blocks[i] = nonce[i - 1] ^ chain[i]
        i += 1
    blocks[14] = size >> 8 ^ chain[14]
    blocks[15] = size ^ chain[15]
    aad_b = int(len(aad))
    a = ptr8(aad)
    blocks[16] = aad_b >> 8
    blocks[17] = aad_b
    i = 0
    while i < aad_b:
        blocks[18 + i] = a[i]
        i += 1
    at = 18 + aad_b
    while at & 15:
        blocks[at] = 0
        at += 1
    i = 0
    while i < size:
        blocks[at] = plain[i]
        at += 1
        i += 1
    while at & 15:
        blocks[at] = 0
        at += 1
    return at


@micropython.viper
def tag(chain: ptr8, blocks: ptr8, end: int, stream: ptr8, out: ptr8, sealed: ptr8, size: int) -> int:
    end -= 16
    i = 0
    while i < 16:
        chain[i] = blocks[end + i]
        i += 1
    found = 0
    i = 0
    while i < 8:
        b = chain[i] ^ stream[i]
        found |= b ^ sealed[size + i]
        out[size + i] = b
        i += 1
    return found


@micropython.viper
def bind(nonce: ptr8, base: ptr8, aad, own: ptr8, asked: ptr8):
    size = own[0] & 7
    i = 8
    while i < 13:
        nonce[i] = base[i]
        i += 1
    i = 13 - size
    j = 1
    while j <= size:
        nonce[i] ^= own[j]
        i += 1
        j += 1
    size = asked[0] & 7
    i = int(len(aad)) - 1 - size
    a = ptr8(aad)
    j = 1
    while j <= size:
        a[i] = asked[j]
        i += 1
        j += 1


@micropython.viper
def put(out, at: int, delta: int, value) -> int:
    size = int(len(value))
    if at < 0 or delta < 0 or at + size + 5 > int(len(out)):
        return -1
    o = ptr8(out)
    v = ptr8(value)
    if delta == 65536:
        if size == 0:
            return at
        o[at] = 0xFF
        at += 1
    else:
        head = at
        first = 0
        n = delta
        at += 1
        shift = 4
        while shift >= 0:
            if n > 268:
                n -= 269
                first |= 14 << shift
                o[at] = n >> 8
                o[at + 1] = n
                at += 2
            elif n > 12:
                first |= 13 << shift
                o[at] = n - 13
                at += 1
            else:
                first |= n << shift
            n = size
            shift -= 4
        o[head] = first
    i = 0
    while i < size:
        o[at] = v[i]
        at += 1
        i += 1
    return at


@micropython.viper
def take(data, at: int, into) -> int:
    d = ptr8(data)
    end = int(len(data))
    number = 0
    size = 0
    left = 32
    while at < end:
        head = d[at]
        at += 1
        if head == 0xFF:
            if at < end:
                return at
            return -1 - at
        shift = 4
        while shift >= 0:
            number += size  # the delta, the second time
            n = head >> shift & 15
            size = n
            if n > 12:
                if n == 15 or at + n - 12 > end:
                    return -1 - at
                if n == 13:
                    size = 13 + d[at]
                else:
                    size = 269 + (d[at] << 8 | d[at + 1])
                at += n - 12
            shift -= 4
        if at + size > end or number > 65535 or left == 0:
            return -1 - at
        left -= 1
        start = _int(at)
        at += size
        into.append((number, data[start : _int(at)]))
        size = 0
    return at


@micropython.viper
def same(data, at: int, other) -> bool:
    size = int(len(other))
    if int(len(data)) - at != size:
        return False
    d = ptr8(data)
    o = ptr8(other)
    found = 0
    i = 0
    while i < size:
        found |= d[at + i] ^ o[i]
        i += 1
    return found == 0
