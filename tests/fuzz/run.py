"""`make fuzz`: every fuzzer, more cases than `make test` takes. `python -m fuzz.run [--cases N] [--seed N]`."""

import argparse
import os
import random
import shutil
import sys
import time
from pathlib import Path


def micropython():
    """The Unix port: $MICROPYTHON, or the one installed beside this Python, or on PATH."""
    beside = Path(sys.executable).with_name("micropython")
    return os.environ.get("MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))


def command(*fuzzers):
    """The command line of fuzzers, functions of (cases, seed); each says which seed repeats its run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    args = parser.parse_args()
    for fuzz in fuzzers:
        began = time.monotonic()
        print(f"{fuzz.__name__}: {args.cases} cases, seed {args.seed} ...", flush=True)
        fuzz(args.cases, args.seed)
        print(f"{fuzz.__name__}: held, {time.monotonic() - began:.0f} s")
