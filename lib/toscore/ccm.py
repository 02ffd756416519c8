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
_VIEWS = const(12)

# Shared by all keys: one thread only.
_stream = memoryview(bytearray(16 + MAX_B))
_blocks = memoryview(bytearray(16 + 96 + MAX_B))
# Their first n blocks, for short messages: making a view costs a third of what encrypting it does.
_streams = [_stream[: 16 * n] for n in range(_VIEWS)]
_blockses = [_blocks[: 16 * n] for n in range(_VIEWS)]


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
        stream = _streams[n] if n < _VIEWS else _stream[: n << 4]
        kernel.counters(stream, nonce, n)
        self._ecb.encrypt(stream, stream)
        chain = self._chain
        out = bytearray(size if opening else size + TAG_B)
        end = kernel.crypt(_blocks, chain, nonce, aad, out, data, stream, out if opening else data, size)
        n = end >> 4
        blocks = _blockses[n] if n < _VIEWS else _blocks[:end]
        self._cbc.encrypt(blocks, blocks)
        if not opening:
            kernel.tag(chain, blocks, end, stream, out, out, size)
        # The tag that is made here goes where nobody reads it.
        elif kernel.tag(chain, blocks, end, stream, _blocks, data, size):
            return None
        return out
