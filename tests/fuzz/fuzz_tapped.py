"""Traces of taps, damaged: the hub tells them or says that it is none, and never the number of a token."""

import json
import random

import traced
from fuzz.mutate import mutated
from tosplus.hub.tapped import decoded


def hidden(number, told):
    """Whether no more than four digits of it stand anywhere, as digits or as text in hex; 11 of them are too many."""
    text = json.dumps(told, ensure_ascii=False).lower()
    parts = [number[at : at + 11] for at in range(len(number) - 10)]
    return not any(part in text or part.encode().hex() in text for part in parts)


def fuzz_tapped(cases, seed):
    rng = random.Random(seed)
    seeds = [traced.tapped(1250), traced.torn(), traced.tapped(reply=traced.DECLINED)]
    clear = 0
    for n in range(cases):
        began, rows = rng.choice(seeds)
        rows = [list(row) for row in rng.sample(rows, rng.choice((1, 2, len(rows))))]
        for _ in range(rng.randint(1, 3) if n % 50 else 0):
            at = rng.randrange(len(rows))
            what = rng.randrange(4)
            if what == 0:
                rows[at][2] = mutated(rng, rows[at][2], b"\x57\x5a\x9f\x38\x83", 300)
            elif what == 1:
                rows[at][1] = rng.randrange(-1, 8)
            elif what == 2 and len(rows) > 1:
                del rows[at]
            else:
                rows.insert(at, [rng.randrange(1 << 20), rng.randrange(7), rng.randbytes(rng.randrange(40))])
        try:
            told = decoded([began, rows])
        except ValueError:
            continue
        clear += 1
        assert hidden(traced.NUMBER, told), (rows, told)
        assert [len(row["hex"]) for row in told["rows"]] == [2 * len(row[2]) for row in rows]
    assert clear
