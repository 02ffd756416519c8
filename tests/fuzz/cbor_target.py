"""The viper codec on a corpus, on MicroPython: `micropython tests/fuzz/cbor_target.py CORPUS`, one input in hex a line.

Prints outcome() of each on a line of its own. The twins must also write what was read in the same way.
"""

import struct
import sys
from binascii import hexlify, unhexlify

from toscore import cbor
from toscore.errors import WireError


def shown(value):
    """A value as text, the same on both interpreters, that tells types apart and maps in whichever order alike."""
    if isinstance(value, float):
        return "nan" if value != value else "f" + hexlify(struct.pack(">d", value)).decode()
    if isinstance(value, str):
        return "t" + hexlify(value.encode()).decode()
    if isinstance(value, bytes):
        return "b" + hexlify(value).decode()
    if isinstance(value, list):
        return "[" + ",".join([shown(item) for item in value]) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(sorted([shown(key) + ":" + shown(value[key]) for key in value])) + "}"
    if isinstance(value, cbor.Tag):
        return "%d(%s)" % (value.number, shown(value.value))
    return repr(value)


def outcome(codec, data):
    """ "VALUE up to OFFSET", or "error CODE at OFFSET"."""
    try:
        value, end = codec.load_from(data, 0)
    except WireError as e:
        return "error %d at %d" % (e.code, e.detail)
    if codec is not cbor and codec.dumps(value) != cbor.dumps(value):
        return "written differently: " + shown(value)
    return "%s up to %d" % (shown(value), end)


if __name__ == "__main__":
    from toscore import cbor_viper

    with open(sys.argv[1]) as corpus:
        for line in corpus:
            print(outcome(cbor_viper, unhexlify(line.strip())))
