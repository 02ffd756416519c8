"""AES-CMAC, RFC 4493, in one call of CBC. Pure: the cipher is an argument."""

from micropython import const

_CBC = const(2)
_ZERO = bytes(16)
_MASK = (1 << 128) - 1


def cmac(aes, key, buf, size):
    """-> 16 bytes for the first size bytes of buf. aes: as the port of this name.

    buf: a bytearray or memoryview with room up to the end of the last block, 16 B at least. It is overwritten.
    """
    end = size + 15 & ~15 or 16
    cbc = aes(key, _CBC, _ZERO)
    block = bytearray(16)
    cbc.encrypt(block, block)
    whole = int.from_bytes(block, "big")
    subkey = whole << 1
    if size < end:
        buf[size] = 0x80
        for n in range(size + 1, end):
            buf[n] = 0
        subkey <<= 1
    over = subkey >> 128
    # The field's polynomial, section 2.3, for the one or two bits that were shifted out.
    subkey = subkey & _MASK ^ over * 0x87 if over < 3 else subkey & _MASK ^ 0x189
    # The cipher keeps what it made last and would add it to the first block: taken off here, the chain begins anew.
    first = int.from_bytes(buf[:16], "big") ^ whole
    if end == 16:
        first ^= subkey
    else:
        buf[end - 16 : end] = (int.from_bytes(buf[end - 16 : end], "big") ^ subkey).to_bytes(16, "big")
    buf[:16] = first.to_bytes(16, "big")
    view = buf if len(buf) == end else memoryview(buf)[:end]
    cbc.encrypt(view, view)
    return bytes(buf[end - 16 : end])
