"""Makes patches.json by the real detools, 0.53: `python tests/vectors/make_patches.py`, in an environment of its own.

detools is published as source and wants a C++ compiler, so that no lock has it, and no test runs this. A row is what
the case is, the base, what is new, and the patch, in hex.
"""

import hashlib
import io
import json
from pathlib import Path

import detools

HERE = Path(__file__).parent


def noise(n, seed):
    return b"".join(hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(n // 32 + 1))[:n]


A = noise(600, 1)
CASES = {
    "nothing has changed": (A, A),
    "one byte": (A, A[:300] + b"x" + A[301:]),
    "one byte more": (A, A[:300] + b"x" + A[300:]),
    "one byte less": (A, A[:300] + A[301:]),
    "every tenth byte": (A, bytes(byte ^ (i % 10 == 0) for i, byte in enumerate(A))),
    "pieces in another order": (A, A[400:] + A[200:400] + A[:200]),
    "a piece three times": (A, A[:250] + A[:250] + A[:250]),
    "new at the front, and shorter": (A, noise(100, 2) + A[:300]),
    "all new": (A, noise(300, 3)),
    "from nothing": (b"", noise(300, 4)),
    "one byte from one": (b"a", b"b"),
    "long runs": (bytes(1000), bytes(400) + b"\xff" * 300 + bytes(300)),
    "text": (b"app.set('power', False)\n" * 20, b"app.set('power', True)\n" * 10 + b"app.set('power', False)\n" * 14),
}


def patch(base, new):
    made, checked = io.BytesIO(), io.BytesIO()
    detools.create_patch(io.BytesIO(base), io.BytesIO(new), made, compression="none")
    made.seek(0)
    detools.apply_patch(io.BytesIO(base), made, checked)
    assert checked.getvalue() == new
    return made.getvalue()


if __name__ == "__main__":
    rows = [[name, base.hex(), new.hex(), patch(base, new).hex()] for name, (base, new) in CASES.items()]
    (HERE / "patches.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
