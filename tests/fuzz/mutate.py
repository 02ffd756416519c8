"""Damaged copies of whole datagrams. MicroPython."""


def mutated(rng, data, telling=b"", most=1300):
    """rng: as the module random. telling: bytes that mean something where they come to stand. most: B."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data)) if data else 0
        what = rng.randrange(5)
        if what == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1 and data:
            data[at] = rng.choice(telling) if telling and rng.randrange(2) else rng.randrange(256)
        elif what == 2:
            data = data[:at]
        elif what == 3:
            data = data[:at] + bytes((rng.randrange(256),)) + data[at:]
        else:
            data = data + data[:at]
    return bytes(data[:most])
