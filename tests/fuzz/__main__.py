"""`make fuzz`: every fuzzer, for more cases than `make test` takes. `python -m fuzz [--cases N] [--seed N]`."""

import argparse
import random
import time

from fuzz import fuzz_cbor, fuzz_hub, fuzz_link, fuzz_money, fuzz_tapped, fuzz_till

FUZZERS = (
    fuzz_cbor.fuzz_cbor,
    fuzz_link.fuzz_coap,
    fuzz_link.fuzz_link,
    fuzz_link.fuzz_fetch,
    fuzz_link.fuzz_oscore,
    fuzz_link.fuzz_secured,
    fuzz_link.fuzz_pairing,
    fuzz_link.fuzz_trust,
    fuzz_link.fuzz_mdns,
    fuzz_link.fuzz_improv,
    fuzz_link.fuzz_improv_ble,
    fuzz_link.fuzz_ota,
    fuzz_link.fuzz_portal,
    fuzz_link.fuzz_pn532,
    fuzz_link.fuzz_card,
    fuzz_link.fuzz_counter,
    fuzz_money.fuzz_money,
    fuzz_tapped.fuzz_tapped,
    fuzz_till.fuzz_till,
    fuzz_till.fuzz_till_sealed,
    fuzz_hub.fuzz_hub,
)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--cases", type=int, default=100_000)
parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="repeats a run")
args = parser.parse_args()
for fuzz in FUZZERS:
    began = time.monotonic()
    cases = args.cases * 10 if fuzz is fuzz_money.fuzz_money else args.cases
    print(f"{fuzz.__name__}: {cases} cases, seed {args.seed} ...", flush=True)
    fuzz(cases, args.seed)
    print(f"{fuzz.__name__}: held, {time.monotonic() - began:.0f} s", flush=True)
