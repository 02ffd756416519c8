"""The port for AES with a witness: what its keys and nonces were. Unix port only."""

import cryptolib


def recording(seals):
    """-> a cipher class that writes each key and nonce to a file of the host's, at once, so that it outlives a cut.

    The first block of a key stream has the nonce (RFC 3610 section 2.3).
    """

    class Aes:
        def __init__(self, key, mode, *iv):
            self._key = bytes(key).hex()
            self._is_stream = mode == 1
            self._cipher = cryptolib.aes(key, mode, *iv)

        def encrypt(self, data, into):
            if self._is_stream:
                seals.write("%s %s\n" % (self._key, bytes(data[1:14]).hex()))
                seals.flush()
            self._cipher.encrypt(data, into)

    return Aes
