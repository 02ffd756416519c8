"""A signed manifest with each of its bytes damaged in turn, 10 ms each. Both interpreters."""

from helpers import inflate, raises
from test_ota import KEYS, ONE
from toscore import cbor, ota_manifest
from toscore.errors import TosError


def test_every_byte_of_the_message_counts():
    for i in range(len(ONE)):
        broken = bytearray(ONE)
        broken[i] ^= 1 << (i & 7)
        assert raises(TosError, ota_manifest.read, broken, KEYS, cbor, inflate).code in (387, 389, 390), i
