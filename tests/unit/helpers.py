"""What tests share on both interpreters."""


def raises(error, fn, *args):
    """Call fn, which must raise this error; returns it."""
    try:
        fn(*args)
    except error as e:
        return e
    raise AssertionError("%s was not raised" % error.__name__)


try:
    from cryptolib import aes
    from toscore import oscore_kernel_viper as kernel
except ImportError:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from toscore import oscore_kernel as kernel  # noqa: F401

    class aes:
        """The port of this name (firmware/tos/ports), for CPython."""

        def __init__(self, key, mode, iv=None):
            cipher = Cipher(algorithms.AES(bytes(key)), modes.ECB() if mode == 1 else modes.CBC(bytes(iv)))
            self._encryptor = cipher.encryptor()

        def encrypt(self, data, into):
            into[: len(data)] = self._encryptor.update(bytes(data))


try:
    import io

    import deflate

    def inflate(data, n):
        """Raw deflate with a window of 1 KB: at most n bytes of what it holds."""
        return deflate.DeflateIO(io.BytesIO(data), deflate.RAW, 10).read(n)

except ImportError:
    import zlib

    def inflate(data, n):
        """Raw deflate with a window of 1 KB: at most n bytes of what it holds."""
        stream = zlib.decompressobj(-10)
        try:
            data = stream.decompress(data, n)
        except zlib.error:
            raise ValueError("deflate") from None
        if not stream.eof and len(data) < n:
            raise EOFError
        return data


class Random:
    """The same numbers on both interpreters."""

    def __init__(self, seed):
        self._state = seed

    def below(self, n):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % n

    def bytes(self, n):
        return bytes([self.below(256) for _ in range(n)])
