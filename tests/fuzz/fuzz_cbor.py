"""Fuzzing the CBOR codec on CPython against cbor2, and its viper twin on MicroPython against the plain one."""

import collections
import io
import os
import random
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import cbor2
from fuzz.cbor_target import outcome, shown
from toscore import cbor
from toscore.cbor import Simple, Tag, undefined
from tosplus.sim.process import micropython

MICROPYPATH = "lib:tests:.frozen"

# First bytes that lead somewhere, for inputs that encode nothing but come close.
HEADS = bytes.fromhex("001718203857414258 5f60617f80819fa0a1 bfc1c2c3d8f4f6f7f8 f9fafbff")
EDGES = [n + d for n in (0, 24, *(1 << bits for bits in (8, 16, 30, 31, 32, 62, 63, 64))) for d in (-1, 0, 1)]
# Of tags; 256 would make cbor2 write strings as references.
NUMBERS = (0, 1, 23, 24, 255, 257, 65536, (1 << 32) - 1, 1 << 32, (1 << 64) - 1)
TEXT = "az\0\x7f\x80\xfc\u07ff\u0800\u6c34\uffff\U00010151\U0010ffff"

# cbor2 would turn these tags into dates, decimals, shared references and the like; here all stay as they came.
TAGS = {*range(300), 1004, 1040, 43000, 55799} - {2, 3}
AS_SENT = {tag: lambda value, immutable, tag=tag: cbor2.CBORTag(tag, value) for tag in TAGS}


def random_scalar(rng):
    what = rng.randrange(12)
    if what < 2:
        return rng.choice(EDGES) * rng.choice((1, -1))
    if what == 2:
        return rng.randrange(-1000, 1000)
    if what == 3:
        return rng.getrandbits(rng.randrange(1, 100)) * rng.choice((1, -1))
    if what == 4:
        return rng.choice((True, False, None))
    if what == 5:
        return struct.unpack(">d", rng.randbytes(8))[0]
    if what == 6:
        return struct.unpack(">f", rng.randbytes(4))[0]
    if what == 7:
        return struct.unpack(">e", rng.randbytes(2))[0]
    if what < 10:
        return "".join(rng.choices(TEXT if what == 8 else "abc", k=rng.choice((0, 3, 8, 23, 24, 40))))
    return rng.randbytes(rng.choice((0, 1, 8, 23, 24, 30, 300)))


def random_key(rng):
    key = random_scalar(rng)
    return 0 if key != key else key


def random_value(rng, depth):
    what = rng.randrange(12 if depth else 7)
    if what < 6:
        return random_scalar(rng)
    if what == 6:
        return rng.choice((undefined, Simple(rng.randrange(20)), Simple(rng.randrange(32, 256))))
    if what == 7:
        return Tag(rng.choice(NUMBERS), random_value(rng, depth - 1))
    if what < 10:
        return [random_value(rng, depth - 1) for _ in range(rng.randrange(8))]
    return {random_key(rng): random_value(rng, depth - 1) for _ in range(rng.randrange(8))}


def random_input(rng, data):
    """An encoding as it is, wrapped, damaged, or nothing but plausible bytes."""
    what = rng.randrange(10)
    if what == 0:
        return data
    if what == 1:
        return rng.randbytes(rng.randrange(20))
    if what == 2:
        return bytes(rng.choices(HEADS, k=rng.randrange(40)))
    if what == 3:
        return rng.choice((b"\x81", b"\xa1\x00", b"\xc1")) * rng.randrange(20) + data
    if what == 4:
        return b"\xa1" + data + b"\x00"
    broken = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(broken) + 1)
        if rng.randrange(3) == 0:
            broken[at:at] = bytes([rng.choice(HEADS)])
        elif rng.randrange(6) == 0:
            del broken[at:]
        elif at < len(broken):
            broken[at] = rng.choice((rng.randrange(256), broken[at] ^ 1 << rng.randrange(8)))
    return bytes(broken)


def for_cbor2(value):
    """Our value as cbor2 has it; maps in the order of its canonical form, RFC 7049 section 3.9."""
    if isinstance(value, list):
        return [for_cbor2(item) for item in value]
    if isinstance(value, dict):
        return {key: for_cbor2(value[key]) for key in in_order(value)}
    if isinstance(value, Tag):
        return cbor2.CBORTag(value.number, for_cbor2(value.value))
    if isinstance(value, Simple):
        return cbor2.undefined if value == undefined else cbor2.CBORSimpleValue(value.number)
    return value


def in_order(value):
    if isinstance(value, list):
        return [in_order(item) for item in value]
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(cbor.dumps(key)), cbor.dumps(key)))
        return {key: in_order(value[key]) for key in keys}
    if isinstance(value, Tag):
        return Tag(value.number, in_order(value.value))
    return value


def from_cbor2(value):
    if isinstance(value, (list, tuple)):
        return [from_cbor2(item) for item in value]
    if isinstance(value, Mapping):
        return {from_cbor2(key): from_cbor2(item) for key, item in value.items()}
    if isinstance(value, cbor2.CBORTag):
        return Tag(value.tag, from_cbor2(value.value))
    if isinstance(value, cbor2.CBORSimpleValue):
        return Simple(value.value)
    return undefined if value is cbor2.undefined else value


def has_odd_key(value):
    """Whether cbor2 read a map with a key that we refuse: an array, a map, a tag, a simple value or NaN."""
    if isinstance(value, cbor2.CBORTag):
        return has_odd_key(value.value)
    if isinstance(value, Mapping):
        odd = (tuple, Mapping, cbor2.CBORTag, cbor2.CBORSimpleValue, type(cbor2.undefined))
        return any(isinstance(k, odd) or k != k or has_odd_key(item) for k, item in value.items())
    return isinstance(value, (list, tuple)) and any(map(has_odd_key, value))


def read_by_cbor2(data):
    """(value, next offset), or None when it is not well-formed."""
    file = io.BytesIO(data)
    decoder = cbor2.CBORDecoder(file, read_size=1, semantic_decoders=AS_SENT, allow_duplicate_keys=False)
    try:
        return decoder.decode(), file.tell()
    except cbor2.CBORDecodeError:
        return None


def written_alike(value):
    ours = cbor.dumps(in_order(value))
    assert ours == cbor2.dumps(for_cbor2(value), canonical=True), f"{value!r} is {ours.hex()} by us"
    # Other than in canonical form cbor2 writes floats as doubles.
    assert shown(cbor.loads(cbor2.dumps(for_cbor2(value)))) == shown(value), f"{value!r}"
    return ours


def read_alike(data):
    """How it was read: alike, or a difference that is meant."""
    ours = outcome(cbor, data)
    theirs = read_by_cbor2(data)
    if theirs is None:
        assert ours.startswith("error"), f"{data.hex()} is {ours} by us, cbor2 rejects it"
        return "rejected"
    if ours.startswith("error 303"):
        return "deeper than 16"
    if has_odd_key(theirs[0]):
        assert ours.startswith("error 304"), f"{data.hex()} is {ours} by us, cbor2 reads {theirs}"
        return "odd key"
    theirs = f"{shown(from_cbor2(theirs[0]))} up to {theirs[1]}"
    assert ours == theirs, f"{data.hex()} is {ours} by us, {theirs} by cbor2"
    return "accepted"


def read_by_twin(inputs):
    """outcome() of each by the viper twin, all in one MicroPython."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.write_text("".join(data.hex() + "\n" for data in inputs))
        done = subprocess.run(
            [micropython(), "tests/fuzz/cbor_target.py", str(corpus)],
            env={**os.environ, "MICROPYPATH": MICROPYPATH},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def fuzz_cbor(cases, seed):
    """Random values and bytes: cbor2, the plain codec and the viper twin write and read them alike."""
    rng = random.Random(seed)
    inputs = []
    verdicts = collections.Counter()
    try:
        for _ in range(cases):
            data = written_alike(random_value(rng, rng.randrange(4)))
            inputs.append(random_input(rng, data))
            verdicts[read_alike(inputs[-1])] += 1
        read = read_by_twin(inputs)
        assert len(read) == cases
        for data, twin in zip(inputs, read):
            assert twin == outcome(cbor, data), f"{data.hex()} is {twin} by the twin, {outcome(cbor, data)} by us"
    except AssertionError as e:
        raise AssertionError(f"seed {seed}: {e}") from None
    print(", ".join(f"{name} {count}" for name, count in verdicts.most_common()))
    for verdict in ("accepted", "rejected", "odd key", "deeper than 16"):
        assert verdicts[verdict] > cases // 500, f"seed {seed}: hardly any input was {verdict}"
