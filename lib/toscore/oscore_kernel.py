"""The byte work of OSCORE: CCM's blocks, nonces and CoAP's options. Pure; the plain twin of oscore_kernel_viper.py.

stream: A_0 and on, then the key stream. blocks: B_0 and on, then their CBC cipher. What is not checked here, the caller
has checked.
"""

from micropython import const

_NONCE_B = const(13)
_MAX_OPTIONS = const(32)
_PAYLOAD = const(65536)


def counters(stream, nonce, n):
    """A_0 to A_(n-1) (RFC 3610 section 2.3, L = 2). nonce: 13 B."""
    for i in range(n):
        at = 16 * i
        stream[at] = 1
        stream[at + 1 : at + 14] = nonce
        stream[at + 14] = i >> 8
        stream[at + 15] = i & 255


def crypt(blocks, chain, nonce, aad, out, data, stream, plain, size):
    """out = data ^ key stream. Then B_0, the encoded aad and plain, which is out or data, each padded with zeros
    (RFC 3610 section 2.2, M = 8) -> bytes, whole blocks.

    chain: what the CBC object will exclusive-or into B_0, and so is taken out of it here."""
    for i in range(size):
        out[i] = data[i] ^ stream[16 + i]
    blocks[0] = 0x59
    blocks[1:14] = nonce
    blocks[14] = size >> 8
    blocks[15] = size & 255
    for i in range(16):
        blocks[i] ^= chain[i]
    blocks[16] = len(aad) >> 8
    blocks[17] = len(aad) & 255
    at = 18 + len(aad)
    blocks[18:at] = aad
    at = _pad(blocks, at)
    blocks[at : at + size] = plain[:size]
    return _pad(blocks, at + size)


def _pad(blocks, at):
    while at & 15:
        blocks[at] = 0
        at += 1
    return at


def tag(chain, blocks, end, stream, out, sealed, size):
    """Renews the chain, and puts the tag into out from size on -> zero when sealed has it there too.
    It takes as long whichever byte differs."""
    chain[:] = blocks[end - 16 : end]
    found = 0
    for i in range(8):
        b = chain[i] ^ stream[i]
        out[size + i] = b
        found |= b ^ sealed[size + i]
    return found


def bind(nonce, base, aad, own, asked):
    """Own partial IV into the nonce (RFC 8613 section 5.2), that of the request to its place in the AAD (5.4).

    Both as an OSCORE option has them: the length is in three bits before."""
    size = own[0] & 7
    nonce[8:] = base[8:]
    for i in range(size):
        nonce[_NONCE_B - size + i] ^= own[1 + i]
    size = asked[0] & 7
    aad[-1 - size : -1] = asked[1 : 1 + size]


def put(out, at, delta, value):
    """An option at an offset (RFC 7252 section 3.1), or with a delta of 65536 the payload and its marker -> the next
    offset; -1 when out of order, or no room. Stays -1 when it was."""
    size = len(value)
    if at < 0 or delta < 0 or at + size + 5 > len(out):
        return -1
    if delta == _PAYLOAD:
        if not size:
            return at
        out[at] = 0xFF
        at += 1
    else:
        head = at
        out[at] = 0
        at += 1
        for n, shift in ((delta, 4), (size, 0)):
            if n < 13:
                out[head] |= n << shift
            elif n < 269:
                out[head] |= 13 << shift
                out[at] = n - 13
                at += 1
            else:
                out[head] |= 14 << shift
                out[at] = n - 269 >> 8
                out[at + 1] = n - 269 & 255
                at += 2
    out[at : at + size] = value
    return at + size


def take(data, at, into):
    """Appends the options from an offset to the end (RFC 7252 section 3.1) to a list -> offset of the payload;
    less than zero, -1 - offset, where it is malformed. data: a view, and so are the values."""
    number = 0
    end = len(data)
    while at < end:
        head = data[at]
        at += 1
        if head == 0xFF:
            return at if at < end else -1 - at
        size = 0
        for n in (head >> 4, head & 15):
            number += size  # the delta, the second time
            size = n
            if n > 12:
                if n == 15 or at + n - 12 > end:
                    return -1 - at
                size = 13 + data[at] if n == 13 else 269 + (data[at] << 8 | data[at + 1])
                at += n - 12
        if at + size > end or number > 65535 or len(into) == _MAX_OPTIONS:
            return -1 - at
        into.append((number, data[at : at + size]))
        at += size
    return at


def same(data, at, other):
    """Whether data from an offset on is the other, to the end."""
    return bytes(data[at:]) == other
