"""AES-CCM-16-64-128 (RFC 3610, RFC 9053 section 4.2) from one ECB and one CBC call. Pure: the cipher is an argument."""

import micropython
from micropython import const

KEY_B = 16
NONCE_B = 13
TAG_B = const(8)
MAX_B = 1152  # the longest plaintext

_MAX_AAD_B = const(94)
_ECB = const(1)
_CBC = const(2)
_SHORT = const(12)  # blocks; a longer message has buffers of its own


def _views():
    """The first n blocks of a buffer, for each n: making a view costs a third of what encrypting it does."""
    whole = memoryview(bytearray(16 * _SHORT))
    return [whole[: 16 * n] for n in range(_SHORT + 1)]


# Shared by all keys: one thread only.
_streams = _views()
_blocks = _views()


class Ccm:
    """One key. aes: as the port of this name. kernel: oscore_kernel, or on a device oscore_kernel_viper."""

    def __init__(self, aes, kernel, key):
        self._kernel = kernel
        self._ecb = aes(key, _ECB)
        self._cbc = aes(key, _CBC, bytes(16))
        self._chain = bytearray(16)  # the last block that _cbc made: it keeps that, and a new object costs far more

    @micropython.native
    @micropython.native  # for its frame, which is too large for the stack otherwise, and then comes from the heap
    def crypt(self, nonce, aad, data, size, opening):
        """Seals the first size bytes of data -> ciphertext and tag, 8 B longer; or opens these size bytes and the tag
        behind them -> the plaintext, None when they were not sealed with this key, nonce and aad.

        nonce: 13 B, never twice with one key for sealing. aad: 1..94 B. Raises ValueError for a length that does not
        fit."""
        if len(nonce) != NONCE_B or len(aad) > _MAX_AAD_B or size < 0 or size > MAX_B:
            raise ValueError("length")
        kernel = self._kernel
        n = size + 31 >> 4
        stream = _streams[n] if n <= _SHORT else bytearray(n << 4)
        kernel.counters(stream, nonce, n)
        self._ecb.encrypt(stream, stream)
        chain = self._chain
        out = bytearray(size if opening else size + TAG_B)
        n += len(aad) + 17 >> 4
        blocks = _blocks[n] if n <= _SHORT else bytearray(n << 4)
        kernel.crypt(blocks, chain, nonce, aad, out, data, stream, out if opening else data, size)
        self._cbc.encrypt(blocks, blocks)
        n <<= 4
        if not opening:
            kernel.tag(chain, blocks, n, stream, out, out, size)
        # The tag that is made here goes where nobody reads it.
        elif kernel.tag(chain, blocks, n, stream, blocks, data, size):
            return None
        return out
